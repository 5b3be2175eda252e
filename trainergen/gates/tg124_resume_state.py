"""TG124: a checkpoint that a training resumes from holds all that the training goes on with."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .events import LOAD, SAVE, SCALER_STEP, SCHEDULE, STEP, Event
from .naming import says
from .reading import Routine
from .roles import argument
from .schedules import told_where
from .training import Training, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG124"
NAME = "whole checkpoints"
WHAT = (
    "A file that saves checkpoints as dicts and resumes training from them saves the state of the optimizer, and of "
    "scheduler and GradScaler where it steps them, and the epoch or step that it was at."
)
WHY = (
    "A resumed run starts with empty moments, at the first learning rate, at scale 65536 or at epoch 0: the loss jumps, "
    "the schedule starts over, and the run isn't the one that was interrupted."
)
FAILING = """\
import torch


def fit(model, loader, optimizer, criterion, epochs, resume=None):
    start_epoch = 0
    if resume is not None:
        state = torch.load(resume, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        start_epoch = state["epoch"] + 1
    for epoch in range(start_epoch, epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        torch.save({"model": model.state_dict(), "epoch": epoch}, f"epoch_{epoch}.pt")
"""
PASSING = """\
import torch


def fit(model, loader, optimizer, criterion, epochs, resume=None):
    start_epoch = 0
    if resume is not None:
        state = torch.load(resume, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start_epoch = state["epoch"] + 1
    for epoch in range(start_epoch, epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
        torch.save(state, f"epoch_{epoch}.pt")
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "PyTorch, saving and loading a general checkpoint"

_COUNTED = ("epoch", "step", "iter", "update", "progress", "position", "count", "seen")


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    routines = training.reading.routines
    kinds = {event.kind for routine in routines for event in training.traces.own(routine)}
    if not {SAVE, LOAD} <= kinds or not {STEP, SCALER_STEP} & kinds or not _resumes(training):
        return
    for routine in routines:
        for event in training.traces.own(routine):
            if event.kind != SAVE:
                continue
            call = event.node
            assert isinstance(call, ast.Call)
            saved = _saved(training, argument(call, "obj", 0), routine)
            if saved is None:
                continue
            missing = _missing(saved, kinds)
            if missing:
                missing = _missing(saved, kinds - _left_out(training))
            if missing:
                yield training.finding(
                    CODE,
                    call,
                    f"the checkpoint that training resumes from lacks {', '.join(missing)}",
                    "save and restore: "
                    + ", ".join(f"{each}'s state" if each != "the epoch" else each for each in missing),
                )


def _left_out(training: Training) -> set[str]:
    """What has no state to go on with: schedules that are told where they are, and scalers that no save lives to see."""
    routines = training.reading.routines
    events = [(routine, event) for routine in routines for event in training.traces.own(routine)]
    lost = set()
    if all(told_where(event) for _, event in events if event.kind == SCHEDULE):
        lost.add(SCHEDULE)
    if all(_passing(training, event, routine) for routine, event in events if event.kind == SCALER_STEP):
        lost.add(SCALER_STEP)
    return lost


def _passing(training: Training, event: Event, routine: Routine) -> bool:
    """Whether a scaler is made in the routine that steps with it, which ends before anything is saved."""
    call = event.node
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return False
    scaler = call.func.value
    bindings = routine.bindings.get(scaler.id, []) if isinstance(scaler, ast.Name) else []
    return any(isinstance(each.value, ast.Call) for each in bindings) and not any(
        each.kind == SAVE for each in training.traces.of(routine)
    )


def _missing(saved: str, kinds: set[str]) -> list[str]:
    lowered = saved.lower()
    missing = []
    if "optim" not in lowered and "opt" not in re.findall(r"[a-z]+", lowered):
        missing.append("the optimizer")
    if SCHEDULE in kinds and not re.search(r"sched|lr_", lowered):
        missing.append("the scheduler")
    if SCALER_STEP in kinds and "scaler" not in lowered:
        missing.append("the GradScaler")
    if not says(lowered, *_COUNTED):
        missing.append("the epoch")
    return missing


def _resumes(training: Training) -> bool:
    """Whether the file goes on with a training: it loads a state and something speaks of where to begin."""
    for routine in training.reading.routines:
        loads = [event for event in training.traces.own(routine) if event.kind == LOAD]
        if not loads:
            continue
        if re.search(r"(?i)resum|restore|load_(check|ckpt|snap|state|training)", routine.name):
            return True
        text = " ".join([*routine.bindings, *routine.parameters])
        if re.search(r"(?i)resum|(start|begin|first|last)_?(epoch|step|iter)|epochs?_(run|done|trained)", text):
            return True
        for step in routine.steps:
            if isinstance(step.node, ast.If) and _speaks_of_resuming(step.node.test):
                return True
        trains = any(event.kind in (STEP, SCALER_STEP) for event in training.traces.of(routine))
        for event in loads if trains else ():
            tests = [place.node.test for place in event.guards() if isinstance(place.node, ast.If)]
            if any(mentions(test, "exists", "isfile", "is_file") for test in tests):
                return True
    return False


def _speaks_of_resuming(test: ast.expr) -> bool:
    """Whether any name or text of a condition has ``resum`` in it."""
    said = (
        getattr(part, "id", None)
        or getattr(part, "attr", None)
        or getattr(part, "arg", None)
        or getattr(part, "value", "")
        for part in ast.walk(test)
    )
    return any(isinstance(each, str) and "resum" in each.lower() for each in said)


def _handed_in(training: Training, name: str, routine: Routine) -> str | None:
    """The dict that a caller in the file passes as the argument `name`."""
    for caller in training.reading.routines:
        for step in caller.calls():
            call = step.node
            if (
                name in routine.parameters
                and isinstance(call, ast.Call)
                and training.traces.callee(call, caller) is routine
            ):
                place = routine.parameters.index(name) - (routine.owner is not None)
                given = argument(call, name, place)
                if given is not None and caller is not routine:
                    return _saved(training, given, caller)
    return None


def _saved(training: Training, value: ast.expr | None, routine: Routine) -> str | None:
    """The text of the dict that is saved, with everything put into it later; None where it can't be seen."""
    parts: list[str] = []
    if isinstance(value, ast.Name):
        bindings = [each for each in routine.bindings.get(value.id, ()) if each.how == "assign"]
        if not bindings:
            return _handed_in(training, value.id, routine)
        dicts = [each.value for each in bindings]
        made: list[ast.expr] = [each for each in dicts if isinstance(each, ast.Dict)]
        if made and dicts[-1] is made[-1]:  # the name may have held the restored state before
            dicts = made
        for name, given in routine.bindings.items():
            if name.startswith(f"{value.id}["):
                parts += [name, *(ast.unparse(each.value) for each in given)]
        for step in routine.calls():
            call = step.node
            if (
                (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and isinstance(call.func.value, ast.Name)
                )
                and call.func.value.id == value.id
                and call.func.attr in ("update", "setdefault")
            ):
                parts.append(ast.unparse(call))
    elif value is not None:
        dicts = [value]
    else:
        return None
    for each in dicts:
        if isinstance(each, ast.Dict):
            if any(key is None for key in each.keys):
                return None
        elif not (isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "dict"):
            return None
        parts.append(ast.unparse(each))
    text = " ".join(parts)
    if "state_dict(" in text:
        return text
    held = (
        ast.unparse(binding.value)
        for each in dicts
        for part in ast.walk(each)
        if isinstance(part, ast.Name)
        for binding in routine.bindings.get(part.id, ())
    )
    return text if any("state_dict(" in each for each in held) else None
