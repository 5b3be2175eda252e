"""In the second half (four validations or more) the validation loss changes by over 15 % from one to the next, at the median, and over three times as much as the training loss."""

from __future__ import annotations

import statistics

from ..curve import Curve, changes, relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train, validation = seen.loss("train", 8), seen.loss("validation", 8)
    if train is None or validation is None:
        return None
    noise, other = restlessness(validation), restlessness(train)
    if noise <= 0.15 or noise <= 3 * other:
        return None
    return Observation(
        "note",
        "The validation is noisy",
        f"validation.loss changes by {share(noise)} from one validation to the next, train.loss by {share(other)}.",
        "Few validation samples, or steps that are still large: which epoch is the best is partly chance.",
        "Validate on more samples; lower `learning_rate` towards the end; average the weights; a longer `early_stopping_patience`.",
        ("learning_rate", "early_stopping_patience"),
    )


def restlessness(curve: Curve) -> float:
    """The median change from one value to the next, as a share of the median value, in the second half."""
    half = curve.since(0.5)
    return relative(statistics.median(map(abs, changes(half.values))), statistics.median(half.values))
