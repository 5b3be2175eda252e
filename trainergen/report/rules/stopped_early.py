"""The run says that it stopped early."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import number


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    if not seen.stop_reason.startswith("stopped early"):
        return None
    best = None if seen.judged is None else seen.judged.best(lower=seen.lower_is_better)
    patience = seen.number_setting("early_stopping_patience")
    planned = seen.number_setting("num_epochs")
    where = "" if best is None else f" {seen.monitor} was best in epoch {best[0]} ({number(best[1])})."
    waited = "" if patience is None else f", after {patience:.0f} validations without a better one"
    return Observation(
        "note",
        "Stopped early",
        f"Ended in epoch {seen.epochs}{f' of {planned:.0f}' if planned else ''}{waited}.{where}",
        "As `early_stopping_patience` asks: no improvement was in sight.",
        "Nothing, if the curve is flat; where it is noisy, a longer `early_stopping_patience` or a larger"
        " `early_stopping_min_delta` changes what is waited for.",
        ("early_stopping_patience", "early_stopping_min_delta"),
    )
