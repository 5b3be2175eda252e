"""TG127: the loss is one number."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD
from .loss_hooks import faults, hooks, returned
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

_HINT = 'reduce it: .mean(), or reduction="mean"'


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine in hooks(training):
        if training.framework_at(routine) == "transformers":
            for value, order in returned(routine):
                unreduced = _of_name(training, value, order, routine)
                if unreduced is not None:
                    message = f"{routine.name} returns one loss per sample, not a scalar"
                    yield training.finding(CODE, unreduced, message, _HINT)
                    break
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
                    _HINT,
                )


def _unreduced(training: Training, target: str, backward: ast.Call, routine: Routine) -> ast.expr | None:
    receiver = backward.func.value if isinstance(backward.func, ast.Attribute) else None
    if isinstance(receiver, ast.Call) and not (
        isinstance(receiver.func, ast.Attribute) and receiver.func.attr == "scale"
    ):
        return None  # loss.mean().backward()
    order = next((step.order for step in routine.steps if step.node is backward), 0)
    return _of_name(training, target, order, routine)


def _of_name(training: Training, target: str | ast.expr, order: int, routine: Routine) -> ast.expr | None:
    """The call that makes one loss per sample of what a name (or an expression) holds at a step."""
    name = target if isinstance(target, str) else text_of(target)
    value = target if isinstance(target, ast.expr) else None
    if name is not None:
        latest: Binding | None = None
        for binding in routine.bindings.get(name, ()):
            if binding.order < order:
                latest = binding
        if latest is None or latest.how != "assign":
            return None
        value = latest.value
    while isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Mult, ast.Div)):
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
