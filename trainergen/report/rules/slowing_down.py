"""Of nine epochs or more: those of the last third take over one and a half times as long as those of the first (medians, the first epoch left out)."""

from __future__ import annotations

import statistics

from ..evidence import Evidence
from ..observation import Observation
from ..wording import duration


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    seconds = seen.curve("seconds", 9)
    if seconds is None:
        return None
    times = seconds.values[1:]
    third = len(times) // 3
    early, late = statistics.median(times[:third]), statistics.median(times[-third:])
    if early <= 0 or late <= 1.5 * early:
        return None
    return Observation(
        "note",
        "Epochs take longer and longer",
        f"An epoch took {duration(early)} in the first third, {duration(late)} in the last: {late / early:.1f} times as long.",
        "Another program on the machine, heat, a list or a graph that grows from step to step, a cache that is full.",
        "Look at the memory below; keep detached values only (`loss.detach()`); `train.py NAME --profile` says where the time goes.",
    )
