"""There is no value of a validation."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    if not seen.epochs or any(path.startswith("validation.") for path in seen.curves):
        return None
    every = seen.number_setting("validation_interval_epochs")
    if seen.validates and every and seen.epochs < every:
        return Observation(
            "warn",
            "Not validated yet",
            f"{plural(seen.epochs, 'epoch')} on record, a validation every {every:.0f}.",
            "The run ended, or was looked at, before its first validation.",
            "Lower `validation_interval_epochs`.",
            ("validation_interval_epochs",),
        )
    return Observation(
        "warn",
        "Never validated",
        f"{plural(seen.epochs, 'epoch')} of training, no value on held-out data.",
        (
            "The trainer has no validation loader."
            if seen.validates is False
            else "No validation loader, or none that was due."
        ),
        "Return a validation loader from `build_dataloaders` (`--val-loader` of `trainergen new`): without one nothing here"
        " tells learning from learning by heart.",
    )
