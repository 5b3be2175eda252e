"""TG133: gradients are clipped before the step that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import BACKWARD, CLIP, SCALER_STEP, STEP
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG133"
NAME = "clipping between backward() and step()"
WHAT = "A loop that clips gradients does so after backward() and before the optimizer's step."
WHY = "Clipped after the step, or before there are gradients, they have done their harm already: the clipping does nothing."
FAILING = """\
import torch


def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
"""
PASSING = """\
import torch


def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.nn.utils.clip_grad_norm_; trainlint"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for found in training.rounds:
        events = [event for event in found.events if event.kind in (BACKWARD, CLIP, STEP, SCALER_STEP)]
        kinds = ["step" if event.kind in (STEP, SCALER_STEP) else event.kind for event in events]
        if kinds.count("step") != 1 or kinds.count(CLIP) != 1:
            continue
        clip, step = kinds.index(CLIP), kinds.index("step")
        backward = [index for index, kind in enumerate(kinds) if kind == BACKWARD]
        if events[clip].guards(found.place) != events[step].guards(found.place):
            continue
        if clip > step and max(backward) < step:
            yield training.finding(
                CODE, events[clip].node, "gradients are clipped after the step has used them", "clip before the step"
            )
        elif clip < min(backward) and min(backward) < step:
            yield training.finding(
                CODE,
                events[clip].node,
                "gradients are clipped before backward() has computed them",
                "clip after backward()",
            )
