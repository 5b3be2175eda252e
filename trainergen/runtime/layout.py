"""Channels last: the memory layout that convolutions run fastest in on most devices, for weights and inputs."""

from __future__ import annotations

import torch
from torch import nn

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the number of dimensions."""


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor` with its second dimension innermost in memory where it has four or five, else itself; values stay."""
    wanted = FORMATS.get(tensor.dim())
    return tensor if wanted is None else tensor.contiguous(memory_format=wanted)


def weights_channels_last(model: nn.Module) -> None:
    """Lay out the parameters and buffers of `model` so; they stay the same objects, which an optimizer holds."""
    for value in (*model.parameters(), *model.buffers()):
        value.data = channels_last(value.data)
