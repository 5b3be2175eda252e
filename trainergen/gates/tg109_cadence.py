"""TG109: a scheduler is stepped as often as it was made for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, SCALER_STEP, SCHEDULE, STEP, Event
from .naming import says
from .roles import argument, constant
from .training import Training, has_modulo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .reading import Routine

CODE = "TG109"
NAME = "a scheduler's cadence"
WHAT = (
    "ReduceLROnPlateau.step() gets the metric; a schedule that counts batches (OneCycleLR with steps_per_epoch, a "
    "warm-up over training steps) steps in the batch loop; one that counts epochs steps outside of it."
)
WHY = (
    "Stepped once an epoch a one-cycle schedule never leaves its warm-up; stepped once a batch a schedule of thirty "
    "epochs is over after thirty batches, and the rest trains at a rate near zero. A plateau without a metric raises "
    "at the end of the first epoch."
)
FAILING = """\
from torch.optim.lr_scheduler import OneCycleLR


def fit(model, loader, optimizer, criterion, epochs):
    scheduler = OneCycleLR(optimizer, max_lr=0.1, epochs=epochs, steps_per_epoch=len(loader))
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        scheduler.step()
"""
PASSING = """\
from torch.optim.lr_scheduler import OneCycleLR


def fit(model, loader, optimizer, criterion, epochs):
    scheduler = OneCycleLR(optimizer, max_lr=0.1, epochs=epochs, steps_per_epoch=len(loader))
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
            scheduler.step()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.optim.lr_scheduler, the notes of each scheduler"

_MOST_EPOCHS = 500
"""So many epochs of warm-up nobody has."""
_STEPS = ("step", "iter", "batch", "len(", "updates")


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for root in training.traces.roots:
        trace = training.traces.of(root)
        for event in trace:
            if event.kind != SCHEDULE:
                continue
            made = training.traces.made(event.target, event.scope)
            name = _name(training, made)
            problem = _problem(training, event, trace, name, made)
            if problem is not None:
                yield training.finding(CODE, event.node, *problem)


def _name(training: Training, made: ast.Call | None) -> str:
    return (training.reading.dotted(made.func) or "").rpartition(".")[2] if made is not None else ""


def _problem(
    training: Training, event: Event, trace: list[Event], name: str, made: ast.Call | None
) -> tuple[str, str] | None:
    call = event.node
    assert isinstance(call, ast.Call)
    plateau = name == "ReduceLROnPlateau" or (not name and "plateau" in event.target.lower())
    if plateau and not call.args and not call.keywords:
        return "ReduceLROnPlateau.step() without the metric that it watches", "pass it: scheduler.step(validation_loss)"
    batch, epoch = _batch_loop(event, trace)
    rare = _rarer(event, trace)
    if plateau and batch and epoch and not rare:
        return (
            "ReduceLROnPlateau steps in every batch: its patience counts batches",
            "step it once an epoch, with the validation metric",
        )
    if made is None or name == "":
        return None
    if _counts_batches(training, event.scope, name, made) and not batch and epoch:
        return f"{name} counts batches, but steps once an epoch", "step it in the batch loop, after optimizer.step()"
    if batch and epoch and not rare and _counts_epochs(name, made):
        return f"{name} counts epochs, but steps in every batch", "step it once an epoch, after the batch loop"
    return None


def _rarer(event: Event, trace: list[Event]) -> bool:
    """Whether a condition decides about the scheduler that doesn't decide about the optimizer too."""
    shared = {place for each in trace if each.kind in (STEP, SCALER_STEP) for place in each.path if place.kind == "if"}
    return any(place not in shared for place in event.guards(event.loop))


def _batch_loop(event: Event, trace: list[Event]) -> tuple[bool, bool]:
    """Whether the scheduler's loop is the one that steps the optimizer, and whether that one lies in another loop."""
    loop = event.loop
    if loop is None:
        return False, False
    steps = [each for each in trace if each.kind in (STEP, SCALER_STEP) and each.within(loop)]
    backward = [each for each in trace if each.kind == BACKWARD and each.within(loop)]
    if not steps or not backward:
        return False, False
    if any(each.loop is loop for each in steps):
        return True, len(event.loops) > 1
    # A loop over batches below this one: this one is the epochs' (a loop over micro-batches has no step in it).
    return False, True


def _counts_batches(training: Training, scope: Routine, name: str, made: ast.Call) -> bool:
    if name == "OneCycleLR":
        total = argument(made, "total_steps", 2)
        return argument(made, "steps_per_epoch") is not None or (
            total is not None and _in_steps(training, scope, total)
        )
    if name.startswith("get_") and name.endswith(("schedule_with_warmup", "schedule_with_warmup_lr_lambda")):
        total = argument(made, "num_training_steps", 2)
        return total is not None and (_in_steps(training, scope, total))
    if name == "CosineAnnealingLR":
        total = argument(made, "T_max", 1)
        return total is not None and _in_steps(training, scope, total)
    if name == "LambdaLR":
        rule = argument(made, "lr_lambda", 1)
        return isinstance(rule, ast.Lambda) and any(says(each.arg, "step", "iter", "batch") for each in rule.args.args)
    if name in ("LinearLR", "ConstantLR", "PolynomialLR"):
        total = argument(made, "total_iters", {"LinearLR": 3, "ConstantLR": 2, "PolynomialLR": 1}[name])
        said = constant(total)
        if isinstance(said, int) and said >= _MOST_EPOCHS:
            return True
        return total is not None and says(ast.unparse(total), "step", "batch", "len(")
    return name == "CyclicLR"


def _in_steps(training: Training, scope: Routine, total: ast.expr) -> bool:
    """Whether a number is one of steps: by its words, and by those of what it is assigned from."""
    text = ast.unparse(total)
    for part in ast.walk(total):
        if isinstance(part, ast.Name) and part.id not in ("self", "args", "config", "cfg", "hp", "opt"):
            for binding in training.roles.bindings(part.id, scope):
                text += " " + ast.unparse(binding.value)
    return says(text, *_STEPS)


def _counts_epochs(name: str, made: ast.Call) -> bool:
    names = {
        "StepLR": "step_size",
        "CosineAnnealingLR": "T_max",
        "MultiStepLR": "milestones",
        "PolynomialLR": "total_iters",
    }
    if name == "ExponentialLR":
        gamma = constant(argument(made, "gamma", 1))
        return isinstance(gamma, float) and gamma <= 0.99
    if name not in names:
        return False
    value = argument(made, names[name], 1)
    if value is None:
        return False
    text = ast.unparse(value)
    if says(text, *_STEPS) or has_modulo(value):
        return False
    if says(text, "epoch"):
        return True
    numbers = [part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and isinstance(part.value, int)]
    return bool(numbers) and max(numbers) <= 100 and name in ("StepLR", "MultiStepLR", "CosineAnnealingLR")
