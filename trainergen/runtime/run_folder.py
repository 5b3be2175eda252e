"""Where a run lives: the folder's name, moments in its files, its lock, the search for one that was not finished."""

from __future__ import annotations

import datetime
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .checkpoints import CheckpointStore

try:
    import fcntl
except ImportError:  # not on Windows: there two processes in one run are not told apart
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger("trainergen")

RUNS = "runs"
MANIFEST = "manifest.json"
UNFINISHED = ("running", "interrupted", "failed")
"""The states of a run that ``resume("auto")`` takes up; a diverged run would diverge again."""


def snake_case(name: str) -> str:
    """``SimilarityModel`` as ``similarity_model``, ``MLPClassifier`` as ``mlp_classifier``."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def timestamp() -> str:
    """Now, as ``YYYYmmdd-HHMMSS``."""
    return time.strftime("%Y%m%d-%H%M%S")


def now() -> str:
    """The present moment in UTC, ISO 8601 with microseconds (sorts as text)."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def create_run_folder(parent: Path, name: str) -> Path:
    """A new folder `name` below `parent`, with ``-2``, ``-3`` ... if taken (also by a process at the same moment)."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return folder


def unfinished_runs(model_save_directory: Path, trainer_name: str) -> Iterator[Path]:
    """The runs of `trainer_name` that are not finished, have checkpoints, and that no process works on; newest first.

    What was killed while it wrote its first checkpoint leaves a part of it, which nobody else would remove.
    """
    found: list[tuple[str, Path]] = []
    for manifest_path in (model_save_directory / RUNS).glob(f"*/{MANIFEST}"):
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
            if manifest["trainer"] == trainer_name and manifest["status"] in UNFINISHED:
                found.append((str(manifest["started_at"]), manifest_path.parent))
        except (OSError, ValueError, KeyError, TypeError):
            logger.warning("%s can't be read: this run is passed over", manifest_path)
    for _, folder in sorted(found, reverse=True):
        lock, has_any = RunLock(folder), any((folder / "checkpoints").glob("step-*.pt"))
        if lock.acquire():
            if not has_any:
                CheckpointStore(folder / "checkpoints", None).clean()
            lock.release()
            if has_any:
                yield folder
        elif has_any:
            logger.warning("%s is unfinished, but another process works on it", folder)


class RunLock:
    """Held while a process trains in a run's folder; the kernel releases it with the process, however that ends.

    Processes that it forks (a loader's workers) have no part in it: they may outlive it for seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Take the lock; False if another process holds it."""
        self._file = self._path.open("w", encoding="utf-8")
        if fcntl is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            return False
        _held.add(self)
        return True

    def release(self) -> None:
        """Give the lock back; in a forked process, leave it to the one that took it."""
        _held.discard(self)
        if self._file is not None:
            self._file.close()
            self._file = None


_held: set[RunLock] = set()


def _leave_to_the_parent() -> None:
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_to_the_parent)
