"""The gradient of every parameter, as backward makes it: whoever steps, and with however many optimizers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from ...precision import Precision


@dataclass
class Gradient:
    """One parameter's gradients over a few steps.

    Attributes:
        name: as ``model.named_parameters()`` has it, a shared one by its first name.
        shape: of the parameter.
        weight_norm: 2-norm of the parameter when the watching began.
        norms: 2-norm of each gradient.
        largest: the largest absolute value of each.
        zeros: the share of exact zeros in each.
    """

    name: str
    shape: tuple[int, ...]
    weight_norm: float
    norms: list[float]
    largest: list[float]
    zeros: list[float]

    @property
    def bad(self) -> bool:
        """Whether one of them was not finite."""
        return any(not math.isfinite(each) for each in self.norms)

    @property
    def reached(self) -> bool:
        """Whether one of them was not all zero."""
        return any(each > 0 for each in self.norms)


@contextmanager
def watched_gradients(model: nn.Module, precision: Precision) -> Iterator[list[Gradient]]:
    """Inside, every trainable parameter's gradient is noted each time that backward has added to it.

    With float16 they are divided by the scaler's factor; one that overflowed there is the scaler's business, not noted.
    """
    found: list[Gradient] = []
    handles = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            norm = float(torch.linalg.vector_norm(parameter.detach().double()))
            gradient = Gradient(name, tuple(parameter.shape), norm, [], [], [])
            found.append(gradient)
            note = _Note(gradient, precision)
            handles.append(parameter.register_post_accumulate_grad_hook(note))  # type: ignore[no-untyped-call]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


class _Note:
    """What a parameter's hook does."""

    def __init__(self, gradient: Gradient, precision: Precision) -> None:
        self._gradient = gradient
        self._precision = precision

    def __call__(self, parameter: torch.Tensor) -> None:
        if parameter.grad is None:
            return
        value = parameter.grad.detach().to_dense() if parameter.grad.is_sparse else parameter.grad.detach()
        norm = float(torch.linalg.vector_norm(value.double()))
        if self._precision.scaler is not None:
            if not math.isfinite(norm):
                return
            value = value / self._precision.scaler.get_scale()
            norm = float(torch.linalg.vector_norm(value.double()))
        self._gradient.norms.append(norm)
        self._gradient.largest.append(float(value.abs().max()) if value.numel() else 0.0)
        self._gradient.zeros.append(float((value == 0).double().mean()) if value.numel() else 1.0)
