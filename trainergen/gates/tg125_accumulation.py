"""TG125: gradient accumulation equals the large batch."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, SCALER_STEP, STEP, Event
from .naming import says
from .reading import Place, text_of
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG125"
NAME = "gradient accumulation"
WHAT = (
    "Where the optimizer steps every n-th batch only, the loss is divided by the window (or the gradients are), and "
    "the last window of an epoch, which may be shorter, is stepped too."
)
WHY = (
    "Undivided, the gradient is n times that of the large batch: the learning rate silently grows n-fold. The left-over "
    "of the last window is lost, or leaks into the first step of the next epoch."
)
FAILING = """\
def train(model, loader, optimizer, criterion, accumulation_steps):
    for index, (inputs, targets) in enumerate(loader):
        loss = criterion(model(inputs), targets)
        loss.backward()
        if (index + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
"""
PASSING = """\
def train(model, loader, optimizer, criterion, accumulation_steps):
    for index, (inputs, targets) in enumerate(loader):
        loss = criterion(model(inputs), targets) / accumulation_steps
        loss.backward()
        if (index + 1) % accumulation_steps == 0 or index + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "transformers #34191, #35203, #37766; PyTorch, gradient accumulation in the AMP examples"

_LAST = (
    "len(",
    "last",
    "final",
    "is_end",
    "num_batches",
    "n_batches",
    "total",
    "sync_gradients",
    "boundary",
    "should_step",
    "steps_per_epoch",
)


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for found in training.rounds:
        loop = found.place
        if loop is None:
            continue
        backward = [event for event in found.events if event.kind == BACKWARD and event.loop is loop]
        for step in found.events:
            if step.kind not in (STEP, SCALER_STEP) or step.loop is not loop:
                continue
            window = _window(step, loop)
            if window is None:
                continue
            test, length = window
            if any(each.kind in (STEP, SCALER_STEP) and not _below(each, test) for each in found.events):
                continue  # another optimizer uses the gradients of every batch
            before = [each for each in backward if not any(place.node is test for place in each.path)]
            if not before or any(each.managed and step.kind == STEP for each in before):
                continue  # a framework's backward divides by itself
            first = before[0]
            if not _divided(training, first, loop, length):
                message = f"the loss is not divided by the window of {length}: its gradients add up"
                yield training.finding(CODE, first.node, message, f"divide the loss by {length} before backward()")
            elif _tail_lost(test, loop, step, found.trace):
                yield training.finding(
                    CODE,
                    test.test,
                    "the last window of an epoch is never stepped when it is shorter",
                    "step on the last batch too: ... or index + 1 == len(loader)",
                )


def _below(event: Event, test: ast.If) -> bool:
    return any(place.node is test for place in event.path)


def _window(step: Event, loop: Place) -> tuple[ast.If, str] | None:
    """The ``if (i + 1) % n == 0`` around a step, and the text of n."""
    for place in step.guards(loop):
        if not isinstance(place.node, ast.If) or place.branch != "body":
            continue
        for part in ast.walk(place.node.test):
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod):
                return place.node, ast.unparse(part.right)
    return None


def _divided(training: Training, backward: Event, loop: Place, length: str) -> bool:
    call = backward.node
    if _has_division(call):
        return True
    routine = backward.routine
    target = text_of(call.func.value) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    names = {target, backward.target}
    if isinstance(call, ast.Call):
        names |= {text_of(part) for part in ast.walk(call) if isinstance(part, (ast.Name, ast.Attribute))}
    for name in names - {None, ""}:
        assert name is not None
        for binding in routine.bindings.get(name, ()):
            if isinstance(binding.node, ast.AugAssign) and isinstance(binding.node.op, (ast.Div, ast.Mult)):
                return True
            if _has_division(binding.value) or length in ast.unparse(binding.value):
                return True
            if isinstance(binding.value, ast.Call):
                callee = training.traces.callee(binding.value, routine)
                if callee is not None and _has_division(callee.node):
                    return True
    # The gradients themselves may be divided: p.grad /= n, p.grad.div_(n), or lr scaled by the window.
    for part in ast.walk(loop.node):
        if (
            isinstance(part, ast.AugAssign)
            and isinstance(part.op, (ast.Div, ast.Mult))
            and "grad" in ast.unparse(part.target)
        ):
            return True
        if isinstance(part, ast.Attribute) and part.attr in ("div_", "mul_"):
            return True
        if isinstance(part, ast.Call) and _scales_gradients(part):
            return True
    return False


def _scales_gradients(call: ast.Call) -> bool:
    """Whether a call says that it does so: ``scale_grads(model, 1 / tokens)``."""
    name = (text_of(call.func) or "").rpartition(".")[2]
    return says(name, "grad") and says(name, "scale", "normali", "divide", "average")


def _has_division(node: ast.AST) -> bool:
    return any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div) for part in ast.walk(node))


def _tail_lost(test: ast.If, loop: Place, step: Event, trace: list[Event]) -> bool:
    text = ast.unparse(test.test)
    if says(text, *_LAST) or (isinstance(test.test, ast.BoolOp) and isinstance(test.test.op, ast.Or)):
        return False
    if not isinstance(loop.node, ast.For):
        return False
    if not _counts_from_zero(loop.node, test.test):
        return False  # a counter that goes on over the epochs loses nothing
    position = trace.index(step)
    outer = step.loops[step.loops.index(loop) - 1] if step.loops.index(loop) > 0 else None
    for later in trace[position + 1 :]:
        if later.kind in (STEP, SCALER_STEP) and not later.within(loop) and (outer is None or later.within(outer)):
            return False
    return True


def _counts_from_zero(loop: ast.For, test: ast.expr) -> bool:
    iteration = loop.iter
    while isinstance(iteration, ast.Call) and not (
        isinstance(iteration.func, ast.Name) and iteration.func.id == "enumerate"
    ):
        if not iteration.args:
            return False
        iteration = iteration.args[0]
    if not isinstance(iteration, ast.Call):
        return False
    target = loop.target
    index = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
    if not isinstance(index, ast.Name):
        return False
    return any(isinstance(part, ast.Name) and part.id == index.id for part in ast.walk(test))
