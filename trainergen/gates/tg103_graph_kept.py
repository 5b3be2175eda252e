"""TG103: what is kept across steps does not keep the graph of each step alive."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, SCALER_STEP, STEP
from .finding import Fix
from .flow import in_graphless
from .reading import Place, Routine, Step, text_of
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG103"
NAME = "no graph kept across steps"
WHAT = (
    "A loss or model output that a training loop adds up, collects in a list or dict, or keeps on self is detached "
    "first, unless the sum itself is what backward() is called on."
)
WHY = (
    "The tensor holds its whole graph: activations of every batch stay in memory, which grows step by step until the "
    "device is full."
)
FAILING = """\
def train(model, loader, optimizer, criterion):
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss
    return total
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return total
"""
FIX = "safe: appends .detach() to what is kept"
TORCH = ">=1.0"
SOURCE = "PyTorch FAQ, my model reports CUDA out of memory; taxonomy of real faults (arXiv 1910.11015)"

_COLLECTING = {"append", "extend", "add", "update", "appendleft", "insert"}
_HOOKS = {"training_step", "compute_loss", "_forward_batch", "_train_batch"}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    stepping = {
        id(event.routine): event for found in training.rounds for event in found.events if event.kind == BACKWARD
    }
    loops = {id(loop) for loop, _, _ in training.batch_loops()}
    for routine in training.reading.routines:
        hook = routine.name in _HOOKS and training.framework_at(routine) is not None
        backward = [event for event in training.traces.own(routine) if event.kind == BACKWARD]
        inside = any(id(place) in loops for step in routine.steps for place in step.place.path if place.kind == "loop")
        if not (hook or inside or (id(routine) in stepping and backward)):
            continue
        for step in routine.steps:
            if not _may_keep(step.node):
                continue
            loop = next((place for place in reversed(step.place.path) if id(place) in loops), None)
            if loop is None and not hook and not (backward and id(routine) in stepping):
                continue
            if in_graphless(step.place.path):
                continue
            for kept, how in _kept(training, step, routine, loop):
                yield _finding(training, kept, how)


def _may_keep(node: ast.AST) -> bool:
    """Whether a step gives a value to a name or to a collection."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in _COLLECTING
    return isinstance(node, (ast.AugAssign, ast.Assign))


def _kept(training: Training, step: Step, routine: Routine, loop: Place | None) -> Iterator[tuple[ast.expr, str]]:
    node, flow = step.node, training.traces.flow(routine)
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        target = text_of(node.target)
        if target is not None and flow.attached(node.value, step.order) and _outlives(target, training, routine, loop):
            yield node.value, f"{target} adds up the loss with its graph"
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = text_of(node.targets[0])
        if target is None:
            return
        value = node.value
        if (
            isinstance(value, ast.BinOp)
            and isinstance(value.op, ast.Add)
            and _outlives(target, training, routine, loop)
        ):
            for this, other in ((value.left, value.right), (value.right, value.left)):
                if text_of(this) == target and flow.attached(other, step.order):
                    yield other, f"{target} adds up the loss with its graph"
        elif not isinstance(value, ast.Call) and _mentions(value, target) and flow.attached(value, step.order):
            if _outlives(target, training, routine, loop):
                yield value, f"{target} is an average that keeps the graph of every step"
        elif target.startswith("self.") and loop is None and _handed_over(training, routine, value, step.order):
            yield _attached_part(
                training, routine, value, step.order
            ) or value, f"{target} keeps the loss with its graph"
        elif (
            (
                target.startswith("self.")
                and not isinstance(value, ast.Call)
                and text_of(value) in _losses(training, routine)
            )
            and flow.attached(value, step.order)
            and _outlives(target, training, routine, loop)
        ):
            yield value, f"{target} keeps the loss with its graph"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _COLLECTING:
        target = text_of(node.func.value)
        # Only bare names, and parts of a dict: what a meter does with the value it is given isn't ours to say.
        if target is None or node.func.attr in ("update", "add", "insert") or len(node.args) != 1:
            return
        value = node.args[0]
        if flow.attached(value, step.order) and _outlives(target, training, routine, loop):
            yield value, f"{target} collects tensors with their graphs"


