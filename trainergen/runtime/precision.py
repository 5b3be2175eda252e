"""Mixed precision: autocast for the forward pass, and the loss scaler that float16 needs."""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager, nullcontext

import torch
from torch.optim import Optimizer

MAX_SKIPPED_STEPS = 8
"""Steps in a row that the scaler may skip before training counts as diverged."""


class Precision:
    """What `precision` means on one device.

    Args:
        name: ``float32`` (the model as it is), ``bfloat16`` or ``float16`` (forward under autocast).
        device: where the model is.

    Attributes:
        autocast: the context of a forward pass, to be entered any number of times.
        scaler: of the loss, with ``float16``.
        skipped_steps: how many in a row the scaler has skipped.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        self.autocast: AbstractContextManager[object] = nullcontext()
        if name != "float32":
            self.autocast = torch.autocast(device.type, dtype=getattr(torch, name))
        self.scaler: torch.amp.GradScaler | None = torch.amp.GradScaler(device.type) if name == "float16" else None
        self.skipped_steps = 0
        self._taken = 0
        self._counted: weakref.WeakSet[Optimizer] = weakref.WeakSet()

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss to call ``backward`` on."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: Optimizer) -> None:
        """Bring the gradients back to their size, as clipping needs them."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> bool:
        """Step; False if the scaler skipped it because a gradient overflowed."""
        if self.scaler is None:
            optimizer.step()
            return True
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            # A fused optimizer is called in any case, and looks at the overflow itself: only the scale tells.
            before = self.scaler.get_scale()
            self.scaler.step(optimizer)
            self.scaler.update()
            stepped = self.scaler.get_scale() >= before
        else:
            if optimizer not in self._counted:
                self._counted.add(optimizer)
                optimizer.register_step_post_hook(self._count)
            taken = self._taken
            self.scaler.step(optimizer)
            self.scaler.update()
            stepped = self._taken > taken  # asking for the scale would wait for the device
        self.skipped_steps = 0 if stepped else self.skipped_steps + 1
        return stepped

    def _count(self, *_: object) -> None:
        self._taken += 1
