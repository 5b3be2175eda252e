"""The methods that hand a loss to whoever calls backward(), and how a file uses what they return."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD
from .reading import Routine
from .source import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .loss_flow import Fault
    from .training import Training

HOOKS = ("compute_loss", "_forward_batch", "training_step")


def faults(training: Training) -> Iterator[tuple[Routine, Fault]]:
    """What hooks return that certainly is no scalar loss with a graph, wherever backward() meets it."""
    found = training.once(hooks, lambda: list(hooks(training)))
    if not found:
        return
    from .loss_flow import LossFlow
    from .subject import Subject

    subject = Subject(training.source, training.facts)
    for routine in found:
        framework = training.framework_at(routine)
        node = routine.node
        assert routine.owner is not None
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        lineage = training.facts.lineage(training.source, routine.owner.node)
        for fault in LossFlow(subject, lineage, node).faults():
            if framework in ("lightning", "transformers") and fault.kind in ("container", "nothing"):
                continue
            yield routine, fault


def hooks(training: Training) -> Iterator[Routine]:
    """The methods of the file whose result ``backward()`` surely meets."""
    for routine in training.reading.routines:
        if routine.name not in HOOKS or routine.owner is None or not _backed(training, routine):
            continue
        if (routine.name == "training_step") == (training.framework_at(routine) == "lightning"):
            yield routine


def returned(routine: Routine) -> Iterator[tuple[ast.expr, int]]:
    """What a hook may return as its loss, with the step's number: both branches, of a tuple the first."""
    for step in routine.steps:
        if isinstance(step.node, ast.Return) and step.node.value is not None:
            value = step.node.value
            for each in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
                yield (each.elts[0] if isinstance(each, ast.Tuple) and each.elts else each), step.order


def _backed(training: Training, routine: Routine) -> bool:
    """Whether ``backward()`` meets what the hook returns: it is a trainer's that nobody in the file calls, or one who does so."""
    callers = [
        (caller, step.node)
        for caller in training.reading.routines
        for step in caller.calls()
        if isinstance(step.node, ast.Call) and training.traces.callee(step.node, caller) is routine
    ]
    if not callers:
        return _is_trainer(training, routine) and _concrete(routine.node)
    for caller, call in callers:
        losses = {event.target for event in training.traces.own(caller) if event.kind == BACKWARD}
        for name in losses:
            if any(binding.value is call and binding.how == "assign" for binding in caller.bindings.get(name, ())):
                return True
    return False


def _is_trainer(training: Training, routine: Routine) -> bool:
    """Whether a class is a trainer: a known framework's, or by its name or a base's. What others' hooks return is theirs."""
    owner = routine.owner
    if owner is None:
        return False
    names = [owner.node.name, *(base.rpartition(".")[2] for base in training.roles.lineage(owner))]
    return training.framework(owner) is not None or any(name.endswith("Trainer") for name in names)


def _concrete(node: Function | ast.Module) -> bool:
    if isinstance(node, ast.Module):
        return False
    said = [item for item in node.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    return any(not isinstance(item, (ast.Pass, ast.Raise)) for item in said)
