"""What settings make of a model before it is trained: layout, recomputation, precision of products, compilation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from .compilation import Compilation
from .device import move_batch
from .errors import SettingError
from .layout import channels_last, weights_channels_last
from .recomputation import recompute

if TYPE_CHECKING:
    from .trainer import Trainer


class Preparation:
    """Prepares the model of `trainer`, in place, as its configuration says.

    Args:
        trainer: with its model on the device, before the first step.

    Attributes:
        place: brings a batch to a device, ``(batch, device) -> batch``, in the layout of the weights.
        recomputed: names of the modules that compute their inside again in backward.
        compilation: of the model's forward, or None.

    Raises:
        SettingError: settings that don't go together, or a pattern that fits no module.
    """

    def __init__(self, trainer: Trainer[Any, Any]) -> None:
        model, config = trainer.model, trainer.config
        self.place = move_batch
        self.recomputed: list[str] = []
        self.compilation: Compilation | None = None
        if config.matmul_precision is not None:
            torch.set_float32_matmul_precision(config.matmul_precision)
        if trainer.is_sharded:
            _refuse_with_parts(trainer)
        if config.channels_last:
            weights_channels_last(model)
            self.place = partial(move_batch, form=channels_last)
        if config.recompute_modules:
            self.recomputed = recompute(model, config.recompute_modules)
        if config.compile is not None:
            self.compilation = Compilation(model, config.compile, lambda said: trainer.recorder.note(compile=said))


def _refuse_with_parts(trainer: Trainer[Any, Any]) -> None:
    if trainer.config.compile is not None:
        advice = "compile each block in build_model instead (block.compile())"
        raise SettingError("compile", f"takes the whole model, which strategy fsdp has divided: {advice}")
    if trainer.config.channels_last:
        raise SettingError("channels_last", "lays out whole weights, which strategy fsdp has divided: set it to false")
