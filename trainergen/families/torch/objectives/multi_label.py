"""Multi-label: each of C labels on or off."""

from __future__ import annotations

from . import Fit, Pair, binary, cast, shape_text

TASK = "multi-label"
LOSSES = {
    "bce_with_logits": "one logit against 0 or 1",
    "bce": "one probability against 0 or 1",
}
REFERENCES = binary.REFERENCES
METRICS = ("accuracy",)
EPOCH_METRICS = ("f1",)
DEFAULT_METRICS = ("accuracy", "f1")
METRIC_FUNCTIONS = {"accuracy": "binary_accuracy", "f1": "multilabel_macro_f1"}
LOSSES_ON_PROBABILITIES = binary.LOSSES_ON_PROBABILITIES


def fit(pair: Pair) -> Fit | None:
    """Several columns of output and a target of the same shape that is 0 or 1 everywhere."""
    if pair.leaf is None or pair.values is None or not pair.values.zero_one or pair.feeds:
        return None
    sizes = pair.output.sizes
    if len(sizes) < 2 or sizes[1] < 2 or sizes != pair.leaf.sizes:
        return None
    return Fit(
        score=80,
        reason=f"output {shape_text(pair.output)} against 0/1 of the same shape",
        losses=binary.losses(pair, (), cast(pair.leaf, "float")),
        classes=sizes[1],
        metrics=None if len(sizes) == 2 else METRICS,
    )
