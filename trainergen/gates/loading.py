"""What a ``torch.load`` reads, as far as the file itself shows it: what it wrote a moment before, or what holds no tensors."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .naming import words_of
from .reading import Routine, Step, text_of
from .roles import SCALER, SCHEDULER, argument

if TYPE_CHECKING:
    from .training import Training

_RANDOM = ("set_rng_state", "setstate", "set_state")
"""Functions that take the state of a random generator, which lies on the CPU whatever generator it is."""


def written_here(training: Training, routine: Routine, load: Step, call: ast.Call) -> bool:
    """Whether the routine has itself saved what it loads: the device is there, and the file is nobody else's.

    A save that may not have happened (one process of several writes, all read) counts for nothing.
    """
    source = argument(call, "f", 0)
    if source is None:
        return False
    for writer, save, saving in training.calls("torch.save"):
        target = argument(saving, "f", 1)
        if writer is not routine or save.order >= load.order or target is None:
            continue
        if ast.dump(target) == ast.dump(source) and _as_sure(save, load) and not _rebound(routine, source, save, load):
            return True
    return False


def through_memory(training: Training, routine: Routine, call: ast.Call) -> bool:
    """Whether bytes are loaded that this file has saved into memory: a way to hand objects over, and no checkpoint."""
    return _in_memory(training, routine, argument(call, "f", 0)) and any(
        _in_memory(training, writer, argument(saving, "f", 1)) for writer, _, saving in training.calls("torch.save")
    )


def without_tensors(training: Training, routine: Routine, call: ast.Call) -> bool:
    """Whether what is loaded goes to a gradient scaler, a scheduler or random generators, and to nothing else.

    The first two keep plain numbers, the last tensors of the CPU, which are refused from anywhere else.
    """
    owner = routine.owner
    if owner is not None and owner.node.name.endswith(("Scheduler", "Schedule", "LR", "LROnPlateau", "Scaler")):
        return True  # it reads its own state
    names = {
        name
        for name, bindings in routine.bindings.items()
        if any(binding.value is call and binding.how == "assign" for binding in bindings)
    }
    for name, bindings in routine.bindings.items():  # for key, value in state.items()
        if any(binding.how == "loop unpack" and _of_one(binding.value, names) for binding in bindings):
            names = names | {name}
    found = False
    for step in routine.steps:
        taker = step.node
        if not isinstance(taker, ast.Call) or taker is call:
            continue
        given = [part for value in (*taker.args, *(word.value for word in taker.keywords)) for part in ast.walk(value)]
        if not any(part is call or (isinstance(part, ast.Name) and part.id in names) for part in given):
            continue
        function = taker.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name == "load_state_dict" and isinstance(function, ast.Attribute):
            if training.roles.of(function.value, routine) not in (SCALER, SCHEDULER):
                return False
            found = True
        elif name in _RANDOM or "rng_state" in name:
            found = True
    return found


def written_as_numbers(training: Training, call: ast.Call) -> bool:
    """Whether everything that the file saves under that name is a table of plain numbers and texts."""
    source = argument(call, "f", 0)
    name = (text_of(source) or "").rpartition(".")[2] if source is not None else ""
    saved = [
        (routine, argument(saving, "obj", 0))
        for routine, _, saving in training.calls("torch.save")
        for target in [argument(saving, "f", 1)]
        if name and target is not None and (text_of(target) or "").rpartition(".")[2] == name
    ]
    return bool(saved) and all(_numbers(routine, value) for routine, value in saved)


def _numbers(routine: Routine, value: ast.expr | None) -> bool:
    if isinstance(value, ast.Name):
        made = [
            each.value
            for each in routine.bindings.get(value.id, ())
            if not (isinstance(each.value, ast.Call) and text_of(each.value.func) == "torch.load")
        ]
        return len(made) == 1 and _numbers(routine, made[0])
    if isinstance(value, ast.Dict):
        return bool(value.values) and all(_numbers(routine, each) for each in value.values)
    if isinstance(value, ast.Call):
        function = value.func
        return (isinstance(function, ast.Attribute) and function.attr in ("item", "tolist")) or (
            isinstance(function, ast.Name) and function.id in ("int", "float", "len", "str", "round")
        )
    return isinstance(value, (ast.Constant, ast.JoinedStr))


def _of_one(value: ast.expr, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(value))


def of_a_data_set(routine: Routine, call: ast.Call) -> bool:
    """Whether samples are loaded, by a data set or from a cache: they lie on the CPU, workers could hand over nothing else."""
    owner, source = routine.owner, argument(call, "f", 0)
    if not {"cache", "cached", "dataset"}.isdisjoint(words_of((text_of(source) or "") if source is not None else "")):
        return True
    if owner is None:
        return False
    return "__getitem__" in owner.methods or any(
        name.endswith("Dataset") for name in (owner.node.name, *(base.rpartition(".")[2] for base in owner.bases))
    )


def _as_sure(save: Step, load: Step) -> bool:
    """Whether the save has happened wherever the load does: no condition around it that isn't around the load."""
    around = {(id(place.node), place.branch) for place in load.place.path}
    return all(
        (id(place.node), place.branch) in around for place in save.place.path if place.kind in ("if", "except", "loop")
    )


def _rebound(routine: Routine, source: ast.expr, save: Step, load: Step) -> bool:
    names = {part.id for part in ast.walk(source) if isinstance(part, ast.Name)}
    return any(save.order < binding.order < load.order for name in names for binding in routine.bindings.get(name, ()))


def _in_memory(training: Training, routine: Routine, value: ast.expr | None) -> bool:
    if value is None:
        return False
    if isinstance(value, ast.Call):
        return (training.reading.dotted(value.func) or "").rpartition(".")[2] == "BytesIO"
    text = text_of(value)
    bindings = training.roles.bindings(text, routine) if text is not None else []
    return any(isinstance(each.value, ast.Call) and _in_memory(training, routine, each.value) for each in bindings)
