"""TG108: the optimizer steps before its scheduler does."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, SCALER_STEP, SCHEDULE, STEP, Event
from .schedules import told_where
from .training import Training, exclusive, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG108"
NAME = "scheduler.step() after optimizer.step()"
WHAT = "In a loop that steps an optimizer and its scheduler, the optimizer's first step comes before the scheduler's."
WHY = (
    "The first value of the schedule is skipped: training begins at the second learning rate, a warm-up ends a step "
    "early. torch warns once, in a line that scrolls away."
)
FAILING = """\
def fit(model, loader, optimizer, scheduler, criterion, epochs):
    for epoch in range(epochs):
        scheduler.step()
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
"""
PASSING = """\
def fit(model, loader, optimizer, scheduler, criterion, epochs):
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        scheduler.step()
"""
FIX = "none"
TORCH = ">=1.1"
SOURCE = "torch.optim, how to adjust learning rate: changed in 1.1.0; torch's own runtime warning"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for root in training.traces.roots:
        trace = training.traces.of(root)
        for index, event in enumerate(trace):
            if event.kind != SCHEDULE or told_where(event) or _silenced(event):
                continue
            loop = event.loop
            if loop is None and not any(each.kind == BACKWARD and each.loop is None for each in trace):
                continue
            shared = {place for each in trace if each.kind in (STEP, SCALER_STEP) for place in each.path}
            if any(place not in shared for place in event.guards(loop)):
                continue  # a condition decides that doesn't decide about the optimizer
            steps = [
                position
                for position, each in enumerate(trace)
                if each.kind in (STEP, SCALER_STEP)
                and (loop is None or each.within(loop))
                and not exclusive(each, event)
            ]
            if steps and steps[0] > index:
                yield training.finding(
                    CODE,
                    event.node,
                    f"{event.target or 'the scheduler'} steps before the optimizer does",
                    "move it below optimizer.step(), to the end of the loop that it belongs to",
                )


def _silenced(event: Event) -> bool:
    """Whether torch's own warning about the order is switched off around it: it is known, and meant."""
    return any(
        mentions(item.context_expr, "catch_warnings")
        for place in event.path
        if isinstance(place.node, ast.With)
        for item in place.node.items
    )
