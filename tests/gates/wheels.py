"""Wheels of what is installed here, so that pip can build an environment of its own without a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def wheels(target: Path, *names: str) -> Path:
    """A folder with a wheel of each named distribution and of all that they require."""
    target.mkdir()
    waiting, done = [*names], set[str]()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in done:
            continue
        done.add(name)
        found = distribution(name)
        _pack(found, target)
        for line in found.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return target


def _pack(found: Distribution, target: Path) -> None:
    folder = next(str(file.parent) for file in found.files or () if file.name == "METADATA")
    stem = folder.removesuffix(".dist-info")
    tags = [line.split()[1] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:")]
    rows = []
    with zipfile.ZipFile(target / f"{stem}-{tags[0]}.whl", "w") as archive:
        for file in found.files or ():
            name, path = str(file), Path(str(file.locate()))
            if name.startswith("../"):  # a program; the ones that pip makes itself are made anew
                if path.read_bytes()[:2] == b"#!":
                    continue
                name = f"{stem}.data/scripts/{file.name}"
            if "__pycache__" in name or file.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                continue
            data = path.read_bytes()
            archive.writestr(zipfile.ZipInfo.from_file(path, name), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(data)}\n")
        archive.writestr(f"{folder}/RECORD", "".join(rows) + f"{folder}/RECORD,,\n")
