"""A batch of one sample, in train and in eval mode: what a last short batch, or serving, brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .....inspection.batch_spec import BATCH
from .....inspection.examination import Examined, Finding, Trial
from ...measure_sizes import resize

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "trying a batch of one sample"
ORDER = 200
NEEDS = "model"
GROUP = "model"


def examine(specimen: Specimen) -> Examined:
    """Forward in both modes; with a loss, forward and backward in train mode."""
    axes = specimen.axes(BATCH)
    if not axes:
        trial = Trial("batch size 1", "not tried", "no dimension counts the samples")
        return Examined((), {}, (trial,))
    single = resize(specimen.batch(), dict.fromkeys(axes, 1))
    trials = []
    model = specimen.build()

    def step() -> object:
        output = specimen.forward(model, single)
        if specimen.objective is not None:
            specimen.loss(model, single).backward()  # type: ignore[no-untyped-call]
        return output

    trials.append(specimen.attempt("batch size 1, train mode", step)[0])
    quiet = specimen.build().eval()
    with torch.no_grad():
        trials.append(specimen.attempt("batch size 1, eval mode", lambda: specimen.forward(quiet, single))[0])
        shapes = _shapes(specimen, quiet, single)
    if shapes is not None and trials[-1].outcome == "runs":
        trials[-1] = Trial(trials[-1].name, "differs", shapes)
    return Examined(tuple(_judge(*trials)), {}, tuple(trials))


def _shapes(specimen: Specimen, model: torch.nn.Module, single: object) -> str | None:
    """What is wrong with the form of the output: a squeeze that takes the batch dimension away."""
    try:
        whole = specimen.tensors(specimen.forward(model, specimen.batch()))
        one = specimen.tensors(specimen.forward(model, single))
    except Exception:  # said by the trial itself
        return None
    for large, small in zip(whole, one, strict=False):
        if large.dim() != small.dim():
            return (
                f"the output has shape {list(small.shape)}, with {specimen.samples} samples it has {list(large.shape)}"
            )
    return None


def _judge(train: Trial, evaluated: Trial) -> list[Finding]:
    found = []
    if train.outcome != "runs":
        norm = "more than 1 value per channel" in train.detail
        advice = "set drop_last=True in the training loader" + (
            ", or replace BatchNorm by GroupNorm or LayerNorm where batches are small" if norm else ""
        )
        evidence = f"{train.outcome} in train mode: {train.detail}"
        found.append(Finding("batch.one-train", "warn", "batch of one", evidence, advice))
    if evaluated.outcome != "runs":
        advice = "squeeze named dimensions only (squeeze(-1)), and keep batch statistics out of eval mode"
        evidence = f"{evaluated.outcome} in eval mode: {evaluated.detail}"
        found.append(Finding("batch.one-eval", "warn", "batch of one", evidence, advice))
    if not found:
        advice = "a last short batch is no problem; drop_last is not needed"
        found.append(Finding("batch.one", "ok", "batch of one", "runs in train and in eval mode", advice))
    return found
