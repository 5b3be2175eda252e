"""A value of training or validation is NaN or infinite in some epoch."""

from __future__ import annotations

from ..evidence import Evidence
from ..observation import Observation
from ..wording import plural


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    holes = {path: curve.holes for path, curve in seen.curves.items() if curve.holes and _is_metric(path)}
    if not holes:
        return None
    path = "train.loss" if "train.loss" in holes else next(iter(holes))
    losses = any(each.endswith(".loss") for each in holes)
    others = f", and {plural(len(holes) - 1, 'other value')} as well" if len(holes) > 1 else ""
    return Observation(
        "fail" if losses else "warn",
        "Values that are not finite",
        f"{path} is NaN or infinite in {plural(len(holes[path]), 'epoch')} (first: {holes[path][0]}){others}.",
        (
            "Overflow, a division by zero or a logarithm of zero in the loss"
            if losses
            else "A metric that is undefined on what it saw: one class only, no valid row."
        ),
        (
            "Lower `learning_rate`, set `gradient_clip_norm`, try `precision` float32; look at the inputs of those epochs"
            if losses
            else "Look at how the metric is computed; a larger `batch_size` or a validation set with every class defines it."
        ),
        ("learning_rate", "gradient_clip_norm", "precision") if losses else ("batch_size",),
    )


def _is_metric(path: str) -> bool:
    """Of memory and the like null is what the machine does not tell."""
    return path.startswith(("train.", "validation.")) and not path.endswith(("_bytes", "loader_wait_share"))
