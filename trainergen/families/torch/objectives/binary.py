"""Binary: yes or no a sample (or a pixel), from one column of output."""

from __future__ import annotations

from . import Fit, LossOption, Pair, align, cast, shape_text

TASK = "binary"
LOSSES = {
    "bce_with_logits": "one logit against 0 or 1",
    "bce": "one probability against 0 or 1",
}
METRICS = ("accuracy",)
EPOCH_METRICS = ("auc", "f1", "precision", "recall")
DEFAULT_METRICS = ("accuracy", "auc", "f1")
METRIC_FUNCTIONS = {
    "accuracy": "binary_accuracy",
    "auc": "roc_auc",
    "f1": "binary_f1",
    "precision": "binary_precision",
    "recall": "binary_recall",
}
LOSSES_ON_PROBABILITIES = ("bce",)
REFERENCES = {
    "bce_with_logits": lambda output, target, functional: functional.binary_cross_entropy_with_logits(output, target),
    "bce": lambda output, target, functional: functional.binary_cross_entropy(output, target),
}


def fit(pair: Pair) -> Fit | None:
    """One column of output and a target that is 0 or 1 everywhere."""
    if pair.leaf is None or pair.values is None or not pair.values.zero_one or pair.feeds:
        return None
    aligned = align(pair)
    sizes = pair.output.sizes
    if aligned is None or (len(sizes) > 1 and sizes[1] != 1):
        return None
    prediction, squeeze = aligned
    target = (*squeeze, *cast(pair.leaf, "float"))
    return Fit(
        score=85,
        reason=f"one column of output {shape_text(pair.output)} against 0/1 {shape_text(pair.leaf)}",
        losses=losses(pair, prediction, target),
        metrics=None if len(sizes) <= 2 else METRICS,
    )


def losses(pair: Pair, prediction: tuple[str, ...], target: tuple[str, ...]) -> tuple[LossOption, ...]:
    """The two cross-entropies on bits, the one that fits the model's last activation first."""
    logits = LossOption("bce_with_logits", LOSSES["bce_with_logits"], prediction, target)
    if pair.activation == "Sigmoid":
        return LossOption("bce", "the model ends in a sigmoid: no second one", prediction, target), logits
    return logits, LossOption("bce", LOSSES["bce"], prediction, target)
