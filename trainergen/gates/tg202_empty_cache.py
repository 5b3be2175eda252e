"""TG202 (advice): the allocator keeps its memory."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG202"
NAME = "no empty_cache() in the training loop"
WHAT = "A training loop does not call torch.cuda.empty_cache() or gc.collect() in every step."
WHY = "Both wait for the device, and the memory that was given back is asked for again in the next step."
FAILING = """\
import torch


def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
        torch.cuda.empty_cache()
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.cuda.empty_cache; hotpath KP011"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    loops = {id(loop) for loop, _, _ in training.batch_loops()}
    for routine in training.reading.routines:
        for step in routine.calls():
            call = step.node
            assert isinstance(call, ast.Call)
            said = training.reading.dotted(call.func)
            if said in ("torch.cuda.empty_cache", "gc.collect") and id(step.place) in loops:
                yield training.finding(CODE, call, f"{said}() in every step", "leave it out, or call it once an epoch")
