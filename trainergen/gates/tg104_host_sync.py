"""TG104: the training loop does not wait for the device in every step."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import FORWARD, SYNC, Event
from .reading import Place, Routine, text_of
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG104"
NAME = "no host sync in every step"
WHAT = (
    "A training loop reads no value of a tensor (.item(), .cpu(), .numpy(), .tolist(), float(t), if t:) in every step: "
    "it does so behind a condition, such as every n-th step, or after the loop."
)
WHY = (
    "Reading a value makes Python wait until the device has done everything queued so far; it can't prepare the next "
    "step meanwhile, and the device idles. On a small model that is a third of the time."
)
FAILING = """\
def train(model, loader, optimizer, criterion):
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
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
    return float(total)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "PyTorch performance tuning guide, avoid unnecessary CPU-GPU synchronization; hotpath KP003, KP017"

_HOOKS = {"compute_loss", "_forward_batch", "_train_batch", "training_step"}
"""Methods that a framework's loop calls once a step."""


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for loop, trace, _root in training.batch_loops():
        if any(_is_environment(event) for event in trace if event.within(loop)):
            continue  # the world that an agent acts in needs the values
        for event in trace:
            if event.kind == SYNC and event.loop is loop and not _rare(event, loop) and _of_tensor(training, event):
                yield _finding(training, event)
        yield from _conditions(training, loop)
    for routine in training.reading.routines:
        if routine.name in _HOOKS and training.framework_at(routine) in ("trainergen", "lightning"):
            for event in training.traces.own(routine):
                if event.kind == SYNC and event.loop is None and not _rare(event, None) and _of_tensor(training, event):
                    yield _finding(training, event)
            yield from _conditions(training, routine.place)


def _rare(event: Event, loop: Place | None) -> bool:
    """Whether something decides if it happens in this turn."""
    if event.guards(loop) or any(place.kind in ("except", "finally") for place in event.path):
        return True
    # Asking every step whether the loss is finite is worth its wait.
    return any(
        isinstance(step.node, ast.Call)
        and (getattr(step.node.func, "attr", "") or getattr(step.node.func, "id", "")) in ("isnan", "isfinite", "isinf")
        and any(part is event.node for part in ast.walk(step.node))
        for step in event.routine.calls()
    )


def _of_tensor(training: Training, event: Event) -> bool:
    call = event.node
    assert isinstance(call, ast.Call)
    flow = training.traces.flow(event.routine)
    order = _order(event)
    if isinstance(call.func, ast.Name):
        value = call.args[0]
        return flow.attached(value, order) or (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "detach"
        )
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "synchronize":
        return True
    inner = call.func.value
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
        if inner.func.attr in ("item", "cpu", "numpy", "tolist"):
            return False  # the first of a chain is the one that waits
        inner = inner.func.value
    if call.func.attr == "item":
        return event.target.split(".")[0] not in ("np", "numpy", "json", "yaml")
    parts = (part for part in ast.walk(inner) if isinstance(part, (ast.Name, ast.Attribute)))
    return flow.attached(inner, order) or any(flow.attached(part, order) for part in parts)


def _order(event: Event) -> int:
    return next((step.order for step in event.routine.steps if step.node is event.node), 0)


def _is_environment(event: Event) -> bool:
    return event.kind == FORWARD and "env" in event.target


def _conditions(training: Training, loop: Place) -> Iterator[Finding]:
    """``if loss > 3:`` and ``while`` on tensors."""
    for routine in training.reading.routines:
        for step in routine.steps:
            if not isinstance(step.node, ast.If) or step.place.path[-1] is not loop:
                continue
            test = step.node.test
            if _asks_a_tensor(training, routine, test, step.order):
                yield training.finding(
                    CODE,
                    test,
                    "the condition reads a tensor's value in every step",
                    "check it every n-th step",
                    "waits here",
                )


def _asks_a_tensor(training: Training, routine: Routine, test: ast.expr, order: int) -> bool:
    flow = training.traces.flow(routine)
    if isinstance(test, ast.UnaryOp):
        return _asks_a_tensor(training, routine, test.operand, order)
    if isinstance(test, ast.Compare):
        plain = not any(isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in test.ops)
        return plain and any(flow.attached(each, order) for each in (test.left, *test.comparators))
    return text_of(test) is not None and "loss" not in (text_of(test) or "") and flow.attached(test, order)


def _finding(training: Training, event: Event) -> Finding:
    call = event.node
    assert isinstance(call, ast.Call)
    said = f"{call.func.id}(...)" if isinstance(call.func, ast.Name) else f".{getattr(call.func, 'attr', '')}()"
    return training.finding(
        CODE,
        call,
        f"{said} waits for the device in every step",
        "keep the detached tensor and read it after the loop, or every n-th step",
    )
