"""Of five epochs or more: in at least two, and in a tenth of them, the training loss jumps up by half of its value and by a quarter of its median; or a gradient norm is over ten times their median."""

from __future__ import annotations

import itertools
import statistics

from ..curve import Curve
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number

SPIKE = 10.0
"""Times the median that a gradient norm counts as a spike at."""


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    train = seen.loss("train", 5)
    if train is None or seen.state == "diverged":
        return None
    jumps = jumps_of(train)
    norms = seen.curve("train.gradient_norm", 5)
    median = 0.0 if norms is None else statistics.median(norms.values)
    spike = norms is not None and median > 0 and max(norms.values[1:]) > SPIKE * median
    if len(jumps) < max(2, len(train) / 10) and not spike:
        return None
    parts = []
    if len(jumps) >= max(2, len(train) / 10):
        epoch, before, after = max(jumps, key=lambda jump: jump[2] - jump[1])
        parts.append(
            f"train.loss jumps up in {len(jumps)} of {len(train)} epochs, most from {number(before)} to {number(after)} in epoch {epoch}"
        )
    if spike and norms is not None:
        epoch, highest = norms.best(lower=False)
        parts.append(
            f"the gradient norm of epoch {epoch} is {number(highest)}, {highest / median:.0f} times the median"
        )
    return Observation(
        "warn",
        "The training is unstable",
        f"{'; '.join(parts)}.",
        "Steps that are too large for this loss, or single batches with very large gradients.",
        "Lower `learning_rate`, or begin with a warm-up; set `gradient_clip_norm`; a larger `batch_size` or `accumulation_steps`.",
        ("learning_rate", "gradient_clip_norm", "batch_size"),
    )


def jumps_of(curve: Curve) -> list[tuple[int, float, float]]:
    """(epoch, before, after) wherever the value rises by half, and by a quarter of the median: near 0 all is noise."""
    least, found = statistics.median(map(abs, curve.values)) / 4, []
    for epoch, (before, after) in zip(curve.epochs[1:], itertools.pairwise(curve.values), strict=True):
        if after - before > max(abs(before) / 2, least):
            found.append((epoch, before, after))
    return found
