"""TG203 (advice): mixed precision by the names that torch has not deprecated."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Fix
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG203"
NAME = "torch.amp instead of torch.cuda.amp"
WHAT = "No torch.cuda.amp.autocast or torch.cuda.amp.GradScaler: torch.amp has both, with the device as first argument."
WHY = "They warn since torch 2.4 and will go; and they are for CUDA alone."
FAILING = """\
import torch


def forward(model, inputs):
    with torch.cuda.amp.autocast():
        return model(inputs)
"""
PASSING = """\
import torch


def forward(model, inputs):
    with torch.amp.autocast("cuda"):
        return model(inputs)
"""
FIX = 'safe: torch.amp.autocast("cuda", ...), torch.amp.GradScaler("cuda", ...)'
TORCH = ">=2.4"
SOURCE = "torch.amp; torchfix, deprecated symbols"

_OLD = {
    "torch.cuda.amp.autocast",
    "torch.cuda.amp.GradScaler",
    "torch.cuda.amp.autocast_mode.autocast",
    "torch.cuda.amp.grad_scaler.GradScaler",
}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    if not training.asks_for((2, 3)):
        return  # a project that runs on older releases too may need the old names
    if "torch.amp" in training.source.text:
        return  # the file knows both, and chooses
    for routine in training.reading.routines:
        for step in routine.calls():
            call = step.node
            assert isinstance(call, ast.Call)
            dotted = training.reading.dotted(call.func)
            if dotted not in _OLD:
                continue
            name = dotted.rpartition(".")[2]
            fix = None
            positional = bool(call.args)  # enabled= came first in the old one
            if not positional and training.segment(call.func).startswith("torch."):
                inside = training.source.text[training.span(call.func)[1] + 1 : training.span(call)[1] - 1].strip()
                text = f'torch.amp.{name}("cuda"' + (f", {inside})" if inside else ")")
                fix = Fix(f"write torch.amp.{name}", True, (training.replacing(call, text),))
            yield training.finding(
                CODE, call, f"{dotted} is deprecated since torch 2.4", f'write torch.amp.{name}("cuda")', fix=fix
            )
