"""The gradient norm is exactly zero in each of the last three epochs, or the run was ended for that."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    norms = seen.curve("train.gradient_norm", 3)
    ended = (seen.failure or {}).get("error") == "TrainingStuck"
    if not ended and (norms is None or any(norms.values[-3:])):
        return None
    return Observation(
        "fail",
        "No gradient reaches the weights",
        f"The gradient norm is 0 in {plural(3 if norms is None else norms.values.count(0.0), 'epoch')}: nothing was learnt.",
        "The output is detached from the loss, every parameter is frozen, or the loss is flat where it starts (all units dead).",
        "Run `train.py NAME --preflight`, look for detach(), no_grad and requires_grad in the model, lower `learning_rate` if the units died.",
        ("learning_rate",),
    )
