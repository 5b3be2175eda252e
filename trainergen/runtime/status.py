"""status.json: how far a run is, for whoever watches; written at once, never a reason to stop the run."""

from __future__ import annotations

import logging
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import write_json
from .errors import TrainingError
from .history import json_ready
from .pace import Pace, memory
from .run_folder import now

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")

STATUS = "status.json"


class StatusFile:
    """The status of one run.

    Args:
        trainer: whose.
        pace: its clock.
    """

    def __init__(self, trainer: Trainer[Any, Any], pace: Pace) -> None:
        self._trainer = trainer
        self._pace = pace
        self._warned = False

    def write(
        self,
        folder: Path,
        status: str,
        *,
        checkpoint: str | None,
        problem: BaseException | None = None,
        durable: bool = True,
    ) -> None:
        """Replace the file; a disk that refuses is warned of once.

        Args:
            folder: the run's.
            status: as in the manifest: ``running``, ``finished``, ``failed``, ``diverged``, ``interrupted``.
            checkpoint: the latest that can be resumed from, relative to `folder`.
            problem: what ended the run.
            durable: whether to wait for the disk; inside an epoch that would take longer than a step.
        """
        try:
            write_json(folder / STATUS, json_ready(self._data(status, checkpoint, problem)), durable=durable)
        except OSError as refusal:
            if not self._warned:
                self._warned = True
                logger.warning("%s can't be written (%s): the run goes on unwatched", folder / STATUS, refusal)

    def _data(self, status: str, checkpoint: str | None, problem: BaseException | None) -> dict[str, Any]:
        trainer, pace = self._trainer, self._pace
        record = trainer.history[-1] if trainer.history else None
        throughput = pace.throughput()
        return {
            "status": status,
            "trainer": type(trainer).__name__,
            "updated_at": now(),
            "host": platform.node(),
            "process": os.getpid(),
            "epoch": trainer.epoch,
            "epochs": trainer.config.num_epochs,
            "step": trainer.step,
            "steps": pace.planned_steps,
            "steps_into_epoch": pace.steps_into_epoch,
            "steps_an_epoch": pace.steps_an_epoch,
            "loss": pace.loss,
            "monitor": trainer.monitor.path,
            "best": trainer.early_stopping.best,
            "learning_rate": trainer.learning_rate,
            "last_record": record,
            "steps_per_second": pace.steps_per_second or throughput["steps_per_second"],
            "samples_per_second": throughput["samples_per_second"],
            "tokens_per_second": throughput["tokens_per_second"],
            "seconds": pace.seconds,
            "loader_wait_share": trainer.feed.wait_share,
            "eta_seconds": pace.eta_seconds if status == "running" else None,
            "memory": memory(trainer.device),
            "checkpoint": checkpoint,
            "stop_reason": trainer.stop_reason,
            "error": None if problem is None else _error(problem),
        }


def _error(problem: BaseException) -> dict[str, Any]:
    if isinstance(problem, TrainingError):
        return problem.to_json()
    return {"error": type(problem).__name__, "what": str(problem)}
