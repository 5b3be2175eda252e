"""The learning rate is below a hundredth of its highest for over a fifth of the run (three epochs at least)."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import number, plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    rate = seen.curve("learning_rate", 5)
    if rate is None or max(rate.values) <= 0:
        return None
    highest = max(rate.values)
    peak = rate.values.index(highest)
    low = [epoch for epoch, value in zip(rate.epochs[peak:], rate.values[peak:], strict=True) if value < highest / 100]
    if len(low) < max(3, len(rate) / 5):
        return None
    return Observation(
        "note",
        "The learning rate has run out",
        f"It fell from {number(highest)} to {number(rate.last)}, and is below a hundredth since epoch {low[0]}: {plural(len(low), 'epoch')}"
        " with steps too small to matter.",
        "The schedule lowers the rate faster than the run is long.",
        "A longer `scheduler_patience`, a `scheduler_factor` nearer to 1, a `scheduler_min_lr`; or end sooner (`early_stopping_patience`).",
        ("scheduler_patience", "scheduler_factor", "scheduler_min_lr"),
    )
