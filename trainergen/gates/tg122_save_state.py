"""TG122: what is saved is a state_dict, not the pickled model."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Fix
from .reading import Routine, text_of
from .roles import MODULE, OPTIMIZER, argument
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG122"
NAME = "torch.save of a state_dict"
WHAT = "torch.save gets a model's state_dict(), alone or in a dict, not the model (or optimizer) object itself."
WHY = (
    "Pickle stores the class by its module path: after a rename or move the file can't be loaded, and loading it needs "
    "weights_only=False, which runs any code in it."
)
FAILING = """\
import torch


def save(model, path):
    torch.save(model, path)
"""
PASSING = """\
import torch


def save(model, path):
    torch.save(model.state_dict(), path)
"""
FIX = "unsafe: saves .state_dict() (what loads the file has to change with it)"
TORCH = ">=1.0"
SOURCE = "PyTorch, saving and loading models; semgrep pickles-in-pytorch"

_SURELY = {"model", "net", "network", "optimizer", "module", "classifier", "generator", "discriminator"}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine, step, call in training.calls("torch.save"):
        saved = argument(call, "obj", 0)
        for value in _parts(saved, routine, step.order):
            role = _role(training, value, routine)
            if role is not None:
                fix = Fix("save the state_dict", False, (training.appending(value, ".state_dict()"),))
                shown = text_of(value)
                message = f"torch.save pickles the {role} {shown} itself"
                yield training.finding(CODE, value, message, f"save {shown}.state_dict()", fix=fix)


def _parts(saved: ast.expr | None, routine: Routine, order: int) -> Iterator[ast.expr]:
    if isinstance(saved, ast.Name):
        latest = None
        for binding in routine.bindings.get(saved.id, ()):
            if binding.order < order:
                latest = binding
        if latest is not None and latest.how == "assign" and isinstance(latest.value, ast.Dict):
            saved = latest.value
    if isinstance(saved, ast.Dict):
        yield from saved.values
    elif isinstance(saved, ast.Call) and isinstance(saved.func, ast.Name) and saved.func.id == "dict":
        yield from (word.value for word in saved.keywords)
    elif saved is not None:
        yield saved


def _role(training: Training, value: ast.expr, routine: Routine) -> str | None:
    text = text_of(value)
    if text is None or text == "self" or text.endswith("]"):
        return None
    bindings = training.roles.bindings(text, routine)
    role, made = training.roles.named(text, routine)
    if role not in (MODULE, OPTIMIZER):
        return None
    others = [each.value for each in bindings if each.how == "assign"]
    if text.startswith("self."):  # restored from a checkpoint that held the module itself
        others = [each for each in others if not isinstance(each, ast.Subscript)]
    if made is None and not all(map(_same, others)):
        return None  # something else was computed under that name: a state_dict most likely
    last = text.rpartition(".")[2].lower()
    if made is None and last not in _SURELY and not _behaves(text, routine):
        return None
    return role


def _behaves(text: str, routine: Routine) -> bool:
    """Whether the routine treats a name as a module: calls it, or asks it for what modules have."""
    for step in routine.calls():
        call = step.node
        assert isinstance(call, ast.Call)
        if text_of(call.func) == text:
            return True
        asked = isinstance(call.func, ast.Attribute) and call.func.attr in ("parameters", "state_dict", "eval", "train")
        if asked and isinstance(call.func, ast.Attribute) and text_of(call.func.value) == text:
            return True
    return False


def _same(value: ast.expr) -> bool:
    """Whether a value can be the module itself: a name, or the call of a class."""
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return (
            name[:1].isupper()
            or name in ("to", "cuda", "compile")
            or name.startswith(("build", "make", "get_model", "create"))
        )
    return isinstance(value, (ast.Name, ast.Attribute)) and getattr(value, "attr", "module") == "module"
