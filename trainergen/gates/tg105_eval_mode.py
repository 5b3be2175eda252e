"""TG105: a model is evaluated in eval mode."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .evaluating import Evaluation, evaluations
from .finding import Fix
from .reading import Class
from .training import Training, statement_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG105"
NAME = "model.eval() before evaluation"
WHAT = "Before a loop over validation or test data runs a model, eval() is called on it, there or by whoever calls."
WHY = (
    "Dropout goes on dropping and batch normalisation uses (and updates) the statistics of each validation batch: the "
    "score is noisy, depends on the batch size, and validation data leaks into the running statistics."
)
FAILING = """\
import torch


@torch.no_grad()
def validate(model, val_loader, criterion):
    total = torch.zeros(())
    for inputs, targets in val_loader:
        total += criterion(model(inputs), targets) * len(targets)
    return total
"""
PASSING = """\
import torch


@torch.no_grad()
def validate(model, val_loader, criterion):
    model.eval()
    total = torch.zeros(())
    for inputs, targets in val_loader:
        total += criterion(model(inputs), targets) * len(targets)
    return total
"""
FIX = "unsafe: puts model.eval() above the loop"
TORCH = ">=1.0"
SOURCE = "PyTorch, Module.eval; Sonar S6982; taxonomy of real faults (arXiv 1910.11015)"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for evaluation in evaluations(training):
        owner = evaluation.routine.owner
        if evaluation.in_eval_mode or (owner is not None and _is_a_model(training, owner)):
            continue  # a module's own method runs in the mode that its caller has set
        if owner is not None and owner.bases and "trainer" in evaluation.routine.parameters:
            continue  # a hook: the trainer that calls it has set the mode
        if owner is not None and _kept_by_a_base(training, evaluation, owner):
            continue
        here = evaluation.forward.routine is evaluation.routine
        model = training.traces.as_written(evaluation.forward).target if here else ""
        fix = None
        loop = evaluation.place.node
        statement = statement_of(loop, evaluation.routine)
        if model and statement is not None and statement.lineno == getattr(loop, "lineno", 0):
            fix = Fix(
                f"call {model}.eval() before the loop", False, (training.line_above(statement, f"{model}.eval()"),)
            )
        yield training.finding(
            CODE,
            evaluation.node,
            f"{model or 'the model'} is evaluated in training mode: nothing calls eval() before",
            f"call {model or 'model'}.eval() before the loop, and train() again afterwards",
            fix=fix,
        )


def _kept_by_a_base(training: Training, evaluation: Evaluation, owner: Class) -> bool:
    """Whether the model is one that a base in another file has put on self: it may have set its mode too."""
    target = training.traces.as_written(evaluation.forward).target
    elsewhere = any(base.rpartition(".")[2] not in training.reading.classes for base in training.roles.lineage(owner))
    return elsewhere and target.startswith("self.") and not training.roles.bindings(target, evaluation.routine)


def _is_a_model(training: Training, owner: Class) -> bool:
    """Whether a class surely is a module, or behaves as one, its bases being in other files: it has a ``forward``."""
    return training.roles.is_module(owner) or (
        bool(owner.bases) and (training.traces.method(owner, "forward") is not None or _moves_itself(owner))
    )


def _moves_itself(owner: Class) -> bool:
    return any(
        isinstance(step.node, ast.Call)
        and isinstance(step.node.func, ast.Attribute)
        and step.node.func.attr in ("to", "parameters", "named_parameters")
        and isinstance(step.node.func.value, ast.Name)
        and step.node.func.value.id == "self"
        for routine in owner.methods.values()
        for step in routine.calls()
    )
