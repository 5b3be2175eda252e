"""Of six epochs or more: memory rises in eight of ten epochs, and by over a quarter from the second epoch to the last."""

from __future__ import annotations

from ..curve import changes
from ..evidence import Evidence
from ..observation import Observation
from ..wording import size


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    for path, curve in seen.curves.items():
        if not path.endswith("_bytes") or len(curve) < 6 or "total" in path:
            continue
        values = curve.values[1:]
        rises = sum(change > 0 for change in changes(values))
        if values[0] > 0 and rises >= 0.8 * (len(values) - 1) and values[-1] > 1.25 * values[0]:
            return Observation(
                "warn",
                "Memory grows from epoch to epoch",
                f"{path} is {size(values[0])} in epoch {curve.epochs[1]} and {size(values[-1])} in epoch {curve.epochs[-1]}.",
                "Something keeps what it should forget: losses with their graph, outputs of every batch, an unbounded cache in the data set.",
                "Append `loss.detach()` or `.item()`, never the loss; reset lists at each epoch; `persistent_workers` with a cache grows too.",
            )
    return None
