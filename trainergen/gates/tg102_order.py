"""TG102: backward, step, zero_grad come in an order in which the step sees the gradients."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, SCALER_STEP, STEP, ZERO_GRAD, Event
from .roles import OPTIMIZER
from .training import Training, exclusive, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG102"
NAME = "backward() before step(), nothing cleared between them"
WHAT = (
    "Within one turn of the loop an optimizer's step() comes after a backward(), and no zero_grad() of that optimizer "
    "or its model stands between the two."
)
WHY = (
    "A step after zero_grad() moves nothing (or only by momentum and weight decay); a step before backward() uses the "
    "gradients of the batch before. Neither raises: the loss simply doesn't fall as it should."
)
FAILING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "the definition of Optimizer.step and zero_grad, torch.optim"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for found in training.rounds:
        events = [event for event in found.events if event.kind in (BACKWARD, ZERO_GRAD, STEP, SCALER_STEP)]
        optimizers = {event.target for event in events if event.kind in (STEP, SCALER_STEP)}
        for index, step in enumerate(events):
            if step.kind not in (STEP, SCALER_STEP) or (step.managed and step.kind == STEP):
                continue
            if getattr(step.node, "args", None) and step.kind == STEP:
                continue  # a closure computes the gradients itself
            yield from _cleared(training, events, index, step, len(optimizers) == 1)
            yield from _early(training, events, index, step, len(optimizers) == 1)


def _cleared(training: Training, events: list[Event], index: int, step: Event, alone: bool) -> Iterator[Finding]:
    for position in range(index - 1, -1, -1):
        event = events[position]
        if exclusive(event, step) or (event.kind == ZERO_GRAD and (_leaves(event) or _one_by_one(event))):
            continue
        if event.kind != ZERO_GRAD:
            return
        role = training.roles.named(event.target, event.scope)[0]
        if event.target != step.target and not (alone and role != OPTIMIZER):
            continue
        if any(each.kind == BACKWARD and not exclusive(each, step) for each in events[:position]) and not _fresh(
            events, position, index
        ):
            message = f"the gradients are cleared between backward() and {step.target or 'the optimizer'}.step()"
            yield training.finding(CODE, event.node, message, "clear them after the step, or before backward()")
        return


def _leaves(event: Event) -> bool:
    """Whether the block that clears ends the turn (a batch that is skipped, an epoch begun anew): no step comes after it."""
    place = event.path[-1]
    if place.kind not in ("if", "except"):
        return False
    block = getattr(place.node, place.branch)
    return isinstance(block, list) and isinstance(block[-1], (ast.Break, ast.Continue, ast.Return, ast.Raise))


def _one_by_one(event: Event) -> bool:
    """Whether single gradients are taken out, for what they hold: ``if not isfinite(p.grad).all(): p.grad = None``."""
    return any(
        mentions(place.node.test, "grad") for place in event.guards(event.loop) if isinstance(place.node, ast.If)
    )


def _fresh(events: list[Event], start: int, stop: int) -> bool:
    """Whether the step before the clearing has already used the gradients (step, zero_grad, ..., step)."""
    step = events[stop]
    for position in range(start - 1, -1, -1):
        event = events[position]
        if event.kind in (STEP, SCALER_STEP) and event.target == step.target:
            return True
        if event.kind == BACKWARD:
            return False
    return False


def _early(training: Training, events: list[Event], index: int, step: Event, alone: bool) -> Iterator[Finding]:
    if (
        not alone
        or step.guards(step.loop)
        or any(event.kind == BACKWARD and not exclusive(event, step) for event in events[:index])
    ):
        return
    later = [event for event in events[index + 1 :] if event.kind == BACKWARD and event.loop is step.loop]
    again = any(event.kind in (STEP, SCALER_STEP) for event in events[index + 1 :])
    if later and not again and not later[0].guards(step.loop):
        message = (
            f"{step.target or 'the optimizer'}.step() comes before backward(): it uses the batch before's gradients"
        )
        yield training.finding(CODE, step.node, message, "step after backward()")
