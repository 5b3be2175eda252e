"""The run ended with an exception that is no divergence."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    failure = seen.failure or {}
    if seen.state != "failed" or failure.get("error") in ("TrainingDiverged", "NonFiniteLoss", "TrainingStuck"):
        return None
    said = seen.error.partition("\n")[0] or str(failure.get("what") or "no error was recorded")
    goes_on = "`--resume auto` goes on from the last checkpoint" if seen.latest else "start it again"
    suggestion = str(failure.get("suggestion") or "")
    return Observation(
        "fail",
        "The run failed",
        f"After {plural(seen.epochs, 'epoch')}: {said}",
        "An error of the program, the data or the machine; the weights that were saved before are good.",
        f"{suggestion[:1].upper()}{suggestion[1:]}{'; ' if suggestion else ''}correct it, then {goes_on}.",
    )
