"""TG101: gradients are cleared before the next batch adds to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import BACKWARD, CALL, SCALER_STEP, STEP, ZERO_GRAD, Event
from .finding import Fix
from .naming import says
from .roles import OPTIMIZER
from .training import Round, Training, statement_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG101"
NAME = "zero_grad() in the training loop"
WHAT = (
    "The innermost loop that calls backward() and steps an optimizer also clears that optimizer's gradients; a "
    "training step that is called once a batch does so too."
)
WHY = (
    "backward() adds to what is there: without clearing, every step follows the sum of all gradients since the start, "
    "the effective learning rate grows without bound, and the loss diverges or stalls."
)
FAILING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
"""
FIX = "unsafe: puts optimizer.zero_grad() above the backward()"
TORCH = ">=1.0"
SOURCE = "PyTorch, optimization tutorial; dslinter W5517; 22 ML code smells (arXiv 2509.20491)"

_ONCE_A_BATCH = ("train", "step", "update", "fit", "optimi", "learn", "batch")


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for found in training.rounds:
        steps = [event for event in found.events if event.kind in (STEP, SCALER_STEP)]
        zeros = [event for event in found.events if event.kind == ZERO_GRAD]
        if any(event.managed and event.kind == STEP for event in steps) or _elsewhere(training, found, steps):
            continue
        if not zeros:
            backward = next(event for event in found.events if event.kind == BACKWARD)
            yield _finding(training, backward, steps[0])
            continue
        targets = {event.target for event in steps}
        cleared = {event.target for event in zeros}
        if len(targets) > 1 and all(training.roles.named(event.target, event.scope)[0] == OPTIMIZER for event in zeros):
            for step in steps:
                if step.target and step.target not in cleared and not _related(step.target, cleared):
                    message = f"{step.target} steps, but the loop never clears its gradients"
                    yield training.finding(
                        CODE, step.node, message, f"call {step.target}.zero_grad() before its backward()"
                    )


def _elsewhere(training: Training, found: Round, steps: list[Event]) -> bool:
    """Whether the gradients may be cleared where the file doesn't show it."""
    for event in found.events:
        if event.kind == CALL and training.roles.named(event.target, event.scope)[0] == OPTIMIZER:
            return True
    if found.place is None:
        cleared = any(
            event.kind == ZERO_GRAD for routine in training.reading.routines for event in training.traces.own(routine)
        )
        return cleared or not says(found.root.name, *_ONCE_A_BATCH)
    # An optimizer that is made anew in each turn begins without gradients.
    return any(
        found.place in binding.place.path
        for step in steps
        for binding in training.roles.bindings(step.target, step.scope)
        if binding.how == "assign"
    )


def _related(target: str, cleared: set[str]) -> bool:
    """Whether a loop over several optimizers clears this one: ``for each in optimizers`` names it differently."""
    return any(not name or "[" in name or target.startswith(name) or name.startswith(target) for name in cleared)


def _finding(training: Training, backward: Event, step: Event) -> Finding:
    fix = None
    backward, step = training.traces.as_written(backward), training.traces.as_written(step)
    statement = statement_of(backward.node, backward.routine)
    if step.target and step.routine is backward.routine and statement is not None:
        edit = training.line_above(statement, f"{step.target}.zero_grad()")
        fix = Fix(f"clear the gradients with {step.target}.zero_grad()", False, (edit,))
    hint = f"call {step.target or 'optimizer'}.zero_grad() once a batch, before backward()"
    return training.finding(
        CODE, backward.node, "backward() adds to the gradients of the batch before: nothing clears them", hint, fix=fix
    )
