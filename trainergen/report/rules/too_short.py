"""One or two epochs are on record, of a run that goes on or is finished."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    if not 0 < seen.epochs < 3 or seen.state not in ("finished", "running", "unreadable"):
        return None
    return Observation(
        "note",
        "Too short to be judged",
        f"{plural(seen.epochs, 'epoch')} on record: no rule about the course of the training applies.",
        "The run has only begun, ended early, or was meant to be short.",
        "More `num_epochs`, or none of this matters: the values below are right all the same.",
        ("num_epochs",),
    )
