"""What lies in a run's folder: checkpoints by what they are good for, everything else, each with its size."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .wording import size

MOST_FILES = 2000
"""That are looked at, so that a tracker's folder of a million files holds nobody up."""
MOST_SHOWN = 60


@dataclass(frozen=True)
class Artefact:
    """One file, or a folder with all that is in it.

    Attributes:
        path: relative to the run's folder.
        role: what it is good for.
        bytes: None where it is missing.
    """

    path: str
    role: str
    bytes: int | None

    @property
    def size(self) -> str:
        """``1.5 MiB``, or that it is missing."""
        return "missing" if self.bytes is None else size(self.bytes)


ROLES = {
    "history.jsonl": "values of every epoch",
    "manifest.json": "what the run is and what made it so",
    "status.json": "how far it is",
    "plots": "plots of every metric (PNG)",
    "metrics.csv": "values of the csv tracker",
    "metrics.jsonl": "values of the jsonl tracker",
    "tensorboard": "of the tensorboard tracker",
    "wandb": "of the wandb tracker",
}


def artefacts(
    folder: Path, manifest: Mapping[str, Any], ours: tuple[str, ...]
) -> tuple[tuple[Artefact, ...], tuple[Artefact, ...], int]:
    """(checkpoints, the rest, how many of the rest are not shown); `ours` are the report's own files, left out."""
    roles = _roles(manifest)
    checkpoints = {path: Artefact(path, role, _bytes(folder / path)) for path, role in roles.items()}
    others: list[Artefact] = []
    for name in _names(folder):
        if name in ours or name.startswith("."):
            continue
        if name == "checkpoints":
            for inner in _names(folder / name):
                path = f"{name}/{inner}"
                checkpoints.setdefault(path, Artefact(path, _guess(inner), _bytes(folder / path)))
        else:
            others.append(Artefact(name, ROLES.get(name, _guess(name)), _bytes(folder / name)))
    ordered = tuple(checkpoints.values())
    return (
        ordered[:MOST_SHOWN],
        tuple(others[:MOST_SHOWN]),
        max(0, len(ordered) - MOST_SHOWN) + max(0, len(others) - MOST_SHOWN),
    )


def _roles(manifest: Mapping[str, Any]) -> dict[str, str]:
    known = manifest.get("checkpoints", {})
    found: dict[str, list[str]] = {}
    for key, role in (
        ("best", "best weights (plain state_dict)"),
        ("final", "final weights (plain state_dict)"),
        ("latest", "latest, to resume from"),
    ):
        if isinstance(known.get(key), str):
            found.setdefault(known[key], []).append(role)
    every = known.get("all")
    for path in reversed(every if isinstance(every, list) else []):
        if isinstance(path, str) and path not in found:
            found[path] = ["to resume from"]
    return {path: "; ".join(roles) for path, roles in found.items() if "\0" not in path}


def _guess(name: str) -> str:
    if name.startswith("step-"):
        return "to resume from"
    if name.startswith("bad-batch"):
        return "the batch that made the loss not finite"
    if name.endswith(".damaged"):
        return "a checkpoint that could not be read"
    if name.endswith((".safetensors", ".onnx", ".pt2", ".ts")):
        return "an exported model"
    return "weights" if name.endswith(".pt") else ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:MOST_FILES]  # noqa: PTH208 - names are all that is asked
    except OSError:
        return []


def _bytes(path: Path) -> int | None:
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(_sizes(path))
    except OSError:
        return None


def _sizes(folder: Path) -> Iterator[int]:
    count = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            count += 1
            if count > MOST_FILES:
                return
            try:
                yield (Path(parent) / name).stat().st_size
            except OSError:  # gone meanwhile, or a link to nowhere
                continue
