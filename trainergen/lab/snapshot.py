"""Buffers and random states as they are before a run, so that it leaves no trace and runs don't see each other."""

from __future__ import annotations

import random
import sys

import torch
from torch import nn


class Snapshot:
    """Buffers and random states as they are now; `restore` brings them back, so that runs don't see each other.

    Parameters are not copied: a forward does not change them.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._model = model
        self._buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers() if _is_plain(buffer)}
        self._places = [
            (model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], value)
            for name, value in self._buffers.items()
        ]
        self._torch = torch.get_rng_state()
        self._device = device
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        self._python = random.getstate()
        numpy = sys.modules.get("numpy")
        self._numpy = numpy.random.get_state() if numpy is not None else None

    def restore(self) -> None:
        """Back to how it was."""
        with torch.no_grad():
            for module, attribute, value in self._places:
                current = module._buffers.get(attribute)
                if current is None or current.shape != value.shape or current.dtype != value.dtype:
                    module._buffers[attribute] = value.clone()
                else:
                    current.copy_(value)
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
        random.setstate(self._python)
        numpy = sys.modules.get("numpy")
        if numpy is not None and self._numpy is not None:
            numpy.random.set_state(self._numpy)

    def moved(self) -> set[str]:
        """Names of the buffers that are no longer what they were, new ones included."""
        now = {name: buffer for name, buffer in self._model.named_buffers() if _is_plain(buffer)}
        return {
            name for name, buffer in now.items() if name not in self._buffers or not equal(buffer, self._buffers[name])
        }


def _is_plain(buffer: torch.Tensor) -> bool:
    return not nn.parameter.is_lazy(buffer)


def equal(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Bitwise the same, NaN being equal to NaN."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if left.is_floating_point():
        return bool(((left == right) | (left.isnan() & right.isnan())).all())
    return torch.equal(left, right)
