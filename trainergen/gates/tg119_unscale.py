"""TG119: gradients are unscaled before they are clipped."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, CLIP, SCALER_STEP, UNSCALE
from .finding import Fix
from .training import Training, exclusive, statement_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG119"
NAME = "unscale_() before clipping"
WHAT = "Where a GradScaler scales the loss, scaler.unscale_(optimizer) stands between backward() and clip_grad_norm_()."
WHY = (
    "The gradients are some 65,000 times too large at that point: clipping to norm 1 cuts every one of them, and after "
    "the scaler has divided again the step is close to nothing."
)
FAILING = """\
import torch


def train(model, loader, optimizer, scaler, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda"):
            loss = criterion(model(inputs), targets)
        scaler.scale(loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
"""
PASSING = """\
import torch


def train(model, loader, optimizer, scaler, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda"):
            loss = criterion(model(inputs), targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
"""
FIX = "unsafe: puts scaler.unscale_(optimizer) above the clipping"
TORCH = ">=1.6"
SOURCE = "PyTorch, automatic mixed precision examples, gradient clipping"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for found in training.rounds:
        events = found.events
        steps = [event for event in events if event.kind == SCALER_STEP]
        scaled = [event for event in events if event.kind == BACKWARD and event.managed]
        if not steps or not scaled:
            continue
        for index, event in enumerate(events):
            if event.kind != CLIP or event.managed or all(exclusive(event, each) for each in scaled):
                continue
            before = events[:index]
            last = max((place for place, each in enumerate(before) if each.kind == BACKWARD), default=-1)
            if last < 0 or any(each.kind == UNSCALE for each in before[last:]):
                continue
            if any(each.kind == SCALER_STEP for each in before[last:]):
                continue
            step = training.traces.as_written(steps[0])
            scaler = _receiver(step.node)
            fix = None
            statement = statement_of(event.node, event.routine)
            if scaler and step.target and step.routine is event.routine and statement is not None:
                edit = training.line_above(statement, f"{scaler}.unscale_({step.target})")
                fix = Fix(f"call {scaler}.unscale_({step.target}) first", False, (edit,))
            hint = f"call {scaler or 'scaler'}.unscale_({step.target or 'optimizer'}) first"
            yield training.finding(CODE, event.node, "gradients are clipped while they are still scaled", hint, fix=fix)


def _receiver(node: ast.AST) -> str:
    return ast.unparse(node.func.value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
