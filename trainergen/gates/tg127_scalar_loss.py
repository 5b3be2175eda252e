"""TG127: the loss is one number."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD
from .loss_hooks import faults
from .reading import Binding, Routine, text_of
from .roles import argument, constant
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG127"
NAME = "a scalar loss"
WHAT = (
    'compute_loss returns one scalar tensor: no tuple or dict, no Python number, no loss with reduction="none" left '
    "unreduced; backward() without an argument is not called on such a loss either."
)
WHY = (
    "backward() needs a scalar: it raises at the first step, or a caller silently takes the first of what was returned."
)
FAILING = """\
from torch import nn


def train(model, loader, optimizer):
    criterion = nn.CrossEntropyLoss(reduction="none")
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
"""
PASSING = """\
from torch import nn


def train(model, loader, optimizer):
    criterion = nn.CrossEntropyLoss(reduction="none")
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets).mean()
        loss.backward()
        optimizer.step()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.Tensor.backward; guardtower LOSS-002"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine, fault in faults(training):
        if fault.kind in ("container", "unreduced", "nothing", "number"):
            node = fault.node
            yield training.finding(CODE, node, f"{routine.name} returns {fault.what}", fault.hint, fault.label)
    for routine in training.reading.routines:
        for event in training.traces.own(routine):
            if event.kind != BACKWARD or not isinstance(event.node, ast.Call) or not event.target:
                continue
            if event.node.args and not event.managed:
                continue
            unreduced = _unreduced(training, event.target, event.node, routine)
            if unreduced is not None:
                yield training.finding(
                    CODE,
                    unreduced,
                    "one loss per sample reaches backward(), which needs a scalar",
                    'reduce it: .mean(), or reduction="mean"',
                )


def _unreduced(training: Training, target: str, backward: ast.Call, routine: Routine) -> ast.expr | None:
    receiver = backward.func.value if isinstance(backward.func, ast.Attribute) else None
    if isinstance(receiver, ast.Call) and not (
        isinstance(receiver.func, ast.Attribute) and receiver.func.attr == "scale"
    ):
        return None  # loss.mean().backward()
    order = next((step.order for step in routine.steps if step.node is backward), 0)
    latest: Binding | None = None
    for binding in routine.bindings.get(target, ()):
        if binding.order < order:
            latest = binding
    if latest is None or latest.how != "assign":
        return None
    value: ast.expr = latest.value
    while isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult | ast.Div):
        value = value.left
    if not isinstance(value, ast.Call):
        return None
    dotted = training.reading.dotted(value.func) or ""
    if dotted.startswith("torch.nn.functional."):
        return value if constant(argument(value, "reduction")) == "none" else None
    text = text_of(value.func)
    made = training.traces.made(text, routine) if text is not None else training.roles.made(value.func, routine)[1]
    if made is None or made is value or not (training.reading.dotted(made.func) or "").startswith("torch.nn."):
        return None
    return value if constant(argument(made, "reduction")) == "none" else None
