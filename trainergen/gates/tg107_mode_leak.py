"""TG107: training goes on in training mode after an evaluation."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, EVAL_MODE, FORWARD, STEP, TRAIN_MODE, Event
from .naming import words_of
from .reading import Place
from .roles import argument
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG107"
NAME = "train() after eval(), before training goes on"
WHAT = "A loop that trains a model and puts it into eval mode puts it back with train() in the same loop."
WHY = (
    "From the first evaluation on dropout is off and batch normalisation is frozen for the rest of the training. "
    "Nothing raises; the model overfits and the running statistics are those of the first epoch."
)
FAILING = """\
def fit(model, loader, val_loader, optimizer, criterion, epochs):
    model.train()
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        model.eval()
        report(model, val_loader)
"""
PASSING = """\
def fit(model, loader, val_loader, optimizer, criterion, epochs):
    for epoch in range(epochs):
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        model.eval()
        report(model, val_loader)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "dslinter W9998; 22 ML code smells (arXiv 2509.20491), mode toggling"

_FROZEN = {
    "teacher", "target", "ema", "frozen", "ref", "reference", "vgg", "lpips", "inception", "perceptual", "old", "clip", "dino",
    "vae", "fixed", "pretrained", "swa", "average", "averaged",
}  # fmt: skip


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for root in training.traces.roots:
        trace = training.traces.of(root)
        for event in trace:
            if (
                event.kind != EVAL_MODE
                or not _FROZEN.isdisjoint(words_of(event.target))
                or training.framework_at(event.routine)
            ):
                continue
            loop = _shared_loop(trace, event)
            if loop is None or not _trains_it(trace, loop, event) or _trains_tensors(training, trace, loop):
                continue
            if not any(each.kind == TRAIN_MODE and each.within(loop) for each in trace):
                yield training.finding(
                    CODE,
                    event.node,
                    f"{event.target or 'the model'} is never put back into training mode in this loop",
                    f"call {event.target or 'model'}.train() after the evaluation, or at the top of each epoch",
                    "the next steps train in eval mode",
                )


def _shared_loop(trace: list[Event], event: Event) -> Place | None:
    """The innermost loop around the eval() that also trains."""
    for loop in reversed(event.loops):
        if any(each.kind == BACKWARD and each.within(loop) for each in trace):
            return loop
    return None


def _trains_it(trace: list[Event], loop: Place, event: Event) -> bool:
    """Whether what is put into eval mode is what the loop trains: the same name, or no name to tell by."""
    backward = {id(each.loop) for each in trace if each.kind == BACKWARD and each.within(loop)}
    trained = {each.target.split(".")[0] for each in trace if each.kind == FORWARD and id(each.loop) in backward}
    whole = {each.target for each in trace if each.kind == FORWARD and id(each.loop) in backward}
    if not whole:
        return True
    return event.target in whole or (event.target.split(".")[0] in trained and event.target.split(".")[0] != "self")


def _trains_tensors(training: Training, trace: list[Event], loop: Place) -> bool:
    """Whether every optimizer of the loop got tensors by their names, as in an attack or a transfer of style."""
    steps = [each for each in trace if each.kind == STEP and each.within(loop)]
    made = [training.traces.made(each.target, each.scope) for each in steps]
    return bool(made) and all(call is not None and _of_tensors(call) for call in made)


def _of_tensors(call: ast.Call) -> bool:
    given = argument(call, "params", 0)
    return isinstance(given, (ast.List, ast.Tuple)) and all(isinstance(each, ast.Name) for each in given.elts)
