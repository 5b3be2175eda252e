"""What may listen to a run: subclass `Callback`, override what you need, pass it to the trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Does nothing at every occasion; each is called after the trainer's own hook of that name."""

    def on_train_begin(self, trainer: Trainer[Any, Any]) -> None:
        """Before the first step."""

    def on_epoch_start(self, trainer: Trainer[Any, Any]) -> None:
        """Before an epoch's first batch."""

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        """After an optimizer step; `loss` is the last batch's, detached. Reading its value stalls a GPU."""

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:
        """After an epoch and its validation; `record` is the history's."""

    def on_train_end(self, trainer: Trainer[Any, Any]) -> None:
        """After the last epoch."""

    def on_run_end(self, trainer: Trainer[Any, Any], status: str) -> None:
        """When everything is recorded: ``finished``, ``failed``, ``diverged``, ``interrupted``. Errors are logged."""


def listens_to_steps(callback: Callback) -> bool:
    """Whether `callback` overrides `on_step_end`: only then is it called each step."""
    return type(callback).on_step_end is not Callback.on_step_end
