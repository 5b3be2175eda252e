"""Regression: numbers against numbers."""

from __future__ import annotations

from . import FLOATING, INTEGRAL, Fit, LossOption, Pair, align, cast, shape_text

TASK = "regression"
LOSSES = {
    "mse": "squared error",
    "l1": "absolute error, less moved by outliers",
    "smooth_l1": "squared near zero, absolute beyond 1",
    "huber": "squared near zero, linear beyond 1",
}
METRICS = ("mae", "mse")
EPOCH_METRICS = ("rmse", "r2")
DEFAULT_METRICS = ("mae", "rmse", "r2")
METRIC_FUNCTIONS = {name: name for name in (*METRICS, *EPOCH_METRICS)}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {
    "mse": lambda output, target, functional: functional.mse_loss(output, target),
    "l1": lambda output, target, functional: functional.l1_loss(output, target),
    "smooth_l1": lambda output, target, functional: functional.smooth_l1_loss(output, target),
    "huber": lambda output, target, functional: functional.huber_loss(output, target),
}
COUNTED = (
    "count",
    "age",
    "rating",
    "price",
    "quantity",
    "amount",
    "duration",
    "days",
    "years",
    "num",
    "number",
    "value",
)
"""Words in a target's name that say that integers are meant as numbers."""


def fit(pair: Pair) -> Fit | None:
    """A target of the output's shape."""
    if pair.leaf is None or pair.values is None or pair.feeds or pair.leaf.dtype not in FLOATING | INTEGRAL:
        return None
    aligned = align(pair)
    if aligned is None:
        return None
    prediction, squeeze = aligned
    integers = pair.leaf.dtype in INTEGRAL
    target = (*squeeze, *cast(pair.leaf, "float"))
    score = 70 if not integers else 50
    what = "integers" if integers else "numbers"
    return Fit(
        score=30 if pair.values.zero_one else score,
        reason=f"output {shape_text(pair.output)} against {what} {shape_text(pair.leaf)}",
        losses=tuple(LossOption(name, reason, prediction, target) for name, reason in LOSSES.items()),
        metrics=None if len(pair.output.sizes) <= 2 else ("mae",),
        question=_question(pair) if integers and not pair.values.zero_one else None,
    )


def _question(pair: Pair) -> str | None:
    name = str(pair.target[-1]).lower() if pair.target else ""
    if any(word in name.split("_") for word in COUNTED):
        return None
    assert pair.leaf is not None
    return f"{pair.leaf.dtype} targets: classes (the output has one column for all) or numbers?"
