"""Where an earlier run goes on: its folder, the checkpoint to begin from, and what of the folder stands in the way."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .checkpoints import CheckpointStore, load_state, step_of
from .errors import CheckpointError
from .run_folder import MANIFEST, RUNS, unfinished_runs

logger = logging.getLogger("trainergen")


@dataclass(frozen=True)
class ResumePoint:
    """A checkpoint of a run.

    Attributes:
        folder: the run's.
        checkpoint: below it.
        explicit: whether this very checkpoint was asked for, and not the run's newest.
    """

    folder: Path
    checkpoint: Path
    explicit: bool

    @property
    def has_manifest(self) -> bool:
        """Whether the folder is a run's, and not one that a checkpoint was copied to."""
        return (self.folder / MANIFEST).exists()

    def manifest(self) -> dict[str, Any]:
        """What the run says of itself."""
        found: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return found


def locate(source: Path | str, parent: Path, name: str, read: list[dict[str, Any]]) -> ResumePoint | None:
    """Find what is to be resumed; None where a new run is to begin.

    Args:
        source: a run's folder, its manifest, a checkpoint, or ``"auto"`` for the newest unfinished run.
        parent: where runs of this trainer lie, ``<model_save_directory>``.
        name: of the trainer's class.
        read: gets the checkpoint's state, which had to be read to know that it can be.

    Raises:
        CheckpointError: there is no such run, or none of its checkpoints can be read.
    """
    if source == "auto":
        return _newest_unfinished(parent, name, read)
    source = Path(source)
    if not source.exists():
        raise CheckpointError(f"{source}: no such run or checkpoint")
    folder = source if source.is_dir() else source.parent
    folder = folder if (folder / MANIFEST).exists() else folder.parent
    if source.is_file() and source.name != MANIFEST:
        read.append(load_state(source))
        return ResumePoint(folder, source, explicit=True)
    checkpoint, state = CheckpointStore(folder / "checkpoints", None).load_newest()
    read.append(state)
    return ResumePoint(folder, checkpoint, explicit=False)


def _newest_unfinished(parent: Path, name: str, read: list[dict[str, Any]]) -> ResumePoint | None:
    for folder in unfinished_runs(parent, name):
        try:
            checkpoint, state = CheckpointStore(folder / "checkpoints", None).load_newest()
        except CheckpointError as problem:  # nobody may be there to say what to do instead
            logger.warning("%s: this run is passed over", problem)
            continue
        read.append(state)
        return ResumePoint(folder, checkpoint, explicit=False)
    logger.info("no unfinished run of %s below %s: a new one begins", name, parent / RUNS)
    return None


def take_over(point: ResumePoint, step: int) -> bool:
    """Whether the resumed run goes on in the same folder; from an old checkpoint it would write over later ones.

    Args:
        point: what is resumed.
        step: that the run goes on from.
    """
    every = CheckpointStore(point.folder / "checkpoints", None).resumable()
    later = [path for path in every if step_of(path) > step]
    if point.explicit and later:
        logger.warning("%s has later checkpoints: a new run begins from this one", point.folder)
        return False
    for damaged in later:  # passed over because it can't be read: out of the way of rotation and the next resume
        damaged.replace(damaged.with_suffix(".damaged"))
    return True
