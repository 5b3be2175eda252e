"""Half precision: bfloat16 autocast, and the whole model in float16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .....inspection.examination import Examined, Finding, Trial

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "trying half precision"
ORDER = 240
NEEDS = "model"
GROUP = "model"

FAR = 0.1
"""Difference of the loss to that in float32, relative: bfloat16 has 8 bits, so a few per cent over many layers are usual."""


def examine(specimen: Specimen) -> Examined:
    """Loss and gradients on the first batch, against float32, on the device of the lab."""
    reference = specimen.build()
    specimen.seed_now()
    with torch.no_grad():
        expected = float(specimen.loss(reference, specimen.batch()))
    bf16 = _autocast(specimen, expected)
    fp16 = _half(specimen)
    return Examined(tuple(_judge(bf16, fp16, specimen.device.type)), {"loss": expected}, (bf16, fp16))


def _autocast(specimen: Specimen, expected: float) -> Trial:
    model = specimen.build()

    def run() -> Any:
        with torch.autocast(specimen.device.type, torch.bfloat16):
            return specimen.loss(model, specimen.batch())

    trial, loss = specimen.attempt("bfloat16 autocast", run)
    if trial.outcome != "runs":
        return trial
    loss.backward()
    bad = [name for name, value in model.named_parameters() if value.grad is not None and not _finite(value.grad)]
    if bad:
        return Trial(trial.name, "not finite", f"the gradient of {bad[0]}")
    value = float(loss.detach())
    gap = abs(value - expected) / max(abs(expected), 1e-8)
    said = f"loss {value:.4g}, {expected:.4g} in float32"
    return Trial(trial.name, "differs" if gap > FAR else "runs", said)


def _half(specimen: Specimen) -> Trial:
    """Forward alone, in eval mode: float16 weights are for serving, training keeps float32 ones."""
    model = specimen.build()

    def run() -> Any:
        half = model.half().eval()
        batch = specimen.changed(specimen.batch(), lambda leaf: leaf.half())
        with torch.no_grad():
            return specimen.forward(half, batch)

    return specimen.attempt("float16 model, eval mode", run)[0]


def _finite(gradient: torch.Tensor) -> bool:
    dense = gradient.coalesce().values() if gradient.is_sparse else gradient
    return bool(torch.isfinite(dense).all())


def _judge(bf16: Trial, fp16: Trial, device: str) -> list[Finding]:
    found = []
    if bf16.outcome == "runs":
        advice = "set precision = bf16 in the config; the optimizer keeps float32 weights"
        found.append(Finding("precision.bf16", "ok", "bfloat16 autocast", f"{bf16.detail} on {device}", advice))
    else:
        advice = "keep precision = fp32, or run the failing part under torch.autocast(enabled=False)"
        evidence = f"{bf16.outcome}: {bf16.detail}"
        found.append(Finding("precision.bf16", "warn", "bfloat16 autocast", evidence, advice))
    if fp16.outcome == "runs":
        advice = "serve it in float16 where that is faster; train with autocast and a loss scaler"
        found.append(Finding("precision.fp16", "ok", "float16 model", f"runs on {device}, output finite", advice))
    else:
        advice = "serve it in bfloat16 or float32; look for constants made in float32, and for values above 65504"
        evidence = f"{fp16.outcome} on {device}: {fp16.detail}"
        found.append(Finding("precision.fp16", "note", "float16 model", evidence, advice))
    return found
