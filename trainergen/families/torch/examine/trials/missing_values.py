"""One sample of NaN in a batch: does it spoil the others, and does it stay behind in the model?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .....inspection.batch_spec import BATCH
from .....inspection.examination import Examined, Finding, Trial

if TYPE_CHECKING:
    from torch import nn

    from ..specimen import Specimen

DOING = "trying NaN in one sample"
ORDER = 230
NEEDS = "model"
GROUP = "model"


def examine(specimen: Specimen) -> Examined:
    """Forward in both modes with sample 0 of every floating input at NaN; which rows of the output are NaN then."""
    axes = [(path, axis) for path, axis in specimen.axes(BATCH) if path in specimen.floating_inputs()]
    if not axes or specimen.samples < 2:
        reason = "no floating input counts samples" if not axes else "the batch has one sample"
        return Examined((), {}, (Trial("NaN in one sample", "not tried", reason),))
    trials, spread, stays = [], {}, []
    for mode in ("train", "eval"):
        model = specimen.build().train(mode == "train")
        trial, others = _spoil(specimen, model, axes, mode)
        trials.append(trial)
        spread[mode] = others
        if mode == "train":
            stays = [
                name
                for name, value in model.named_buffers()
                if value.is_floating_point() and not bool(torch.isfinite(value).all())
            ]
    return Examined(tuple(_judge(trials, spread, stays, specimen.samples)), {"spread": spread}, tuple(trials))


def _spoil(specimen: Specimen, model: nn.Module, axes: list[tuple[Any, int]], mode: str) -> tuple[Trial, int | None]:
    """The trial, and how many of the other samples' outputs are no longer finite; None where that can't be told."""
    where = dict(axes)
    batch = specimen.batch()
    for path, leaf in _parts(specimen, batch):
        if path in where and leaf.is_floating_point():
            leaf.select(where[path], 0).fill_(torch.nan)
    name = f"NaN in sample 0 of {specimen.samples}, {mode} mode"
    with torch.no_grad():
        trial, output = specimen.attempt(name, lambda: specimen.forward(model, batch))
    if trial.outcome == "fails":
        return trial, None
    counted = []
    for each in specimen.tensors(output):
        if each.dim() and each.shape[0] == specimen.samples:
            rows = each.flatten(1) if each.dim() > 1 else each[:, None]
            counted.append(int((~torch.isfinite(rows[1:])).any(dim=1).sum()))
    if not counted:
        return Trial(name, trial.outcome, "no output counts the samples"), None
    others = max(counted)
    said = f"{others} of the {specimen.samples - 1} other samples are not finite"
    if trial.outcome == "runs":
        said = "the output is finite: NaN is hidden inside the model"
    return Trial(name, "not finite" if others else "runs", said), others


def _parts(specimen: Specimen, batch: Any) -> list[tuple[Any, torch.Tensor]]:
    from .....lab.batch_form import live_leaves

    return [
        (path, leaf) for path, leaf in live_leaves(batch) if path in specimen.inputs and isinstance(leaf, torch.Tensor)
    ]


def _judge(trials: list[Trial], spread: dict[str, int | None], stays: list[str], samples: int) -> list[Finding]:
    found = []
    if all(trial.outcome == "fails" for trial in trials):
        advice = "none needed: the model refuses it; check for it in the loader to learn which sample it is"
        return [Finding("nan.refused", "ok", "NaN in one sample", f"refused: {trials[0].detail}", advice)]
    numbers = {"samples": samples, **{f"others_{mode}": count for mode, count in spread.items()}}
    if spread["eval"]:
        found.append(
            Finding(
                "nan.mixes",
                "warn",
                "NaN in one sample",
                f"in eval mode it reaches {spread['eval']} of {samples - 1} other samples: they depend on each other",
                "look for an operation over the batch dimension (mean over dim 0, softmax over dim 0, a wrong reshape)",
                numbers,
            )
        )
    if stays:
        found.append(
            Finding(
                "nan.stays",
                "warn",
                "NaN in one sample",
                f"one step leaves {stays[0]} at NaN for good" + (f", and {len(stays) - 1} more" if stays[1:] else ""),
                "refuse values that are not finite before forward: skipping the step is too late for running statistics",
                numbers,
            )
        )
    elif spread["train"] and not spread["eval"]:
        found.append(
            Finding(
                "nan.spreads",
                "note",
                "NaN in one sample",
                f"in train mode it reaches {spread['train']} of {samples - 1} other samples",
                "refuse values that are not finite in the loader",
                numbers,
            )
        )
    if not found:
        advice = "the loss is NaN all the same: refuse values that are not finite in the loader"
        found.append(Finding("nan.contained", "ok", "NaN in one sample", trials[-1].detail, advice, numbers))
    return found
