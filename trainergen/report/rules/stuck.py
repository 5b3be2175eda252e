"""Of three epochs or more: after the first quarter the training loss stays within 1 %, and is less than 20 % below its start."""

from __future__ import annotations

from ..curve import relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number, share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train = seen.loss("train", 3)
    if train is None or seen.epochs < 3:
        return None
    rest = train.since(0.25)
    fall = relative(train.first - train.ending(), train.first)
    norms = seen.curve("train.gradient_norm", 3)
    without_gradient = norms is not None and not any(norms.values[-3:])
    if without_gradient or relative(rest.spread(), rest.first) > 0.01 or not -0.02 <= fall < 0.2:
        return None
    return Observation(
        "fail",
        "The loss does not move",
        f"The training loss is {number(train.first)} in epoch {train.epochs[0]} and {number(train.ending())} at the end;"
        f" from epoch {rest.epochs[0]} on it varies by {share(relative(rest.spread(), rest.first))}.",
        "A learning rate that is far too low, or one so high that the units died in the first steps; or inputs and targets"
        " that do not belong together. (Weights that were good at the start look the same.)",
        "Find the range of `learning_rate` (`train.py NAME --find-lr`), train on one batch (`--overfit-batches 1`): a model"
        " that can't learn one batch has a fault.",
        ("learning_rate",),
    )
