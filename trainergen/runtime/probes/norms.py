"""How large the gradients are, layer by layer: what warnings and reports about convergence rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .session import Measurement, unmeasured

if TYPE_CHECKING:
    from .walk import Walk

NAME = "norms"


def measure(walk: Walk) -> Measurement:
    """The gradient's L2 norm at the last step: of all parameters, and the largest and smallest that is not zero."""
    if not walk.gradients:
        return unmeasured(NAME, "the optimizer computes its gradients in a closure: not measured")
    norms = {name: norm for name, norm in walk.gradients[-1].items() if norm}
    if not norms:
        return Measurement(NAME, "no gradient at all", numbers={"gradient_norm": 0.0})
    largest = max(norms, key=lambda name: norms[name])
    smallest = min(norms, key=lambda name: norms[name])
    total = walk.gradient_norm or 0.0
    title = f"|grad| {total:.4g}, from {norms[smallest]:.2g} ({smallest}) to {norms[largest]:.2g} ({largest})"
    numbers = {"gradient_norm": total, "largest": norms[largest], "smallest": norms[smallest]}
    return Measurement(NAME, title, numbers=numbers)
