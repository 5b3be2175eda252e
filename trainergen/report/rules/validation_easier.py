"""In each of the last three epochs the validation loss is over 15 % below the training loss."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import number


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train, validation = seen.loss("train", 5), seen.loss("validation", 5)
    if train is None or validation is None:
        return None
    pairs = [
        (train.at(epoch), value) for epoch, value in zip(validation.epochs[-3:], validation.values[-3:], strict=True)
    ]
    if not all(trained is not None and 0 < value < 0.85 * trained for trained, value in pairs):
        return None
    return Observation(
        "note",
        "Validation is better than training",
        f"validation.loss ends at {number(validation.ending())}, train.loss at {number(train.ending())}.",
        "Dropout and augmentation work in training alone, and its mean is taken while the weights still move: that is"
        " harmless. Validation samples that are easier, or that are among the training samples, are not.",
        "Evaluate on the training data without dropout and augmentation; look for samples that are in both sets.",
    )
