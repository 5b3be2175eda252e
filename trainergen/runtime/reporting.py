"""What happens every few steps and epochs: log lines through the ``trainergen`` logger, status, checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from .callbacks import Callback
from .config import BaseTrainerConfig
from .flops import FlopCount
from .guards import DivergenceGuard
from .progress import ProgressLine, progress_is_wanted
from .tracking import Tracking

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")


LINE_SECONDS, STATUS_SECONDS = 0.2, 1.0
"""From one progress line, and from one status.json, to the next."""


class Pulse(Callback):
    """Keeps the run's clock; inside an epoch it renews status.json and the progress line, but never waits for a GPU.

    On the CPU the loss is read for it, elsewhere the one of the last log line is shown.

    Args:
        line: None where nobody sits at a terminal.
    """

    def __init__(self, line: ProgressLine | None) -> None:
        self._line = line
        self._interval = STATUS_SECONDS if line is None else LINE_SECONDS
        self._due = self._status_due = 0.0

    def on_train_begin(self, trainer: Trainer[Any, Any]) -> None:
        """The clock starts."""
        trainer.recorder.pace.begin()

    def on_epoch_start(self, trainer: Trainer[Any, Any]) -> None:
        """The epoch's clock starts."""
        trainer.recorder.pace.begin_epoch()
        self._due = 0.0

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        """Note the moment; if the last time is long enough ago, renew what is watched."""
        trainer.recorder.pace.last_step = moment = time.monotonic()
        if moment < self._due:
            return
        self._due = moment + self._interval
        pace = trainer.recorder.pace
        pace.mark_first_step()
        if trainer.device.type == "cpu":
            pace.read(loss)
        if self._line is not None:
            self._line.draw(trainer)
        if moment >= self._status_due:
            self._status_due = moment + STATUS_SECONDS
            trainer.recorder.renew_status()

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:  # noqa: ARG002
        """Take the line away before something is logged."""
        trainer.recorder.pace.end_epoch()
        if self._line is not None:
            self._line.clear()

    def on_run_end(self, trainer: Trainer[Any, Any], status: str) -> None:  # noqa: ARG002
        """Nor does it stay after a failure."""
        if self._line is not None:
            self._line.clear()


class StepLog(Callback):
    """The loss of every n-th step; of several ranks the mean of all, which takes each of them."""

    def __init__(self, every: int) -> None:
        self._every = every

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        """Log, and on a GPU see whether a loss since the last line was not finite."""
        if trainer.step % self._every:
            return
        if trainer.distribution is not None:
            trainer.check_finite()
            trainer.recorder.pace.note(trainer.mean_over_ranks(loss))
        value, rate = trainer.recorder.pace.read(loss), trainer.learning_rate
        logger.info("epoch %d, step %d: loss %.4g, learning rate %.3g", trainer.epoch + 1, trainer.step, value, rate)


class EpochLog(Callback):
    """The means of every n-th epoch."""

    def __init__(self, every: int) -> None:
        self._every = every

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:
        """Log training and validation in one line."""
        if record["epoch"] % self._every:
            return
        text = f"train {describe(record['train'])}"
        if record["validation"] is not None:
            text += f"; validation {describe(record['validation'])}"
        logger.info("epoch %d/%d: %s", record["epoch"], trainer.config.num_epochs, text)


def describe(metrics: Mapping[str, float]) -> str:
    """``loss 0.6931, accuracy 0.5``."""
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


class StepCheckpoint(Callback):
    """A resumable checkpoint every n-th optimizer step, inside an epoch."""

    def __init__(self, every: int) -> None:
        self._every = every

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:  # noqa: ARG002
        """Save, unless a loss since the epoch began was bad."""
        if trainer.step % self._every == 0:
            trainer.check_finite()
            trainer.recorder.save_checkpoint()


def reporting_callbacks(config: BaseTrainerConfig, name: str, *, is_main: bool = True) -> list[Callback]:
    """The listeners that `config` asks for; the checkpoint comes last, after whatever draws random numbers.

    Of several ranks only the main one has those that merely show something; the others decide and save together.
    """
    line = ProgressLine(config.progress_description or name) if is_main and progress_is_wanted() else None
    found: list[Callback] = [Pulse(line)] if is_main else []
    if config.log_every_n_steps:
        found.append(StepLog(config.log_every_n_steps))
    if config.log_every_n_epochs:
        found.append(EpochLog(config.log_every_n_epochs))
    if config.measure_flops and is_main:
        found.append(FlopCount())
    if config.trackers and is_main:
        found.append(Tracking(config.trackers, config.log_every_n_steps))
    if config.divergence_evaluations is not None:
        found.append(DivergenceGuard(config.divergence_evaluations))
    if config.checkpoint_every_n_steps is not None:
        found.append(StepCheckpoint(config.checkpoint_every_n_steps))
    return found
