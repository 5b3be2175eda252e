"""TG121: backward() runs outside of autocast."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD
from .reading import Place
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG121"
NAME = "backward() outside of autocast"
WHAT = "No backward() in an autocast block, or in a function that autocast decorates: the block ends with the loss."
WHY = (
    "Backward operations run in the types that autocast chose for the forward; below autocast they are cast a second "
    "time, which torch recommends against: gradients lose precision or overflow."
)
FAILING = """\
import torch


def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = criterion(model(inputs), targets)
            loss.backward()
        optimizer.step()
"""
PASSING = """\
import torch


def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
"""
FIX = "none"
TORCH = ">=1.6"
SOURCE = "torch.amp.autocast: backward passes under autocast are not recommended"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for root in training.traces.roots:
        for event in training.traces.of(root):
            if event.kind == BACKWARD and any(_is_autocast(place) for place in event.path):
                yield training.finding(
                    CODE,
                    event.node,
                    "backward() runs below autocast",
                    "end the autocast block after the loss",
                    "cast a second time",
                )


def _is_autocast(place: Place) -> bool:
    if place.kind == "with" and isinstance(place.node, (ast.With, ast.AsyncWith)):
        return any(_named(item.context_expr) for item in place.node.items)
    if place.kind == "routine" and isinstance(place.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return any(_named(each) for each in place.node.decorator_list)
    return False


def _named(expression: ast.expr) -> bool:
    if not isinstance(expression, ast.Call):
        return False
    if any(
        word.arg == "enabled" and isinstance(word.value, ast.Constant) and not word.value.value
        for word in expression.keywords
    ):
        return False
    target = expression.func
    name = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
    return name == "autocast"
