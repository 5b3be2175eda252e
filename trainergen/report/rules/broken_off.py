"""The run was interrupted, or its process is gone while its files say that it is running."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    if seen.state not in ("interrupted", "killed"):
        return None
    planned = seen.number_setting("num_epochs")
    of = f" of {planned:.0f}" if planned else ""
    goes_on = (
        f"`--resume auto` goes on from {seen.latest}." if seen.latest else "There is no checkpoint: start it again."
    )
    return Observation(
        "warn",
        "The run was interrupted" if seen.state == "interrupted" else "The run was killed",
        f"It has {seen.epochs}{of} epochs on record, and no end.",
        (
            "Ctrl-C or SIGTERM."
            if seen.state == "interrupted"
            else "The process is gone without a word: memory, a time limit, a restart of the machine."
        ),
        goes_on,
    )
