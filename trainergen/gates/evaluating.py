"""The loops in which a file evaluates a model, and in which mode each way leads there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from . import naming
from .events import BACKWARD, CALL, EVAL_MODE, FORWARD, STEP, TRAIN_MODE, Event
from .flow import in_graphless
from .reading import Place, Routine

if TYPE_CHECKING:
    from .training import Training


_TRAINING_FLAGS = {"train", "training", "is_train", "is_training", "train_mode", "opt", "optim", "optimizer"}


class Evaluation:
    """A loop over held-out data with a model's forward in it and no backward.

    Attributes:
        place: the loop.
        routine: the routine that it is written in.
        forward: the first forward in it.
        in_eval_mode: whether some way that leads there has put the model into eval mode.
        graphless: whether some way that leads there has switched gradients off.
    """

    __slots__ = ("forward", "graphless", "in_eval_mode", "place", "routine")

    def __init__(self, place: Place, routine: Routine, forward: Event, in_eval_mode: bool, graphless: bool) -> None:
        self.place = place
        self.routine = routine
        self.forward = forward
        self.in_eval_mode = in_eval_mode
        self.graphless = graphless

    @property
    def node(self) -> ast.AST:
        """Where it is reported: the forward, or what is gone through where the forward is in a function that serves both."""
        if self.forward.routine is self.routine:
            return self.forward.node
        loop = self.place.node
        return loop.iter if isinstance(loop, (ast.For, ast.AsyncFor)) else loop


def evaluations(training: Training) -> list[Evaluation]:
    """Every evaluation of the file, once, with what is true on any way to it; worked out once."""
    return training.once(evaluations, lambda: _find(training))


def _find(training: Training) -> list[Evaluation]:
    found: dict[int, Evaluation] = {}
    owners = {id(routine.place): routine for routine in training.reading.routines}
    for root in training.traces.roots:
        trace = training.traces.of(root)
        for event in trace:
            if event.kind != FORWARD or training.framework_at(event.routine) is not None:
                continue
            if any(place.kind == "except" for place in event.path):
                continue  # a way out of an error, where the usual way has been seen
            loop = next(
                (
                    place
                    for place in reversed(event.path)
                    if place.kind in ("loop", "comprehension") and training.held_out(place, owners[id(place.path[0])])
                ),
                None,
            )
            if loop is None or any(each.kind in (BACKWARD, STEP) and each.within(loop) for each in trace):
                loop = _phased(trace, event)
                if loop is None:
                    continue
            known = found.get(id(loop))
            mode = _eval_before(trace, event, loop) or (known is not None and known.in_eval_mode)
            graphless = in_graphless(event.path, perhaps=True) or (known is not None and known.graphless)
            first = known.forward if known is not None else event
            found[id(loop)] = Evaluation(loop, owners[id(loop.path[0])], first, mode, graphless)
    return list(found.values())


def _phased(trace: list[Event], forward: Event) -> Place | None:
    """The loop around a forward that trains in one phase and evaluates in the other: ``if phase == "train": backward()``."""
    loop = forward.loop
    if loop is None or forward.guards(loop):
        return None
    backward = [each for each in trace if each.kind == BACKWARD and each.loop is loop]
    if backward and all(any(_asks_phase(place) for place in each.guards(loop)) for each in backward):
        return loop
    return None


def _asks_phase(place: Place) -> bool:
    if not isinstance(place.node, ast.If) or place.branch != "body":
        return False
    test = ast.unparse(place.node.test)
    if test.removesuffix(" is not None").rpartition(".")[2] in _TRAINING_FLAGS:
        return True
    name, _, value = test.partition(" == ")
    return name in ("phase", "mode", "split", "stage") and naming.is_trained_on(value)


def _eval_before(trace: list[Event], forward: Event, loop: Place) -> bool:
    mode = False
    for event in trace:
        if event.kind == EVAL_MODE:
            mode = True
        elif event.kind == TRAIN_MODE and event.managed:
            mode = True  # model.train(phase == "train")
        elif event.kind == TRAIN_MODE and not event.within(loop) and not _in_a_branch(event, forward):
            mode = mode and _other_model(event, forward)
        elif event.kind == CALL and _named_eval(event):
            mode = True
        if event is forward:
            return mode
    return mode


def _in_a_branch(event: Event, forward: Event) -> bool:
    """Whether a mode is set in a branch that the forward is not in: the other branch may set another."""
    return any(place.kind == "if" and place not in forward.path for place in event.path)


def _named_eval(event: Event) -> bool:
    """``set_eval(model)``: a helper from elsewhere that says what it does."""
    function = getattr(event.node, "func", None)
    name = getattr(function, "attr", "") or getattr(function, "id", "")
    return "eval" in name.lower() and "evaluate" not in name.lower()


def _other_model(event: Event, forward: Event) -> bool:
    return bool(event.target) and bool(forward.target) and event.target.split(".")[0] != forward.target.split(".")[0]
