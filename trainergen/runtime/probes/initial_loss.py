"""Is the first loss the one that was expected?"""

from __future__ import annotations

import math

import torch
from torch import nn

from .session import Fault, Measurement

NAME = "initial_loss"


def tolerance(model: nn.Module) -> float:
    """Relative tolerance for two computations of one loss: 1e-6, or 8 units in the last place of the coarsest dtype."""
    epsilons = [torch.finfo(value.dtype).eps for value in model.parameters() if value.is_floating_point()]
    return max([1e-6, *(8 * epsilon for epsilon in epsilons)])


def measure(loss: float, expected: float, *, rtol: float, of: str = "the control run's") -> Measurement:
    """Compare a first loss with what somebody else computed from the same weights and batch.

    Args:
        loss: the trainer's.
        expected: the other one.
        rtol: relative tolerance.
        of: whose `expected` is, for the message.
    """
    numbers = {"loss": loss, "expected": expected}
    if math.isclose(loss, expected, rel_tol=rtol, abs_tol=1e-12):
        return Measurement(NAME, f"the first loss is {of}: {loss:.6g}", numbers=numbers)
    text = f"the first loss is {loss:.6g}, {of} is {expected:.6g} on the same weights and batch"
    hint = "compare target, prediction, loss and the weights of auxiliary losses"
    return Measurement(NAME, text, (Fault("loss", "", text, hint),), numbers)
