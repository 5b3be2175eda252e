"""Inputs of zeros, and inputs four orders of magnitude too large."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .....inspection.examination import Examined, Finding, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..specimen import Specimen

DOING = "trying zeros and large values"
ORDER = 220
NEEDS = "model"
GROUP = "model"

LARGE = 1e4
"""The largest magnitude given: what unscaled physical quantities, timestamps or 16-bit pixels bring."""


def examine(specimen: Specimen) -> Examined:
    """Forward and backward in train mode on changed floating inputs; index inputs are left as they are."""
    if not specimen.floating_inputs():
        trial = Trial("all-zero and large inputs", "not tried", "no input holds floats")
        return Examined((), {}, (trial,))
    zero = _trial(specimen, "all-zero input", torch.zeros_like)
    large = _trial(specimen, f"inputs up to {LARGE:g}", _enlarged)
    return Examined(tuple(_judge(zero, large)), {}, (zero, large))


def _enlarged(leaf: torch.Tensor) -> torch.Tensor:
    largest = float(leaf.abs().max()) if leaf.numel() else 0.0
    return leaf * (LARGE / largest) if largest > 0 and math.isfinite(largest) else torch.full_like(leaf, LARGE)


def _trial(specimen: Specimen, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Trial:
    model = specimen.build()
    batch = specimen.changed(specimen.batch(), change)
    loss: list[torch.Tensor] = []

    def run() -> object:
        output = specimen.forward(model, batch)
        loss.append(specimen.loss(model, batch))
        return output

    trial, _ = specimen.attempt(name, run)
    if trial.outcome != "runs":
        return trial
    if not bool(torch.isfinite(loss[0].detach())):
        return Trial(name, "not finite", "the output is finite, the loss is not")
    if loss[0].requires_grad:
        loss[0].backward()  # type: ignore[no-untyped-call]
        for key, parameter in model.named_parameters():
            if parameter.grad is not None and not _finite(parameter.grad):
                return Trial(name, "not finite", f"output and loss are finite, the gradient of {key} is not")
    return Trial(name, "runs", f"loss {float(loss[0].detach()):.4g}")


def _finite(gradient: torch.Tensor) -> bool:
    dense = gradient.coalesce().values() if gradient.is_sparse else gradient
    return bool(torch.isfinite(dense).all())


def _judge(zero: Trial, large: Trial) -> list[Finding]:
    found = []
    if zero.outcome != "runs":
        evidence = f"{zero.outcome}: {zero.detail}"
        advice = "add an epsilon to norms, variances and sums before you divide; blank images and empty rows do occur"
        found.append(Finding("values.zeros", "warn", "all-zero input", evidence, advice))
    if large.outcome != "runs":
        evidence = f"{large.outcome}: {large.detail}"
        advice = "normalise the inputs, clamp what goes into exp, and subtract the maximum before a softmax"
        found.append(Finding("values.large", "warn", f"inputs of {LARGE:g}", evidence, advice))
    if not found:
        evidence = f"finite output, loss and gradients for zeros ({zero.detail}) and for {LARGE:g} ({large.detail})"
        found.append(Finding("values.extreme", "ok", "extreme inputs", evidence, "normalise the inputs all the same"))
    return found
