"""Of eight validations or more: in the second half the validation loss lies over 10 % off the mean of its neighbours, at the median, and over three times as far as the training loss."""

from __future__ import annotations

import statistics

from ..curve import Curve, relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train, validation = seen.loss("train", 8), seen.loss("validation", 8)
    if train is None or validation is None:
        return None
    noise, other = restlessness(validation), restlessness(train)
    if noise <= 0.1 or noise <= 3 * other:
        return None
    return Observation(
        "note",
        "The validation is noisy",
        f"validation.loss lies {share(noise)} off the mean of the validations before and after it, train.loss {share(other)}.",
        "Few validation samples, or steps that are still large: which epoch is the best is partly chance.",
        "Validate on more samples; lower `learning_rate` towards the end; average the weights; a longer `early_stopping_patience`.",
        ("learning_rate", "early_stopping_patience"),
    )


def restlessness(curve: Curve) -> float:
    """How far a value lies off the mean of its neighbours, as a share of the usual value: medians of the second half."""
    values = curve.since(0.5).values
    off = [abs(values[i] - (values[i - 1] + values[i + 1]) / 2) for i in range(1, len(values) - 1)]
    return relative(statistics.median(off), statistics.median(values))
