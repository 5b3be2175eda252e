"""A validation metric other than the monitored one is best over a fifth of the run away from the monitored one's best epoch, and over 2 % better there."""

from __future__ import annotations

from ..curve import relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    judged = seen.judged
    if judged is None or len(judged) < 10 or not seen.monitor.startswith("validation."):
        return None
    epoch, _ = judged.best(lower=seen.lower_is_better)
    for name in ("accuracy", "f1", "auc", "loss"):
        other = seen.curve(f"validation.{name}", 10)
        if other is None or other.path == seen.monitor or other.at(epoch) is None:
            continue
        lower = name == "loss"
        at, best = other.best(lower=lower)
        there = other.at(epoch) or 0.0
        if abs(at - epoch) > max(3, seen.epochs / 5) and relative(abs(best - there), there) > 0.02:
            return Observation(
                "note",
                f"{other.path} would choose other weights",
                f"{seen.monitor} is best in epoch {epoch}, where {other.path} is {number(there)}; that is best in epoch {at} ({number(best)}).",
                "The two measure different things: a loss punishes confident mistakes, which a share of right answers does not see.",
                f"If {other.path} is what counts, set `scheduler_monitor` to it and `scheduler_mode` to {'min' if lower else 'max'}.",
                ("scheduler_monitor", "scheduler_mode"),
            )
    return None
