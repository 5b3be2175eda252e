"""Multi-class: one of C classes a sample (or a pixel, or a token)."""

from __future__ import annotations

from . import FLOATING, IGNORED_CLASS, Fit, LossOption, Pair, cast, shape_text

TASK = "multi-class"
LOSSES = {
    "cross_entropy": "logits against class indices",
    "nll": "log-probabilities against class indices",
    "nll_of_probabilities": "probabilities against class indices: their log first",
}
METRICS = ("accuracy", "top_k_accuracy")
EPOCH_METRICS = ("f1", "precision", "recall")
DEFAULT_METRICS = ("accuracy", "f1")
METRIC_FUNCTIONS = {
    "accuracy": "accuracy",
    "top_k_accuracy": "top_k_accuracy",
    "f1": "macro_f1",
    "precision": "macro_precision",
    "recall": "macro_recall",
}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {
    "cross_entropy": lambda output, target, functional: functional.cross_entropy(output, target),
    "nll": lambda output, target, functional: functional.nll_loss(output, target),
    "nll_of_probabilities": lambda output, target, functional: functional.nll_loss(
        output.clamp_min(SMALLEST_PROBABILITY).log(), target
    ),
}
SMALLEST_PROBABILITY = 1e-12
"""Below it a probability counts as this one: its log stays finite."""


def fit(pair: Pair) -> Fit | None:
    """Class scores along one dimension of the output, and an integer for each of its other positions."""
    leaf, output = pair.leaf, pair.output
    if leaf is None or pair.values is None or pair.feeds or len(output.sizes) < 2:
        return None
    if leaf.sizes == output.sizes:
        return _one_hot(pair)
    axis, squeeze = _class_axis(output.sizes, leaf.sizes, pair.activation)
    if axis is None or output.sizes[axis] < 2 or not pair.values.integral:
        return None
    classes = output.sizes[axis]
    prediction = () if axis == 1 else (_class_first(len(output.sizes)),)
    target = (*squeeze, *cast(leaf, "long"))
    low, high = pair.values.low, pair.values.high
    problem = None
    if (high is not None and high >= classes) or (low is not None and low < 0 and low != IGNORED_CLASS):
        wrong = high if high is not None and high >= classes else low
        problem = f"the target holds {wrong}, the output has {classes} classes (0 to {classes - 1})"
    return Fit(
        score=90 - (2 if leaf.dtype in FLOATING else 0) - (45 if problem else 0),
        reason=f"output {shape_text(output)} against integers {shape_text(leaf)}",
        losses=_losses(pair, prediction, target),
        classes=classes,
        problem=problem,
        metrics=None if len(output.sizes) == 2 else ("accuracy",),
    )


def _class_axis(
    output: tuple[int, ...], target: tuple[int, ...], activation: str | None
) -> tuple[int | None, tuple[str, ...]]:
    """Where the classes are in `output`, and what makes the target one dimension shorter than it."""
    for sizes, squeeze in (
        (target, ()),
        ((target[0], *target[2:]), ("squeeze:1",)) if target[1:2] == (1,) else (None, ()),
    ):
        if sizes is None:
            continue
        first, last = (output[0], *output[2:]) == sizes, output[:-1] == sizes
        if first and last and len(output) > 2:
            # Both readings fit: linear layers put classes last, convolutions second.
            return (len(output) - 1 if activation == "Linear" else 1), squeeze
        if first:
            return 1, squeeze
        if last:
            return len(output) - 1, squeeze
    return None, ()


def _class_first(rank: int) -> str:
    return "permute:" + ",".join(str(axis) for axis in (0, rank - 1, *range(1, rank - 1)))


def _losses(pair: Pair, prediction: tuple[str, ...], target: tuple[str, ...]) -> tuple[LossOption, ...]:
    logits = LossOption("cross_entropy", LOSSES["cross_entropy"], prediction, target)
    if pair.output.log_sums_to_one:
        return LossOption("nll", "the output is log-probabilities already", prediction, target), logits
    if pair.output.sums_to_one:
        log = "the output is probabilities (it sums to one): their log, no second softmax"
        return LossOption("nll_of_probabilities", log, prediction, target), logits
    return logits, LossOption("nll", LOSSES["nll"], prediction, target)


def _one_hot(pair: Pair) -> Fit | None:
    """Targets as 0/1 columns: several may be on, so multi-label comes first and this waits to be asked for."""
    assert pair.leaf is not None and pair.values is not None
    if not pair.values.zero_one or pair.output.sizes[1] < 2 or len(pair.output.sizes) != 2:
        return None
    return Fit(
        score=40,
        reason=f"output {shape_text(pair.output)} against one-hot {shape_text(pair.leaf)}",
        losses=(LossOption("cross_entropy", "logits against one-hot rows", (), cast(pair.leaf, "float")),),
        classes=pair.output.sizes[1],
        metrics=(),
    )
