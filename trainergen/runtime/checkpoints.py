"""The checkpoints of one run: written whole, rotated, and read back, newest valid first."""

from __future__ import annotations

import logging
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from .atomic import read_tensors, remove_unfinished, write_tensors
from .errors import CheckpointCorrupt, CheckpointError

logger = logging.getLogger("trainergen")

BEST = "best.pt"
LIST = ".metadata"
"""The file that says where in a folder of parts each tensor is; torch.distributed.checkpoint writes it last."""


class CheckpointStore:
    """A run's ``checkpoints/`` folder: ``step-NNNNNNNN.pt`` can be resumed from, ``best.pt`` is a plain state_dict.

    A divided model's parts are in a folder beside it, ``step-NNNNNNNN.shards``, which the file names. Where a step is saved
    again (an epoch's end may be a step that was saved already) the new parts get a folder of their own, for the ones
    before are a checkpoint's until the file names the new ones.

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
        for before in _all_shards(path):
            if before != shards_of(path, state):
                shutil.rmtree(before, ignore_errors=True)
        if self.keep_last is not None:
            for old in self.resumable()[: -self.keep_last]:
                if self.source is None or old.name != self.source.name:
                    old.unlink(missing_ok=True)
                    for parts in _all_shards(old):
                        shutil.rmtree(parts, ignore_errors=True)
        return path

    def prepare_shards(self, step: int) -> Path:
        """Where the ranks write what each holds of model and optimizer; valid once `save_state` has been called."""
        path = self.directory / f"step-{step:08d}.pt"
        known = _all_shards(path)
        if not path.exists():  # nothing can be resumed from what a save that failed has left
            for unfinished in known:
                shutil.rmtree(unfinished, ignore_errors=True)
        folder, number = path.with_suffix(".shards"), 2
        while folder.exists():
            folder, number = path.with_name(f"{path.stem}-{number}.shards"), number + 1
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
                if _is_of_no_use(shards):
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


def shards_of(path: Path, state: Mapping[str, Any]) -> Path | None:
    """The folder that holds the parts of a divided model; None for a whole one.

    Args:
        path: the resumable checkpoint.
        state: what it holds.
    """
    named = state.get("sharded")
    if not named:
        return None
    return path.with_suffix(".shards") if named is True else path.with_name(named["folder"])  # True in earlier versions


def checksums(folder: Path, rank: int) -> dict[str, int]:
    """The checksums (CRC-32) of what `rank` has written to a folder of parts, by file; of rank 0 also the list of all."""
    own = [*folder.glob(f"__{rank}_*"), *([folder / LIST] if rank == 0 else [])]
    return {path.name: _checksum(path) for path in sorted(own)}


def load_state(path: Path, *, with_parts: bool = True) -> dict[str, Any]:
    """A resumable state, on the CPU.

    Args:
        path: the file.
        with_parts: whether to look also at the checksums of a divided model's parts.

    Raises:
        CheckpointCorrupt: not readable, or not what was written.
        CheckpointError: plain weights instead of a state.
    """
    state = read_tensors(path)
    if not isinstance(state, dict) or "parts" not in state or "format" not in state:
        raise CheckpointError(f"{path} holds no state to resume from (plain weights?); take a step-*.pt file")
    parts = shards_of(path, state)
    if parts is not None and with_parts:
        problem = _problem_of(parts, state["sharded"])
        if problem is not None:
            raise CheckpointCorrupt(f"{path} can't be read: {problem}", details={"file": str(path)})
    return state


def _problem_of(parts: Path, written: Literal[True] | Mapping[str, Any]) -> str | None:
    """What is wrong with a divided model's parts."""
    if not (parts / LIST).is_file():
        return f"the parts of the model in {parts.name} are missing"
    for name, checksum in written["files"].items() if written is not True else ():
        try:
            found = _checksum(parts / name)
        except OSError as problem:
            return f"a part of the model, {parts.name}/{name}: {problem.strerror}"
        if found != checksum:
            return f"the checksum of {parts.name}/{name}, a part of the model, is another one"
    return None


def _all_shards(path: Path) -> list[Path]:
    """All folders beside a resumable checkpoint that belong to its step.

    Listed by hand: `Path.glob` keeps every pattern that it was ever asked for.
    """
    if not path.parent.is_dir():
        return []
    beside = (each for each in path.parent.iterdir() if each.suffix == ".shards")
    return [each for each in beside if each.stem == path.stem or each.stem.startswith(f"{path.stem}-")]


def _is_of_no_use(shards: Path) -> bool:
    """Whether a folder of parts belongs to no checkpoint: a process was killed before it, or while it went."""
    path = shards.with_name("-".join(shards.stem.split("-")[:2]) + ".pt")
    if not path.exists():
        return True
    if len(_all_shards(path)) == 1:
        return False
    try:
        return shards != shards_of(path, read_tensors(path))
    except CheckpointCorrupt:
        return False  # nobody can say any more


def _checksum(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found = zlib.crc32(chunk, found)
    return found
