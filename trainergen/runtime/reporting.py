"""What happens every few steps and epochs: log lines through the ``trainergen`` logger, progress, checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from .callbacks import Callback
from .config import BaseTrainerConfig
from .guards import DivergenceGuard
from .progress import ProgressLine, progress_is_wanted

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")


class StepLog(Callback):
    """The loss of every n-th step. This is the only place that reads a loss from the device inside an epoch."""

    def __init__(self, every: int) -> None:
        self._every = every

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        """Log, and on a GPU see whether a loss since the last line was not finite."""
        if trainer.step % self._every:
            return
        trainer.check_finite()
        rate = trainer.learning_rate
        logger.info("epoch %d, step %d: loss %.4g, learning rate %.3g", trainer.epoch + 1, trainer.step, loss, rate)


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


def reporting_callbacks(config: BaseTrainerConfig, name: str) -> list[Callback]:
    """The listeners that `config` asks for; the checkpoint comes last, after whatever draws random numbers."""
    found: list[Callback] = []
    if progress_is_wanted():
        found.append(ProgressLine(config.progress_description or name))
    if config.log_every_n_steps:
        found.append(StepLog(config.log_every_n_steps))
    if config.log_every_n_epochs:
        found.append(EpochLog(config.log_every_n_epochs))
    if config.divergence_evaluations is not None:
        found.append(DivergenceGuard(config.divergence_evaluations))
    if config.checkpoint_every_n_steps is not None:
        found.append(StepCheckpoint(config.checkpoint_every_n_steps))
    return found
