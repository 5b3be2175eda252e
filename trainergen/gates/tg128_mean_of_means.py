"""TG128: a score over a data set weighs samples, not batches."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .evaluating import evaluations
from .reading import Place, Routine, text_of
from .roles import CRITERION, argument, constant
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG128"
NAME = "no mean of batch means"
WHAT = (
    "An evaluation does not add up the mean loss or score of each batch and divide by the number of batches: it weighs "
    "each by the batch's size, or the loader drops the last batch."
)
WHY = (
    "The last batch is shorter and weighs as much as the others: with 1,001 samples in batches of 100 one sample weighs "
    "a hundred times. Scores then change with the batch size, and models are chosen by it."
)
FAILING = """\
import torch


@torch.no_grad()
def validate(model, val_loader, criterion):
    model.eval()
    total = 0.0
    for inputs, targets in val_loader:
        total += criterion(model(inputs), targets).item()
    return total / len(val_loader)
"""
PASSING = """\
import torch


@torch.no_grad()
def validate(model, val_loader, criterion):
    model.eval()
    total, count = 0.0, 0
    for inputs, targets in val_loader:
        total += criterion(model(inputs), targets).item() * len(targets)
        count += len(targets)
    return total / count
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torchmetrics, MeanMetric with weights"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for evaluation in evaluations(training):
        routine, loop = evaluation.routine, evaluation.place
        if _drops_last(training, loop, routine):
            continue
        counters = _counters(loop, routine)
        core = training.iterated(loop)
        batches = text_of(core) if core is not None else None
        summed = _summed(training, loop, routine)
        for node, name in _averages(routine, loop, batches, counters):
            if name in summed:
                yield training.finding(
                    CODE,
                    node,
                    f"{name} is a sum of batch means: a short last batch weighs as much as a full one",
                    "multiply each by the batch's size and divide by the number of samples",
                )


def _summed(training: Training, loop: Place, routine: Routine) -> set[str]:
    """Names that batch means are added to, or collected in, within the loop."""
    names: set[str] = set()
    for step in routine.steps:
        if loop not in step.place.path:
            continue
        node = step.node
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            name = text_of(node.target)
            if name is not None and _is_mean(training, node.value, routine):
                names.add(name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            name = text_of(node.func.value)
            if name is not None and len(node.args) == 1 and _is_mean(training, node.args[0], routine):
                names.add(name)
    return names


def _is_mean(training: Training, value: ast.expr, routine: Routine, depth: int = 0) -> bool:
    """Whether a value is the mean of a batch: a loss with its usual reduction, or a ``.mean()``, not times anything."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        if value.func.attr == "mean" and training.reading.dotted(value.func) != "numpy.mean":
            return True
        if value.func.attr not in ("item", "detach", "cpu", "float", "double", "numpy"):
            break
        value = value.func.value
    if isinstance(value, ast.Call):
        dotted = training.reading.dotted(value.func) or ""
        if dotted == "float" and value.args:
            return _is_mean(training, value.args[0], routine, depth)
        if dotted.startswith("torch.nn.functional."):
            return (constant(argument(value, "reduction")) in (..., "mean") and "loss" in dotted) or (
                "entropy" in dotted and constant(argument(value, "reduction")) in (..., "mean")
            )
        role, made = training.roles.made(value.func, routine)
        if role == CRITERION:
            return made is None or constant(argument(made, "reduction")) in (..., "mean")
        return dotted == "torch.mean"
    text = text_of(value)
    if text is None or depth > 2:
        return False
    bindings = [each for each in routine.bindings.get(text, ()) if each.how == "assign"]
    if bindings:
        return all(_is_mean(training, each.value, routine, depth + 1) for each in bindings)
    return text.endswith(".loss")


def _counters(loop: Place, routine: Routine) -> set[str]:
    """Names that grow by one in each turn."""
    numbers = {
        name
        for name, given in routine.bindings.items()
        if any(each.how == "count" and each.place is loop for each in given)
    }
    return numbers | {
        name
        for step in routine.steps
        if isinstance(step.node, ast.AugAssign) and loop in step.place.path and constant(step.node.value) == 1
        for name in [text_of(step.node.target)]
        if name is not None
    }


def _below(node: ast.AST, end: int) -> Iterator[ast.AST]:
    """The nodes below a node, without what ends at a line or above it."""
    waiting = [node]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            if getattr(child, "end_lineno", end + 1) > end:
                yield child
                waiting.append(child)


def _averages(
    routine: Routine, loop: Place, batches: str | None, counters: set[str]
) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    end = getattr(loop.node, "end_lineno", 0)
    for statement in _below(routine.node, end):
        if getattr(statement, "lineno", 0) <= end:
            continue
        if isinstance(statement, ast.BinOp) and isinstance(statement.op, ast.Div):
            name = text_of(_plain(statement.left))
            if (
                name is None
                and isinstance(statement.left, ast.Call)
                and _called(statement.left) == "sum"
                and statement.left.args
            ):
                name = text_of(statement.left.args[0])
            if name is not None and _counts(statement.right, {batches or "", name}, counters):
                yield statement, name
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Div):
            name = text_of(statement.target)
            if name is not None and _counts(statement.value, {batches or ""}, counters):
                yield statement, name
        elif isinstance(statement, ast.Call) and _called(statement) in ("mean", "fmean") and statement.args:
            name = text_of(statement.args[0])
            if name is not None:
                yield statement, name
        elif (
            isinstance(statement, ast.Call)
            and _called(statement) == "mean"
            and isinstance(statement.func, ast.Attribute)
        ):
            inner = statement.func.value
            if isinstance(inner, ast.Call) and _called(inner) in ("stack", "tensor", "array", "cat") and inner.args:
                name = text_of(inner.args[0])
                if name is not None:
                    yield statement, name


def _plain(value: ast.expr) -> ast.expr:
    while (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in ("item", "cpu", "detach")
    ):
        value = value.func.value
    return value


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _counts(value: ast.expr, sized: set[str], counters: set[str]) -> bool:
    """Whether a divisor is the number of batches: ``len(loader)``, ``max(1, len(loader))``, or a counter of turns."""
    for part in ast.walk(value):
        if (
            isinstance(part, ast.Call)
            and _called(part) == "len"
            and part.args
            and text_of(part.args[0]) in sized - {""}
        ):
            return True
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add) and constant(value.right) == 1:  # index + 1
        value = value.left
    return text_of(value) in counters


def _drops_last(training: Training, loop: Place, routine: Routine) -> bool:
    core = training.iterated(loop)
    _, made = training.roles.made(core, routine) if core is not None else (None, None)
    if made is not None:
        return constant(argument(made, "drop_last")) is True or constant(argument(made, "batch_size", 1)) in (1, None)
    return False
