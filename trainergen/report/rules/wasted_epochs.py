"""After its best value the run went on for at least ten epochs and half of its length, without early stopping."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import duration, number, plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    judged = seen.judged
    if judged is None or seen.number_setting("early_stopping_patience") is not None:
        return None
    epoch, best = judged.best(lower=seen.lower_is_better)
    after = seen.epochs - epoch
    if after < max(10, seen.epochs / 2):
        return None
    seconds = seen.curve("seconds")
    spent = 0.0 if seconds is None else sum(seconds.values) - sum(seconds.until(epoch).values)
    return Observation(
        "note",
        "Most of the run came after its best",
        f"{seen.monitor} was best in epoch {epoch} ({number(best)}); {plural(after, 'epoch')} followed"
        f"{f' ({duration(spent)})' if spent else ''}.",
        "There is no early stopping.",
        "Set `early_stopping_patience` (8 is the default).",
        ("early_stopping_patience",),
    )
