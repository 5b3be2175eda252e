"""The checkpoints of one run: written whole, rotated, and read back, newest valid first."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from .atomic import read_tensors, remove_unfinished, write_tensors
from .errors import CheckpointCorrupt, CheckpointError

logger = logging.getLogger("trainergen")

BEST = "best.pt"


class CheckpointStore:
    """A run's ``checkpoints/`` folder: ``step-NNNNNNNN.pt`` can be resumed from, ``best.pt`` is a plain state_dict.

    Args:
        directory: the folder; created when something is saved.
        keep_last: resumable checkpoints that stay; None for all. ``best.pt`` and weight files are never rotated away.
        source: what the present session was resumed from; it stays as well, so that the session can be done again.
    """

    def __init__(self, directory: Path, keep_last: int | None, source: Path | None = None) -> None:
        self.directory = directory
        self.keep_last = keep_last
        self.source = source

    def resumable(self) -> list[Path]:
        """The resumable checkpoints, oldest first."""
        return sorted((path for path in self.directory.glob("step-*.pt") if path.stem[5:].isdigit()), key=step_of)

    def save_state(self, step: int, state: dict[str, Any]) -> Path:
        """Save a resumable state, then drop the oldest ones beyond `keep_last`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"step-{step:08d}.pt"
        write_tensors(path, state)
        if self.keep_last is not None:
            for old in self.resumable()[: -self.keep_last]:
                if self.source is None or old.name != self.source.name:
                    old.unlink(missing_ok=True)
                    shutil.rmtree(shards_of(old), ignore_errors=True)
        return path

    def prepare_shards(self, step: int) -> Path:
        """Where the ranks write what each holds of model and optimizer; valid once `save_state` has been called."""
        folder = shards_of(self.directory / f"step-{step:08d}.pt")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def save_best(self, weights: dict[str, Any]) -> Path:
        """Replace the best weights."""
        self.directory.mkdir(parents=True, exist_ok=True)
        write_tensors(self.directory / BEST, weights)
        return self.directory / BEST

    def clean(self) -> None:
        """Remove what a killed process left half written."""
        if self.directory.is_dir():
            remove_unfinished(self.directory)
            for shards in self.directory.glob("step-*.shards"):
                if not shards.with_suffix(".pt").exists():
                    shutil.rmtree(shards, ignore_errors=True)

    def load_newest(self) -> tuple[Path, dict[str, Any]]:
        """The newest checkpoint that can be read, and its state; a damaged one is passed over with a warning.

        Raises:
            CheckpointError: there is none.
        """
        for path in reversed(self.resumable()):
            try:
                return path, load_state(path)
            except CheckpointError as problem:
                logger.warning("%s; trying the one before", getattr(problem, "what", problem))
        raise CheckpointError(f"{self.directory} holds no checkpoint that can be resumed from")


def step_of(path: Path) -> int:
    """The optimizer step of a resumable checkpoint; by name step 100,000,000 would come before step 99,999,999."""
    return int(path.stem.removeprefix("step-"))


def shards_of(path: Path) -> Path:
    """The folder beside a resumable checkpoint that holds the parts of a divided model."""
    return path.with_suffix(".shards")


def load_state(path: Path) -> dict[str, Any]:
    """A resumable state, on the CPU.

    Raises:
        CheckpointCorrupt: not readable, or not what was written.
        CheckpointError: plain weights instead of a state.
    """
    state = read_tensors(path)
    if not isinstance(state, dict) or "parts" not in state or "format" not in state:
        raise CheckpointError(f"{path} holds no state to resume from (plain weights?); take a step-*.pt file")
    if state.get("sharded") and not (shards_of(path) / ".metadata").is_file():
        missing = f"the parts of the model in {shards_of(path).name} are missing"
        raise CheckpointCorrupt(f"{path} can't be read: {missing}", details={"file": str(path)})
    return state
