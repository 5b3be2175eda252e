"""Which parameters a gradient reaches, and whether all of it is finite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .session import Fault, Measurement, unmeasured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .walk import Walk

NAME = "gradients"


def measure(walk: Walk, *, noise: float = 0.0) -> Measurement:
    """Read the gradients of a walk, as they were when the optimizer stepped.

    A parameter counts as reached if some step gave it a gradient that is not all zero: one all-zero step may be a dead
    ReLU on that batch.

    Args:
        walk: the steps.
        noise: share of a step's total norm up to which a gradient counts as zero: a last bias that the loss cancels (risks
            that are compared, distances of embeddings) has one that is rounding, and zero in another order of additions.
    """
    if not walk.gradients:
        return unmeasured(NAME, "the optimizer computes its gradients in a closure: not measured")
    faults = []
    reached = 0
    for name in walk.trainable:
        norms = [gradients.get(name) for gradients in walk.gradients]
        present = [norm for norm in norms if norm is not None]
        heard = [
            norm > noise * math.hypot(*(each or 0.0 for each in step.values()))
            for norm, step in zip(norms, walk.gradients, strict=True)
            if norm is not None
        ]
        if any(not math.isfinite(norm) for norm in present):
            faults.append(Fault("not-finite", name, f"the gradient of {name} is not finite"))
        elif not present:
            faults.append(Fault("no-gradient", name, f"{name} gets no gradient"))
        elif not any(heard):
            faults.append(Fault("no-gradient", name, f"{name} gets a gradient of zeros only"))
        else:
            reached += 1
    total = walk.gradient_norm or 0.0
    title = f"gradients reach {reached}/{len(walk.trainable)} trainable parameters, |grad| {total:.4g}"
    return Measurement(NAME, title, tuple(faults), {"reached": reached, "gradient_norm": total})


def compare(
    gradients: Mapping[str, torch.Tensor | None],
    expected: Mapping[str, torch.Tensor | None],
    *,
    clip_norm: float | None,
    rtol: float = 1e-3,
) -> list[Fault]:
    """Gradients as the optimizer saw them, against those of a bare backward pass from the same weights and batch.

    A gradient may differ by `rtol` of its own norm plus a hundredth of that of the total norm: a bias before a
    BatchNorm has no gradient but rounding noise. Of a coarse dtype it may differ by four units in the last place: norm
    and clipping are rounded too.

    Args:
        gradients: what the optimizer saw, after clipping.
        expected: what backward gave.
        clip_norm: as `torch.nn.utils.clip_grad_norm_` takes it; None: no clipping.
        rtol: relative tolerance.
    """
    norms = {name: _norm(value) for name, value in expected.items()}
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    factor = min(1.0, clip_norm / (total + 1e-6)) if clip_norm else 1.0
    found = [value.dtype for value in expected.values() if value is not None]
    rtol = max([rtol, *(4 * torch.finfo(dtype).eps for dtype in found if dtype.is_floating_point)])
    off = []
    for name, value in expected.items():
        seen = gradients.get(name)
        if value is None or seen is None:
            present = _norm(value if seen is None else seen)
            difference = present if value is None else present * factor
        else:
            difference = _norm(seen.double() - factor * value.double())
        if difference > rtol * factor * norms[name] + 0.01 * rtol * factor * total:
            off.append(name)
    if not off:
        return []
    seen_total = total_norm(gradients)
    text = (
        f"the optimizer sees gradients that are not the loss's: |grad| {seen_total:.4g}, expected {factor * total:.4g}"
        f" ({len(off)} of {len(expected)} parameters differ, first {off[0]})"
    )
    hint = "the base's loop owns zero_grad, backward's scale and clipping: return the loss and leave these to it"
    return [Fault("not-the-loss", "", text, hint)]


def total_norm(gradients: Mapping[str, torch.Tensor | None]) -> float:
    """The 2-norm of all gradients together."""
    return float(sum(_norm(value) ** 2 for value in gradients.values()) ** 0.5)


def _norm(value: torch.Tensor | None) -> float:
    return 0.0 if value is None else float(torch.linalg.vector_norm(value.double()))
