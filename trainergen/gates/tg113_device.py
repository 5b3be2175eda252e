"""TG113: no device is written into the code."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Fix
from .naming import says
from .reading import Place, Routine, Step, text_of
from .roles import argument
from .training import Training, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG113"
NAME = "no hard-coded device"
WHAT = (
    'No .cuda(), no "cuda" or "cuda:0" as a device, no torch.cuda.FloatTensor, except where the code has asked '
    "whether there is one."
)
WHY = (
    "The training can't run on a CPU, another accelerator or the second GPU, and where half of the code follows the "
    "device and half doesn't, tensors meet on two devices."
)
FAILING = """\
import torch


def train(model, loader, optimizer, criterion):
    model = model.cuda()
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs.cuda()), targets.to("cuda")).backward()
        optimizer.step()
"""
PASSING = """\
import torch


def train(model, loader, optimizer, criterion, device):
    model = model.to(device)
    for inputs, targets in loader:
        optimizer.zero_grad()
        criterion(model(inputs.to(device)), targets.to(device)).backward()
        optimizer.step()
"""
FIX = "safe: .to(self.device) or .to(device), where that name is at hand"
TORCH = ">=1.0"
SOURCE = "PyTorch, device-agnostic code; Lightning style guide; taxonomy of real faults (arXiv 1910.11015)"

_FACTORIES = {
    "device", "to", "zeros", "ones", "empty", "full", "rand", "randn", "randint", "arange", "tensor", "as_tensor", "eye",
    "linspace", "randperm", "load", "zeros_like", "ones_like", "Module",
}  # fmt: skip


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    # A file without a model or an optimizer may be about CUDA itself.
    trains = any(training.traces.own(routine) for routine in training.reading.routines)
    if not trains:
        return
    for routine in training.reading.routines:
        for step in routine.steps:
            node = step.node
            if isinstance(node, ast.Call):
                said = _said(training, node)
                if said is not None and not _asked(step, routine):
                    yield _finding(training, node, said, routine)
            elif (
                isinstance(node, ast.Assign)
                and _is_cuda(node.value)
                and _names_device(node)
                and not _asked(step, routine)
            ):
                hint = 'ask first: "cuda" if torch.cuda.is_available() else "cpu", or take it as an argument'
                yield training.finding(CODE, node.value, "the device is written into the code", hint)


def _said(training: Training, call: ast.Call) -> str | None:
    """How a call names a CUDA device, or None."""
    function = call.func
    dotted = training.reading.dotted(function) or ""
    if isinstance(function, ast.Attribute) and function.attr == "cuda" and not dotted.startswith("torch."):
        if all(isinstance(each, ast.Constant) for each in call.args):
            return ".cuda()"
        return None
    if dotted.startswith("torch.cuda.") and dotted.endswith("Tensor"):
        return dotted
    name = dotted.rpartition(".")[2] or (function.attr if isinstance(function, ast.Attribute) else "")
    if name not in _FACTORIES and dotted != "torch.Generator":
        return None
    if dotted == "torch.device" and not isinstance(argument(call, "index", 1), ast.Constant | None):
        return None  # the GPU of this process, worked out: where the device is chosen
    for value in (argument(call, "device"), argument(call, "map_location"), call.args[0] if call.args else None):
        if isinstance(value, ast.Constant) and _is_cuda(value):
            if value in call.args and name in _FACTORIES - {"device", "to"}:
                continue
            return f'"{value.value!s}"'
    return None


def _is_cuda(value: ast.expr) -> bool:
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return False
    kind, _, index = value.value.partition(":")
    return kind == "cuda" and (not index or index.isdigit())


def _names_device(statement: ast.Assign) -> bool:
    names = [text_of(target) or "" for target in statement.targets]
    return any(name.rpartition(".")[2].lower() in ("device", "dev") for name in names)


def _asked(step: Step, routine: Routine) -> bool:
    """Whether a condition around, or an early return before, has asked for the device."""
    for place in step.place.path:
        if place.kind == "if" and isinstance(place.node, ast.If) and _about_device(place.node.test):
            return True
        if place.kind in ("try", "except") or (place.kind == "if" and _chosen(place, routine)):
            return True
    for other in routine.steps:
        node = other.node
        if isinstance(node, ast.If) and other.order < step.order and _about_device(node.test):
            return True
        if isinstance(node, (ast.Assign, ast.Return, ast.Expr)) and node.lineno <= _line(step) <= (
            node.end_lineno or 0
        ):
            for part in ast.walk(node):
                if isinstance(part, (ast.IfExp, ast.BoolOp)) and _about_device(part):
                    return True
    return _named_for_it(routine) or any(_about_device(each) for each in routine.decorators())


def _chosen(place: Place, routine: Routine) -> bool:
    """Whether the other branch of an ``if`` takes the CPU: whatever is asked there, it chooses the device."""
    return any(
        isinstance(step.node, ast.Assign)
        and _names_device(step.node)
        and any(isinstance(part, ast.Constant) and part.value == "cpu" for part in ast.walk(step.node.value))
        and any(other.node is place.node and other.branch != place.branch for other in step.place.path)
        for step in routine.steps
    )


def _line(step: Step) -> int:
    return int(getattr(step.node, "lineno", 0))


def _about_device(test: ast.AST) -> bool:
    if mentions(test, "is_available", "device", "device_type", "device_count"):
        return True
    for part in ast.walk(test):
        said = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        if says(said, "cuda", "gpu"):  # is_cuda_available(), args.no_cuda, n_gpu
            return True
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and "cuda" in part.value:
            return True
    return False


def _named_for_it(routine: Routine) -> bool:
    seen: Routine | None = routine
    while seen is not None:
        if says(seen.name, "cuda", "gpu"):
            return True
        seen = seen.outer
    return bool(routine.owner is not None and says(routine.owner.node.name, "cuda", "gpu"))


def _finding(training: Training, call: ast.Call, said: str, routine: Routine) -> Finding:
    device = "self.device" if training.framework_at(routine) in ("trainergen", "lightning") else None
    if device is None and routine.owner is not None and "self.device" in routine.owner.bindings:
        device = "self.device"
    if device is None and ("device" in routine.parameters or training.roles.bindings("device", routine)):
        device = "device"
    fix = None
    function = call.func
    if device is not None and isinstance(function, ast.Attribute) and function.attr in ("cuda", "to"):
        if function.attr == "to" and len(call.args) == 1 and not call.keywords:
            fix = Fix(f"use {device}", True, (training.replacing(call.args[0], device),))
        elif function.attr == "cuda" and not call.args and not call.keywords:
            target = training.segment(function.value)
            fix = Fix(f"use .to({device})", True, (training.replacing(call, f"{target}.to({device})"),))
    hint = f"use .to({device})" if device else "take the device as an argument, or from the model"
    return training.finding(CODE, call, f"{said} is written into the code", hint, fix=fix)
