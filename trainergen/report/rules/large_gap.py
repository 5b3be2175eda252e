"""The validation loss ends at twice the training loss or more and fell by less than 5 % in the last third, while the training loss fell by over 10 %."""

from __future__ import annotations

from ..curve import relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number, share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train, validation = seen.loss("train", 6), seen.loss("validation", 6)
    if train is None or validation is None or not 0 < 2 * train.ending() <= validation.ending():
        return None
    epoch, best = validation.best()
    if validation.ending() > best + validation.margin(best):
        return None  # overfitting says it
    late, held = train.since(2 / 3), validation.since(2 / 3)
    if (
        relative(late.first - late.ending(), late.first) <= 0.1
        or relative(held.first - held.ending(), held.first) >= 0.05
    ):
        return None
    return Observation(
        "note",
        "A wide gap between training and validation",
        f"train.loss ends at {number(train.ending())}, validation.loss at {number(validation.ending())}, and only the first"
        f" still falls ({share(relative(late.first - late.ending(), late.first))} in the last third).",
        "What is still learnt holds for the training samples alone; more epochs do not help.",
        "More data or augmentation, more `weight_decay` or dropout, or fewer `num_epochs`: nearly all was won by epoch"
        f" {epoch}.",
        ("weight_decay", "num_epochs"),
    )
