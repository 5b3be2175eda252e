"""TG131: a graph is kept only where it is walked twice."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, Event
from .finding import Edit, Fix
from .reading import Place
from .roles import argument, constant
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG131"
NAME = "retain_graph=True for a second backward only"
WHAT = (
    "backward(retain_graph=True) stands only in code that calls backward() or autograd.grad a second time in that turn."
)
WHY = (
    "The graph with all activations stays until the loss is let go: twice the memory. It often hides an error, a hidden "
    "state that was not detached, which makes every step slower than the one before."
)
FAILING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward(retain_graph=True)
        optimizer.step()
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
"""
FIX = "unsafe: takes retain_graph=True out (a state that was not detached then raises, as it should)"
TORCH = ">=1.0"
SOURCE = "torch.Tensor.backward: in nearly all cases retain_graph is not needed"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for loop, trace, _root in training.batch_loops():
        inside = [event for event in trace if event.kind == BACKWARD and event.within(loop)]
        if len(inside) != 1 or not isinstance(inside[0].node, ast.Call):
            continue
        call = inside[0].node
        if constant(argument(call, "retain_graph")) is not True or _walks_again(loop.node):
            continue
        if _made_before(training, inside[0], loop):
            continue  # the next turn walks it again
        message = "the graph is kept, and nothing walks it a second time"
        yield training.finding(
            CODE,
            call,
            message,
            "take retain_graph out; detach what is carried to the next step",
            fix=_fix(training, call),
        )


def _walks_again(loop: ast.AST) -> bool:
    return any(
        isinstance(part, ast.Attribute)
        and part.attr == "grad"
        and isinstance(part.value, (ast.Attribute, ast.Name))
        and getattr(part.value, "attr", getattr(part.value, "id", "")) == "autograd"
        for part in ast.walk(loop)
    )


def _made_before(training: Training, event: Event, loop: Place) -> bool:
    """Whether what is walked was computed before the loop, and nothing in the loop computes it anew."""
    call = event.node
    assert isinstance(call, ast.Call)
    walked: ast.expr | None = call.func.value if isinstance(call.func, ast.Attribute) else None
    if call.args and training.reading.dotted(call.func) == "torch.autograd.backward":
        walked = call.args[0]
    while isinstance(walked, ast.Subscript):
        walked = walked.value
    if not isinstance(walked, ast.Name) or loop.path[0] is not event.routine.place:
        return False
    bindings = event.routine.bindings.get(walked.id, [])
    return bool(bindings) and not any(loop in each.place.path for each in bindings)


def _fix(training: Training, call: ast.Call) -> Fix | None:
    if call.args or len(call.keywords) != 1:
        return None
    start = training.span(call.func)[1] + 1
    return Fix("take it out", False, (Edit(start, training.span(call)[1] - 1, ""),))
