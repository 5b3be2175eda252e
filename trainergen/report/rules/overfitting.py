"""The validation loss ends over 10 % above its best, at least two validations later, while the training loss fell on."""

from __future__ import annotations

from ..curve import relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number, share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train, validation = seen.loss("train", 4), seen.loss("validation", 4)
    if train is None or validation is None:
        return None
    epoch, best = validation.best()
    after = len(validation) - validation.epochs.index(epoch) - 1
    then, end = train.at(epoch), validation.ending()
    if after < 2 or then is None or end <= best + validation.margin(best) or train.ending() > then:
        return None
    return Observation(
        "warn",
        "Overfitting",
        f"validation.loss is best in epoch {epoch} ({number(best)}) and {number(end)} at the end, {share(relative(end - best, best))}"
        f" worse, while train.loss fell from {number(then)} to {number(train.ending())}.",
        "The model learns the training samples by heart: too many weights, or too many epochs, for so many samples.",
        "Take the best weights, not the final ones; set `early_stopping_patience`; then more data or augmentation, more"
        " `weight_decay` or dropout, or a smaller model.",
        ("early_stopping_patience", "weight_decay"),
    )
