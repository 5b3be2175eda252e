"""``trainergen check``: the static gates over files that are there; nothing is imported, nothing is run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import FindingsFailed, UnusableInput, did_you_mean
from .gates.engine import check_source
from .gates.facts import Facts
from .inspection.project import find_root
from .record import read_records

if TYPE_CHECKING:
    from .gates.finding import Finding
    from .outcome import Outcome


def check(project: Path | None, paths: tuple[Path, ...], outcome: Outcome) -> None:
    """Run the gates over `paths`, or over all that was generated here where none is named.

    Args:
        project: ``--project``.
        paths: files, and folders whose Python files are meant.
        outcome: gets a line a finding.

    Raises:
        FindingsFailed: a gate found something; the report is whole.
        UnusableInput: no such file, or nothing was generated here.
    """
    root, _ = find_root(project, Path.cwd())
    contracts = {
        path: str(record.plan.get("contract", "default"))
        for record in read_records(root)
        for path in record.paths
        if path.endswith(".py")
    }
    files = [shown for path in paths for shown in _named(path, root)] if paths else list(contracts)
    if not files:
        raise UnusableInput(
            "nothing to check: no trainer was generated here",
            place=str(root),
            hint="name files: trainergen check PATH.py",
        )
    found: list[Finding] = []
    gone = [path for path in files if not (root / path).is_file()]
    for path in dict.fromkeys(each for each in files if each not in gone):
        detect = importlib.import_module(f".contracts.{contracts.get(path, 'default')}.detect", __package__)
        text = (root / path).read_text(encoding="utf-8-sig", errors="replace")
        found += check_source(text, path, Facts(str(root), {path: text}, frozenset(detect.GATES)))
    for each in found:
        outcome.say("fail", f"{each.path}:{each.line}:{each.column}", f"{each.code} {each.message}")
    for path in gone:
        outcome.say("advise", path, "generated, and not there any more")
    outcome.result = {
        "files": [path for path in files if path not in gone],
        "findings": [each._asdict() for each in found],
    }
    count = len(outcome.result["files"])
    noun = "1 file" if count == 1 else f"{count} files"
    if not found:
        outcome.closing = f"Checked {noun} ({{seconds}}): no gate found anything."
        return
    faults = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    outcome.closing = f"Checked {noun} ({{seconds}}): {faults}."
    raise FindingsFailed(faults, hint="correct the lines that are named")


def _named(path: Path, root: Path) -> list[str]:
    """The Python files that a path means, from the root."""
    place = path.absolute()
    if not place.exists():
        near = [each.name for each in place.parent.iterdir()] if place.parent.is_dir() else []
        raise UnusableInput(f"no file {path}", place=str(path), hint=did_you_mean(place.name, sorted(near)))
    resolved = place.resolve()
    if not resolved.is_relative_to(root):
        raise UnusableInput(
            f"{path} lies outside the project {root}", place=str(path), hint="name its project with --project"
        )
    files = sorted(resolved.rglob("*.py")) if resolved.is_dir() else [resolved]
    return [each.relative_to(root).as_posix() for each in files]