def _handed_over(training: Training, routine: Routine, value: ast.expr, order: int) -> bool:
    """Whether a hook keeps what it returns, or tensors with their graphs in a dict: the loop reads that later."""
    flow = training.traces.flow(routine)
    if isinstance(value, ast.Dict):
        return flow.attached(value, order)
    returned = {
        text_of(step.node.value) for step in routine.steps if isinstance(step.node, ast.Return) and step.node.value
    }
    name = text_of(value)
    return name is not None and name in returned and flow.attached(value, order)


def _attached_part(training: Training, routine: Routine, value: ast.expr, order: int) -> ast.expr | None:
    if not isinstance(value, ast.Dict):
        return None
    flow = training.traces.flow(routine)
    return next((each for each in value.values if flow.attached(each, order)), None)


def _losses(training: Training, routine: Routine) -> set[str]:
    return {event.target for event in training.traces.own(routine) if event.kind == BACKWARD}


def _outlives(target: str, training: Training, routine: Routine, loop: Place | None) -> bool:
    """Whether a name lives longer than a turn of the loop, and is not itself what ``backward()`` gets."""
    used = {event.target.split("[")[0] for event in training.traces.own(routine) if event.kind == BACKWARD}
    plain = target.split("[", maxsplit=1)[0]
    if plain in used or _feeds_backward(plain, used, routine):
        return False
    if target.startswith("self."):
        return not any(
            binding.how == "assign" and loop is not None and loop in binding.place.path
            for binding in routine.bindings.get(plain, ())
            if not _mentions(binding.value, plain)
        )
    if loop is None:
        return False
    bindings = [each for each in training.roles.bindings(plain, routine) if each.how == "assign"]
    stepping = {  # begun anew wherever the optimizer steps: what is kept is one window of accumulation
        id(place.node)
        for event in training.traces.own(routine)
        if event.kind in (STEP, SCALER_STEP)
        for place in event.path
        if place.kind == "if"
    }
    fresh = [
        each
        for each in bindings
        if loop in each.place.path
        and not _mentions(each.value, plain)
        and all(
            place.kind != "if" or id(place.node) in stepping for place in each.place.path[each.place.path.index(loop) :]
        )
    ]
    return not fresh and not any(each.how == "loop" for each in routine.bindings.get(plain, ()))


def _mentions(value: ast.expr, name: str) -> bool:
    """Whether a value is computed from the name that it is given to."""
    return any(text_of(part) == name for part in ast.walk(value) if isinstance(part, (ast.Name, ast.Attribute)))


def _feeds_backward(name: str, used: set[str], routine: Routine) -> bool:
    """Whether what ``backward()`` gets is computed from the name: ``loss = sum(losses)``."""
    for loss in used:
        for binding in routine.bindings.get(loss, ()):
            if any(text_of(part) == name for part in ast.walk(binding.value) if isinstance(part, ast.expr)):
                return True
    return False


def _finding(training: Training, kept: ast.expr, how: str) -> Finding:
    fix = None
    named = text_of(kept)
    if isinstance(kept, ast.BinOp) and isinstance(kept.left, ast.Name):
        fix = Fix("detach it", True, (training.appending(kept.left, ".detach()"),)) if _only_left(kept) else None
    elif named is not None or isinstance(kept, ast.Call):
        fix = Fix("detach it", True, (training.appending(kept, ".detach()"),))
    return training.finding(
        CODE, kept, how, "keep it detached: append .detach()", "the graph of every step stays in memory", fix
    )


def _only_left(kept: ast.BinOp) -> bool:
    return isinstance(kept.right, (ast.Constant, ast.Call, ast.Attribute)) and isinstance(kept.op, (ast.Mult, ast.Div))
