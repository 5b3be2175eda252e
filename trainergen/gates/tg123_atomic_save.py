"""TG123: a checkpoint that a resume reads is never half written."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, LOAD, SAVE, STEP, Event
from .reading import Routine
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
    by_class = _resumed_by_classes(training)
    for root in training.traces.roots:
        trace = training.traces.of(root)
        resumed = by_class | {
            path
            for index, event in enumerate(trace)
            if event.kind == LOAD and any(each.kind == BACKWARD for each in trace[index:])
            for path in [_path(training, event, 0, root)]
            if path is not None
        }
        for event in trace:
            if event.kind != SAVE or not _in_training_loop(event, trace) or _renamed(training, event.routine):
                continue
            path = _path(training, event, 1, root)
            if path in resumed and not _varies(event) and not _handed_anew(training, event):
                message = (
                    "the checkpoint that a resume reads is overwritten in place: a kill while it is written leaves none"
                )
                hint = "save to a temporary name beside it, then os.replace() onto it"
                yield training.finding(CODE, event.node, message, hint)


def _resumed_by_classes(training: Training) -> set[str]:
    """Paths kept on self that a method of a training class loads from, unless it is the best weights' afterwards."""
    found = set()
    for owner in training.reading.classes.values():
        events = [event for routine in owner.methods.values() for event in training.traces.own(routine)]
        if not any(event.kind == BACKWARD for event in events):
            continue
        for event in events:
            if (
                event.kind == LOAD
                and event.target.startswith("self.")
                and "best" not in event.target + event.routine.name
            ):
                path = _path(training, event, 0, None)
                if path is not None:
                    found.add(path)
    return found


def _path(training: Training, event: Event, position: int, root: Routine | None) -> str | None:
    """A text that is the same for the same path: a name where it is no argument of unknown origin, else an expression."""
    assert isinstance(event.node, ast.Call)
    if event.target:
        scope = event.scope
        if "[" in event.target or (event.target in scope.parameters and scope is not root):
            return None
        value = _assigned(training, event.target, scope)
        return event.target if value is None else ast.unparse(value)
    written = argument(event.node, "f", position)
    return ast.unparse(written) if written is not None else None


def _assigned(training: Training, name: str, scope: Routine) -> ast.expr | None:
    bindings = [each for each in training.roles.bindings(name, scope) if each.how == "assign"]
    return bindings[0].value if len(bindings) == 1 else None


def _varies(event: Event) -> bool:
    """Whether the name of the file changes from turn to turn."""
    assert isinstance(event.node, ast.Call)
    value = argument(event.node, "f", 1)
    if value is None:
        return True
    names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    for place in event.path:
        if isinstance(place.node, (ast.For, ast.AsyncFor)):
            counted = {part.id for part in ast.walk(place.node.target) if isinstance(part, ast.Name)}
            if names & counted:
                return True
    return any(isinstance(part, ast.JoinedStr) and "epoch" in ast.unparse(part) for part in ast.walk(value))


def _handed_anew(training: Training, event: Event) -> bool:
    """Whether a caller works the folder out in its loop: another one in every turn."""
    assert isinstance(event.node, ast.Call)
    value = argument(event.node, "f", 1)
    names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)} if value is not None else set()
    return any(
        any(place.kind == "loop" for place in binding.place.path)
        for name in names.intersection(event.routine.parameters)
        for caller, given in training.traces.passed(event.routine, name)
        for binding in caller.bindings.get(given, ())
    )


def _in_training_loop(event: Event, trace: list[Event]) -> bool:
    return any(any(each.kind in (BACKWARD, STEP) and each.within(loop) for each in trace) for loop in event.loops)


def _renamed(training: Training, routine: Routine) -> bool:
    for step in routine.calls():
        call = step.node
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _RENAMES:
            dotted = training.reading.dotted(call.func) or ""
            if call.func.attr != "replace" or dotted.startswith("os.") or len(call.args) == 1:
                return True
    return False
