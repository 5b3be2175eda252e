"""TG129: a model is called, not its forward."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Edit, Fix
from .reading import text_of
from .roles import MODULE
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG129"
NAME = "model(x), not model.forward(x)"
WHAT = "No .forward(...) call on a module, except super().forward(...) and within a method of that name."
WHY = (
    "The call runs hooks, which DDP, FSDP, torch.compile, quantisation and profilers hang themselves on: forward() "
    "alone skips them without a word, and under DDP gradients are never averaged."
)
FAILING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model.forward(inputs), targets).backward()
        optimizer.step()
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
"""
FIX = "safe: takes .forward out"
TORCH = ">=1.0"
SOURCE = "torch.nn.Module.forward, the note; dslinter W5516; flake8-no-module-forward-call"


_NO_MODULE = {
    "fit", "partial_fit", "predict_proba", "set_params", "forward_iter", "setInput", "getUnconnectedOutLayersNames",
}  # fmt: skip
"""Methods that modules lack: what has one is an estimator, or another library's net, and its forward is all there is."""


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    if not any(
        getattr(step.node.func, "attr", "") == "forward"
        for routine in training.reading.routines
        for step in routine.calls()
        if isinstance(step.node, ast.Call)
    ):
        return
    others = {
        text_of(step.node.func.value)
        for routine in training.reading.routines
        for step in routine.calls()
        if isinstance(step.node, ast.Call) and isinstance(step.node.func, ast.Attribute)
        if step.node.func.attr in _NO_MODULE
    }
    for routine in training.reading.routines:
        if routine.name == "__call__":
            continue
        for step in routine.calls():
            call = step.node
            assert isinstance(call, ast.Call)
            function = call.func
            if not isinstance(function, ast.Attribute) or function.attr != "forward":
                continue
            target = function.value
            text = text_of(target)
            inner = routine.name == "forward"
            if (
                text is None
                or text in others
                or text == "self"
                or (inner and not text.startswith("self."))
                or training.roles.of(target, routine) != MODULE
            ):
                continue
            if text in training.reading.classes or text.rpartition(".")[2][:1].isupper():
                continue
            stop = training.span(function)[1]
            fix = Fix(f"call {text} itself", True, (Edit(training.span(target)[1], stop, ""),))
            message = f"{text}.forward() skips the hooks that {text}() runs"
            yield training.finding(CODE, call, message, f"call {text}(...)", fix=fix)
