"""TG106: a model is evaluated without building graphs."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .evaluating import Evaluation, evaluations
from .finding import Fix
from .training import Training, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .reading import Routine

CODE = "TG106"
NAME = "no_grad() or inference_mode() around evaluation"
WHAT = (
    "A loop over validation or test data that runs a model does so below torch.no_grad() or torch.inference_mode(), "
    "as a block or a decorator, there or at whoever calls."
)
WHY = "Every forward builds a graph that nothing uses: twice the memory, slower, and kept alive where outputs are collected."
FAILING = """\
import torch


def validate(model, val_loader, criterion):
    model.eval()
    total = 0.0
    for inputs, targets in val_loader:
        total += criterion(model(inputs), targets).item() * len(targets)
    return total
"""
PASSING = """\
import torch


@torch.inference_mode()
def validate(model, val_loader, criterion):
    model.eval()
    total = 0.0
    for inputs, targets in val_loader:
        total += criterion(model(inputs), targets).item() * len(targets)
    return total
"""
FIX = "unsafe: decorates the function with @torch.no_grad()"
TORCH = ">=1.0"
SOURCE = "PyTorch, locally disabling gradient computation; hotpath KP012"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for evaluation in evaluations(training):
        if evaluation.graphless or mentions(evaluation.place.node, "grad", "requires_grad_", "set_grad_enabled"):
            continue
        routine = evaluation.routine
        if _without_gradients(evaluation):
            continue
        yield training.finding(
            CODE,
            evaluation.node,
            "the evaluation builds a graph for every batch",
            "put it below torch.no_grad() or torch.inference_mode()",
            fix=_fix(training, routine),
        )


def _without_gradients(evaluation: Evaluation) -> bool:
    """Whether the parameters are frozen first, or a manager of the project's own sees to the gradients."""
    for step in evaluation.routine.steps:
        node = step.node
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is False:
            if any(isinstance(each, ast.Attribute) and each.attr == "requires_grad" for each in node.targets):
                return True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requires_grad_":
            return any(isinstance(each, ast.Constant) and each.value is False for each in node.args)
    managers = (
        item.context_expr
        for place in evaluation.forward.path
        if isinstance(place.node, (ast.With, ast.AsyncWith))
        for item in place.node.items
    )
    return any("grad" in ast.unparse(each) for each in managers)


def _fix(training: Training, routine: Routine) -> Fix | None:
    node = routine.node
    if isinstance(node, ast.Module) or training.reading.imports.get("torch") != "torch":
        return None
    if any(event.kind == "backward" for event in training.traces.of(routine)):
        return None
    edit = training.line_above(node, "@torch.no_grad()")
    return Fix("decorate the function with @torch.no_grad()", False, (edit,))
