"""TG115: the result of an operation that changes nothing in place is used."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Fix
from .naming import speaks_of_module
from .reading import Routine, Step, text_of
from .roles import MODULE
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG115"
NAME = "no result thrown away"
WHAT = (
    "A tensor's .to(), .detach(), .float(), .clamp() and their like don't stand alone as a statement: they return the "
    "new tensor and leave the old one as it was. Modules, which move in place, are not meant."
)
WHY = "The statement does nothing. The tensor stays on its device, keeps its graph or its type, and the error comes later."
FAILING = """\
def train(model, loader, optimizer, criterion, device):
    for inputs, targets in loader:
        inputs.to(device)
        targets.to(device)
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
"""
PASSING = """\
def train(model, loader, optimizer, criterion, device):
    for inputs, targets in loader:
        inputs = inputs.to(device)
        targets = targets.to(device)
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
"""
FIX = "unsafe: assigns the result back"
TORCH = ">=1.0"
SOURCE = "torch.Tensor.to; flake8-tensors WT203"

_PURE = {
    "detach", "clamp", "squeeze", "unsqueeze", "contiguous", "view", "reshape", "permute", "transpose", "type_as", "flatten",
    "clone", "masked_fill", "softmax", "sigmoid", "relu", "abs", "sqrt", "exp", "log", "long", "expand", "repeat",
}  # fmt: skip
_MOVING = {"to", "cuda", "cpu", "float", "half", "double", "bfloat16"}
"""In place on modules, and on the batches of some libraries: only said of what surely is a tensor."""
_TENSORS = {"loss", "hidden", "h", "state", "logits", "output", "outputs", "x", "y", "out", "mask"}
"""Names that nobody gives to anything else."""
_MAKERS = {"tensor", "zeros", "ones", "rand", "randn", "arange", "full", "cat", "stack", "from_numpy", "as_tensor"}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine in training.reading.routines:
        for step in routine.steps:
            if not isinstance(step.node, ast.Expr):
                continue
            value = step.node.value
            parts = value.elts if isinstance(value, ast.Tuple) else [value]
            calls = [each for each in parts if isinstance(each, ast.Call)]
            for call in calls:
                yield from _thrown_away(training, call, routine, step, alone=len(parts) == 1)


def _thrown_away(training: Training, call: ast.Call, routine: Routine, step: Step, alone: bool) -> Iterator[Finding]:
    function = call.func
    target = text_of(function.value) if isinstance(function, ast.Attribute) else None
    if (
        not isinstance(function, ast.Attribute)
        or target is None
        or not _lost(training, function, target, routine, step.order)
        or _said_to_be_a_module(training, target, step)
    ):
        return
    segment = training.segment(function.value)
    edit = training.replacing(call, f"{segment} = {training.segment(call)}")
    fix = Fix("assign the result", False, (edit,)) if alone else None
    message = f".{function.attr}() returns a new tensor, and the statement throws it away"
    yield training.finding(CODE, call, message, f"write {target} = {target}.{function.attr}(...)", fix=fix)


def _said_to_be_a_module(training: Training, target: str, step: Step) -> bool:
    """Whether the statement stands below ``if isinstance(target, nn.Module)``: modules move in place."""
    tests = [place.node.test for place in step.place.path if isinstance(place.node, ast.If) and place.branch == "body"]
    return any(
        isinstance(part, ast.Call)
        and len(part.args) == 2
        and training.reading.dotted(part.func) == "isinstance"
        and text_of(part.args[0]) == target
        and (training.reading.dotted(part.args[1]) or "").endswith("Module")
        for test in tests
        for part in ast.walk(test)
    )


def _lost(training: Training, function: ast.Attribute, target: str, routine: Routine, order: int) -> bool:
    if training.roles.of(function.value, routine) is not None or speaks_of_module(target):
        return False
    if function.attr in _MOVING:
        return _is_tensor(training, target, routine, order)
    if function.attr in ("detach", "unsqueeze", "type_as", "masked_fill"):
        return _is_tensor(training, target, routine, order) or target in _TENSORS
    return function.attr in _PURE and _is_tensor(training, target, routine, order)


def _is_tensor(training: Training, target: str, routine: Routine, order: int) -> bool:
    """Whether a name surely holds a tensor: one part of a loader's pair, a torch function's result, a part of a batch."""
    if _annotated(routine, target):
        return True
    latest = None
    for binding in routine.bindings.get(target, ()):
        if binding.order < order:
            latest = binding
    if latest is None:
        return "[" in target and target.split("[", maxsplit=1)[0] in ("batch", "sample", "data", "inputs", "example")
    value = latest.value
    if latest.how == "loop unpack":
        return isinstance(value, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    if latest.how == "unpack":
        return isinstance(value, ast.Name) and value.id in ("batch", "data", "sample", "item", "samples")
    if latest.how != "assign":
        return False
    if training.traces.flow(routine).attached(value, latest.order):
        role = training.roles.of(value, routine)
        return role != MODULE and not isinstance(value, (ast.Dict, ast.List, ast.Tuple))
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
        return value.value.id in ("batch", "sample", "data", "inputs")
    dotted = training.reading.dotted(value.func) if isinstance(value, ast.Call) else None
    return dotted is not None and dotted.startswith("torch.") and dotted.rpartition(".")[2] in _MAKERS


def _annotated(routine: Routine, target: str) -> bool:
    if isinstance(routine.node, ast.Module):
        return False
    given = routine.node.args
    for each in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        if each.arg == target and each.annotation is not None and not routine.bindings.get(target):
            return ast.unparse(each.annotation).strip("'\"").rpartition(".")[2] == "Tensor"
    return False
