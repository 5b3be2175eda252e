"""The data loaders that a file makes, with what they are for as far as names say it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from . import naming
from .reading import Routine, Step, text_of
from .training import Training

if TYPE_CHECKING:
    pass


class Loader:
    """A call of ``DataLoader``.

    Attributes:
        call, step, routine: where it is made.
        purpose: ``train``, ``held out`` or ``""``: by the name it gets, its key, its function or its data set.
    """

    __slots__ = ("call", "purpose", "routine", "step")

    def __init__(self, call: ast.Call, step: Step, routine: Routine, purpose: str) -> None:
        self.call = call
        self.step = step
        self.routine = routine
        self.purpose = purpose


def loaders(training: Training) -> list[Loader]:
    """Every ``DataLoader(...)`` of torch in the file; worked out once."""
    names = ("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader", "DataLoader")
    return training.once(
        loaders,
        lambda: [
            Loader(call, step, routine, _purpose(call, routine)) for routine, step, call in training.calls(*names)
        ],
    )


def _purpose(call: ast.Call, routine: Routine) -> str:
    for name in (*_bound(call, routine), _key(call, routine), _dataset(call)):
        said = purpose_of(name)
        if said:
            return said
    if any(isinstance(step.node, ast.Return) and step.node.value is call for step in routine.steps):
        return purpose_of(routine.name)
    return ""


def purpose_of(name: str) -> str:
    """``train`` or ``held out`` by a name; "" where it says neither or both."""
    trained, held_out = naming.is_trained_on(name), naming.is_held_out(name)
    return "" if trained == held_out else "train" if trained else "held out"


def _bound(call: ast.Call, routine: Routine) -> list[str]:
    return [name for name, bindings in routine.bindings.items() if any(each.value is call for each in bindings)]


def _key(call: ast.Call, routine: Routine) -> str:
    for step in routine.steps:
        given = step.node.value if isinstance(step.node, (ast.Assign, ast.Return, ast.AnnAssign)) else None
        if isinstance(given, ast.Dict):
            for key, value in zip(given.keys, given.values, strict=True):
                if value is call and isinstance(key, ast.Constant):
                    return str(key.value)
    return ""


def _dataset(call: ast.Call) -> str:
    value = call.args[0] if call.args else next((word.value for word in call.keywords if word.arg == "dataset"), None)
    text = text_of(value) if value is not None else None
    return text or ""
