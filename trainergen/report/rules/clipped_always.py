"""In nine of ten epochs the mean gradient norm is above twice `gradient_clip_norm`."""

from __future__ import annotations

import statistics

from ..evidence import Evidence
from ..observation import Observation
from ..wording import number


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    norms, limit = seen.curve("train.gradient_norm", 3), seen.number_setting("gradient_clip_norm")
    if norms is None or not limit:
        return None
    above = sum(value > 2 * limit for value in norms.values)
    if above < 0.9 * len(norms):
        return None
    median = statistics.median(norms.values)
    return Observation(
        "note",
        "Nearly every step is clipped",
        f"The mean gradient norm is over twice `gradient_clip_norm` ({number(limit)}) in {above} of {len(norms)} epochs; its median is {number(median)}.",
        "The limit lies below what is usual here, so that it sets the length of every step: with plain SGD it works as a"
        " lower learning rate, with Adam hardly at all.",
        f"Set `gradient_clip_norm` to about {number(_round(2 * median))}, so that it catches what is exceptional, or keep it knowingly.",
        ("gradient_clip_norm",),
    )


def _round(value: float) -> float:
    return float(f"{value:.1g}")
