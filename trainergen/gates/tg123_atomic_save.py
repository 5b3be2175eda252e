"""TG123: a checkpoint that a resume reads is never half written."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, LOAD, SAVE, STEP, Event
from .reading import Routine, text_of
from .roles import argument
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG123"
NAME = "atomic checkpoints"
WHAT = (
    "torch.save in a training loop does not write straight onto the one file that the same program resumes from: it "
    "writes beside it and renames (os.replace)."
)
WHY = (
    "A process that is killed while it writes (preemption, time limit, full disk) leaves half a file where the only "
    "checkpoint was, and the run can't be resumed."
)
FAILING = """\
import os

import torch

PATH = "last.pt"


def fit(model, loader, optimizer, criterion, epochs):
    if os.path.exists(PATH):
        model.load_state_dict(torch.load(PATH, map_location="cpu", weights_only=True))
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        torch.save(model.state_dict(), PATH)
"""
PASSING = """\
import os

import torch

PATH = "last.pt"


def fit(model, loader, optimizer, criterion, epochs):
    if os.path.exists(PATH):
        model.load_state_dict(torch.load(PATH, map_location="cpu", weights_only=True))
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        torch.save(model.state_dict(), PATH + ".tmp")
        os.replace(PATH + ".tmp", PATH)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "POSIX rename; the torch-atomic-save package"

_RENAMES = {"replace", "rename", "renames", "move"}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    loads = _loads(training)
    if not loads:
        return
    for root in training.traces.roots:
        trace = training.traces.of(root)
        for event in trace:
            if event.kind != SAVE or not _in_training_loop(event, trace) or _renamed(training, event.routine):
                continue
            call = event.node
            assert isinstance(call, ast.Call)
            path = _path(argument(call, "f", 1), event.routine, training)
            if path is not None and path in loads and not _varies(argument(call, "f", 1), event):
                message = "the checkpoint that a resume reads is overwritten in place: a kill while it is written leaves none"
                yield training.finding(CODE, call, message, "save to a temporary name beside it, then os.replace() onto it")


def _loads(training: Training) -> set[str]:
    found = set()
    for routine in training.reading.routines:
        for event in training.traces.own(routine):
            if event.kind == LOAD and isinstance(event.node, ast.Call):
                path = _path(argument(event.node, "f", 0), routine, training)
                if path is not None:
                    found.add(path)
    return found


def _path(value: ast.expr | None, routine: Routine, training: Training, depth: int = 0) -> str | None:
    """A text that is the same for the same path: names that are assigned once are followed, ``str`` and ``Path`` seen through."""
    if value is None or depth > 4:
        return None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("str", "Path") and len(value.args) == 1:
        return _path(value.args[0], routine, training, depth + 1)
    text = text_of(value)
    if text is not None and "[" not in text:
        bindings = [each for each in training.roles.bindings(text, routine) if each.how == "assign"]
        if len(bindings) == 1 and not isinstance(bindings[0].value, ast.Constant):
            inner = _path(bindings[0].value, routine, training, depth + 1)
            if inner is not None:
                return inner
        if len(bindings) == 1 and isinstance(bindings[0].value, ast.Constant):
            return repr(bindings[0].value.value)
        return text
    if isinstance(value, ast.Constant):
        return repr(value.value)
    if isinstance(value, ast.Call | ast.BinOp | ast.JoinedStr):
        return ast.unparse(value)
    return None


def _varies(value: ast.expr | None, event: Event) -> bool:
    """Whether the name of the file changes from turn to turn."""
    if value is None:
        return True
    names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    for place in event.path:
        if place.kind == "loop" and isinstance(place.node, ast.For | ast.AsyncFor):
            if names & {part.id for part in ast.walk(place.node.target) if isinstance(part, ast.Name)}:
                return True
    return any(isinstance(part, ast.JoinedStr) and "epoch" in ast.unparse(part) for part in ast.walk(value))


def _in_training_loop(event: Event, trace: list[Event]) -> bool:
    return any(
        any(each.kind in (BACKWARD, STEP) and each.within(loop) for each in trace) for loop in event.loops
    )


def _renamed(training: Training, routine: Routine) -> bool:
    for step in routine.calls():
        call = step.node
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _RENAMES:
            dotted = training.reading.dotted(call.func) or ""
            if call.func.attr != "replace" or dotted.startswith("os.") or len(call.args) == 1:
                return True
    return False
