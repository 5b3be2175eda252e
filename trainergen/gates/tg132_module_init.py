"""TG132: a module calls its base's __init__ before it gets its first layer."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Fix
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .reading import Routine

CODE = "TG132"
NAME = "super().__init__() in a module"
WHAT = (
    "The __init__ of a class that derives from nn.Module directly calls super().__init__(), before it assigns to self."
)
WHY = "Layers can't be registered before: assigning one raises, and what was set before is lost."
FAILING = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        self.layer = nn.Linear(width, width)

    def forward(self, inputs):
        return self.layer(inputs)
"""
PASSING = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, inputs):
        return self.layer(inputs)
"""
FIX = "safe: puts super().__init__() at the top of __init__"
TORCH = ">=1.0"
SOURCE = "torch.nn.Module; Sonar S6978"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for owner in training.reading.classes.values():
        init = owner.methods.get("__init__")
        if init is None or owner.bases != ("torch.nn.Module",) or _calls_base(init):
            continue
        assigned = [binding for name, given in init.bindings.items() if name.startswith("self.") for binding in given]
        if not assigned:
            continue
        body = init.node.body
        first = body[1] if _is_docstring(body[0]) and len(body) > 1 else body[0]
        fix = Fix("call super().__init__() first", True, (training.line_above(first, "super().__init__()"),))
        message = f"{owner.node.name}.__init__ does not call super().__init__(): no layer can be registered"
        yield training.finding(CODE, init.node, message, "make super().__init__() its first statement", fix=fix)


def _calls_base(init: Routine) -> bool:
    return any(
        isinstance(step.node, ast.Call)
        and isinstance(step.node.func, ast.Attribute)
        and step.node.func.attr == "__init__"
        for step in init.steps
    )


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
