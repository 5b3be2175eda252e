"""Of eight epochs or more: the training loss ends above 40 % of its start, fell by less than 3 % in the last third, and the validation loss is within 15 % of it."""

from __future__ import annotations

from ..curve import relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number, share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train, validation = seen.loss("train", 8), seen.loss("validation", 3)
    if train is None or validation is None or train.first <= 0:
        return None
    late, end = train.since(2 / 3), train.ending()
    level = relative(end, train.first)
    if not 0.4 < level <= 0.8 or abs(relative(late.first - end, late.first)) >= 0.03:
        return None
    if abs(relative(validation.ending() - end, end)) > 0.15 or well_judged(seen):
        return None
    return Observation(
        "warn",
        "Underfitting",
        f"train.loss stays at {number(end)}, {share(level)} of its start ({number(train.first)}), and moved by"
        f" {share(abs(relative(late.first - end, late.first)))} in the last third; validation.loss is as high ({number(validation.ending())}).",
        "The model is too small for this, is held back, or gets too little of what the target depends on."
        " (Where the rest is noise, this is as low as it goes.)",
        "A larger model (the `model_...` settings), a higher `learning_rate`, less `weight_decay` and dropout; compare with"
        " a baseline that is known to learn this data.",
        ("learning_rate", "weight_decay"),
    )


def well_judged(seen: Evidence) -> bool:
    """Whether a share of right answers is high already: the loss of soft or noisy targets never gets low."""
    found = [seen.curve(f"validation.{name}") for name in ("accuracy", "f1", "auc")]
    return any(curve is not None and curve.ending() >= 0.9 for curve in found)
