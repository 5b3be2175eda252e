"""Training waits for the loader during over a fifth of the time (the median epoch after the first)."""

from __future__ import annotations

import statistics

from ..evidence import Evidence
from ..observation import Observation
from ..wording import share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    waits = next((curve for path, curve in seen.curves.items() if path.rpartition(".")[2] == "loader_wait_share"), None)
    if waits is None or not len(waits):
        return None
    usual = statistics.median(waits.values[1:] or waits.values)
    if usual <= 0.2:
        return None
    return Observation(
        "warn",
        "The loader is the bottleneck",
        f"{share(usual)} of the time went into waiting for batches (the worst epoch: {share(max(waits.values))}).",
        "Reading, decoding or augmenting a batch takes longer than a step on it.",
        "Loader workers (`num_workers`), `pin_memory` and `persistent_workers` in `build_dataloaders`; decode once and keep"
        " the result; a larger `batch_size` if the work is by batch.",
        ("batch_size",),
    )
