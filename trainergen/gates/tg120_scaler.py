"""TG120: scale, step and update of a GradScaler come together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import BACKWARD, SCALE, SCALER_STEP, SCALER_UPDATE, STEP, Event
from .training import Training, exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG120"
NAME = "scaler.scale, scaler.step, scaler.update"
WHAT = (
    "A loop that calls scaler.scale(loss).backward() also calls scaler.step(optimizer) and scaler.update(), and doesn't "
    "step that optimizer by itself; scaler.step() is not called on gradients that were never scaled."
)
WHY = (
    "optimizer.step() on scaled gradients moves every parameter by 65,000 times too much; without update() the scale "
    "never falls after an overflow, and every further step is skipped."
)
FAILING = """\
import torch


def train(model, loader, optimizer, scaler, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda"):
            loss = criterion(model(inputs), targets)
        scaler.scale(loss).backward()
        optimizer.step()
"""
PASSING = """\
import torch


def train(model, loader, optimizer, scaler, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda"):
            loss = criterion(model(inputs), targets)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
"""
FIX = "none"
TORCH = ">=1.6"
SOURCE = "PyTorch, automatic mixed precision examples"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for found in training.rounds:
        events = found.events
        scales = [event for event in events if event.kind == SCALE]
        steps = [event for event in events if event.kind == SCALER_STEP]
        updates = [event for event in events if event.kind == SCALER_UPDATE]
        plain = [event for event in events if event.kind == STEP]
        scaled = [event for event in events if event.kind == BACKWARD and event.managed and _is_scaled(event, scales)]
        if scaled and plain:
            yield from _unscaled_step(training, scaled, steps, plain)
        if steps and not updates and not _updated_elsewhere(training, steps[0]):
            yield training.finding(
                CODE,
                steps[0].node,
                "scaler.step() without scaler.update(): the scale never changes",
                "call scaler.update() after the step",
            )
        backward = [event for event in events if event.kind == BACKWARD]
        if steps and not scales and backward and not any(event.managed for event in backward):
            message = "scaler.step() on gradients that were never scaled"
            yield training.finding(CODE, steps[0].node, message, "call scaler.scale(loss).backward()")
    yield from _never_stepped(training)


def _updated_elsewhere(training: Training, step: Event) -> bool:
    """Whether another method of the class updates a scaler: once for all optimizers, after the loop that steps."""
    owner = step.routine.owner
    return owner is not None and any(
        event.kind == SCALER_UPDATE for method in owner.methods.values() for event in training.traces.own(method)
    )


def _is_scaled(event: Event, scales: list[Event]) -> bool:
    line = getattr(event.node, "lineno", 0)
    return any(getattr(each.node, "lineno", -1) >= line - 3 and each.routine is event.routine for each in scales)


def _unscaled_step(
    training: Training, scaled: list[Event], steps: list[Event], plain: list[Event]
) -> Iterator[Finding]:
    stepped = {event.target for event in steps}
    for event in plain:
        if all(exclusive(event, each) for each in scaled) or (stepped and event.target not in stepped):
            continue
        if any(exclusive(event, each) for each in steps):
            continue
        message = f"{event.target or 'the optimizer'}.step() on gradients that are still scaled"
        hint = f"call scaler.step({event.target or 'optimizer'}), then scaler.update()"
        yield training.finding(CODE, event.node, message, hint)


def _never_stepped(training: Training) -> Iterator[Finding]:
    for loop, trace, _root in training.batch_loops():
        inside = [event for event in trace if event.within(loop)]
        scales = [event for event in inside if event.kind == SCALE]
        if not scales or any(event.kind in (SCALER_STEP, STEP) for event in trace):
            continue
        if any(event.kind == BACKWARD and event.managed for event in inside):
            message = "scaler.scale(loss).backward() without scaler.step(): nothing is ever moved"
            yield training.finding(CODE, scales[0].node, message, "call scaler.step(optimizer) and scaler.update()")
