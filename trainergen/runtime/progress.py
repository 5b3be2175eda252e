"""A progress line on stderr, where that is a terminal; stdout stays the caller's."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import torch

from .callbacks import Callback
from .schedulers import batches_an_epoch

if TYPE_CHECKING:
    from .trainer import Trainer

_INTERVAL_SECONDS = 0.2


class ProgressLine(Callback):
    """``digits  epoch 2/20  step 31/90``, rewritten in place a few times a second; it never reads the loss.

    Args:
        description: what stands first.
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._drawn = 0.0
        self._first_step = 0

    def on_epoch_start(self, trainer: Trainer[Any, Any]) -> None:
        """Count this epoch's steps from here."""
        self._first_step = trainer.step

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:  # noqa: ARG002
        """Redraw, if the last time is long enough ago."""
        moment = time.monotonic()
        if moment - self._drawn < _INTERVAL_SECONDS:
            return
        self._drawn = moment
        batches = batches_an_epoch(trainer.dataloader)
        steps = "" if batches is None else f"/{-(-batches // trainer.config.accumulation_steps)}"
        epochs = f"epoch {trainer.epoch + 1}/{trainer.config.num_epochs}"
        line = f"\r{self._description}  {epochs}  step {trainer.step - self._first_step}{steps}\x1b[K"
        sys.stderr.write(line)
        sys.stderr.flush()

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:  # noqa: ARG002
        """Take the line away before something is logged."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def progress_is_wanted() -> bool:
    """Whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
