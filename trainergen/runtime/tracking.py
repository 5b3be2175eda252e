"""Sends what a run measures to the trackers that its configuration names; one that fails never stops the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from .callbacks import Callback
from .seeding import preserved_random_state
from .trackers import TrackedRun, Tracker, load_tracker

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")


class Tracking(Callback):
    """All trackers of a run: the loss every n-th step, everything else once an epoch.

    Names are ``step/loss``, ``step/steps_per_second``, ``train/...``, ``validation/...``, ``learning_rate``,
    ``epoch``, ``seconds``, ``samples_per_second``; the axis is the optimizer step. A dry run is not recorded.

    Args:
        names: as the setting ``trackers`` gives them.
        every: steps; 0 for epochs alone.

    Raises:
        SettingError: a package that one needs is not installed. An error and no warning: who asked for a tracker would
            find out after the training that it was not recorded, and before the first step nothing is lost.
    """

    def __init__(self, names: tuple[str, ...], every: int) -> None:
        self._classes = {name: load_tracker(name) for name in names}
        self._open: dict[str, Tracker] = {}
        self._every = every

    def on_train_begin(self, trainer: Trainer[Any, Any]) -> None:
        """Begin to record, each tracker for itself; the run's random numbers stay as they were."""
        run = trainer.recorder.tracked_run()
        if run is None or trainer.dry_run_steps is not None:
            return
        for name in self._classes:
            with preserved_random_state():
                self._attempt(name, partial(self._start, name, run))

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        """Record the loss of every n-th step."""
        if not self._every or trainer.step % self._every or not self._open:
            return
        pace = trainer.recorder.pace
        values = {"step/loss": pace.read(loss), "learning_rate": trainer.learning_rate}
        if pace.steps_per_second is not None:
            values["step/steps_per_second"] = pace.steps_per_second
        self._log(trainer.step, values)

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:
        """Record an epoch."""
        values = {
            "epoch": float(record["epoch"]),
            "learning_rate": record["learning_rate"],
            "seconds": record["seconds"],
        }
        for phase in ("train", "validation"):
            values |= {f"{phase}/{name}": float(value) for name, value in (record[phase] or {}).items()}
        rate = trainer.recorder.pace.throughput()["samples_per_second"]
        if rate is not None:
            values["samples_per_second"] = rate
        self._log(record["step"], values)

    def on_run_end(self, trainer: Trainer[Any, Any], status: str) -> None:  # noqa: ARG002
        """Close all trackers."""
        for name, tracker in list(self._open.items()):
            self._attempt(name, partial(tracker.finish, status))
        self._open.clear()

    def _start(self, name: str, run: TrackedRun) -> None:
        self._open[name] = self._classes[name](run)

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        for name, tracker in list(self._open.items()):
            self._attempt(name, partial(tracker.log, step, values))

    def _attempt(self, name: str, action: Callable[[], object]) -> None:
        try:
            action()
        except (Exception, SystemExit) as problem:
            self._open.pop(name, None)
            logger.warning(
                "the tracker %s failed and records nothing more (the run goes on): %s: %s",
                name,
                type(problem).__name__,
                problem,
            )
