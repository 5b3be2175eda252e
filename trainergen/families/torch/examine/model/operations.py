"""Floating point operations of a sample, forward and with backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .....inspection.examination import Examined, Finding
from ..counting import count_operations

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "counting operations"
ORDER = 20
NEEDS = "model"
GROUP = "model"

BACKWARD = (2.0, 3.5)
"""Backward over forward: about 2 where every layer has a gradient for its input and its weights (Kaplan et al. 2020, 2.1)."""


def examine(specimen: Specimen) -> Examined:
    """Count matrix products, convolutions and attention as `torch.utils.flop_counter` does.

    An addition and a product are two operations; what works element by element is left out.
    """
    model = specimen.build()
    forward, rows = _forward(specimen, model)
    both = _both(specimen, specimen.build())
    samples = max(1, specimen.samples)
    facts = {"forward": forward / samples, "both": both / samples, "samples": samples, "rows": rows}
    if not forward:
        finding = Finding(
            "operations.none",
            "note",
            "operations",
            "no matrix product, convolution or attention was counted",
            "the time goes into element-wise operations or Python: profile it before you choose hardware",
            {},
        )
        return Examined((finding,), facts)
    ratio = (both - forward) / forward
    evidence = (
        f"{shown(forward / samples)} a sample forward, {shown(both / samples)} with backward ({samples} measured)"
    )
    numbers = {"forward": forward / samples, "both": both / samples, "backward_over_forward": round(ratio, 3)}
    if ratio > BACKWARD[1]:
        advice = f"backward costs {ratio:.1f} times forward: look for an operation that is recomputed or done twice"
        return Examined((Finding("operations.backward", "note", "operations", evidence, advice, numbers),), facts)
    advice = "times the samples of an epoch, over what your device does a second, is the least time of an epoch"
    return Examined((Finding("operations.count", "ok", "operations", evidence, advice, numbers),), facts)


def shown(count: float) -> str:
    """``1.23 MFLOP``."""
    for size, name in ((1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP")):
        if count >= size:
            return f"{count / size:.3g} {name}"
    return f"{count:.0f} FLOP"


def _forward(specimen: Specimen, model: nn.Module) -> tuple[int, list[dict[str, Any]]]:
    specimen.seed_now()

    def run() -> Any:
        return specimen.forward(model, specimen.batch())

    with torch.no_grad():
        try:
            counter = count_operations(run, by_module=True)
        except AssertionError:  # a forward that turns gradients on by itself: the whole alone then
            counter = count_operations(run)
    prefix = f"{type(model).__name__}."
    rows = [
        {"module": name.removeprefix(prefix), "flop": sum(counts.values())}
        for name, counts in counter.get_flop_counts().items()
        if name not in ("Global", type(model).__name__)
    ]
    return counter.get_total_flops(), rows


def _both(specimen: Specimen, model: nn.Module) -> int:
    def step() -> None:
        specimen.loss(model, specimen.batch()).backward()  # type: ignore[no-untyped-call]

    specimen.seed_now()
    return count_operations(step).get_total_flops()
