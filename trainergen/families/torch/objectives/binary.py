"""Binary: yes or no a sample (or a pixel), from one column of output."""

from __future__ import annotations

import re

from ....inspection.batch_spec import Leaf
from ..deep_supervision import GIVEN, deeper
from ..facts import OutputFacts
from ..seen import FLOATING, Seen, of_samples, said, without_axis
from . import Fit, LossOption, Pair, Proposal, align, cast, shape_text

TASK = "binary"
LOSSES = {
    "bce_with_logits": "one logit against 0 or 1",
    "bce": "one probability against 0 or 1",
}
METRICS = ("accuracy", "dice", "iou")
EPOCH_METRICS = ("auc", "f1", "precision", "recall")
DEFAULT_METRICS = ("accuracy", "auc", "f1")
METRIC_FUNCTIONS = {
    "accuracy": "binary_accuracy",
    "dice": "binary_dice",
    "iou": "binary_iou",
    "auc": "roc_auc",
    "f1": "binary_f1",
    "precision": "binary_precision",
    "recall": "binary_recall",
}
LOSSES_ON_PROBABILITIES = ("bce",)
OF_MAPS = ("accuracy", "iou")
"""What maps are judged by: all that is collected over an epoch would be every pixel of it."""
REFERENCES = {
    "bce_with_logits": lambda functional, prediction, target: functional.binary_cross_entropy_with_logits(
        prediction, target
    ),
    "bce": lambda functional, prediction, target: functional.binary_cross_entropy(prediction, target),
}


SAYS_SO = (
    r"\bbinary|classif|\bdetect|fraud|\bclick|\bctr\b|churn|\bspam|sentiment|\blogit|segment|\bmasks?\b|\bsalien|anomal"
    r"|parcell|\blesions?\b"
)
MAP_NETWORKS = r"\bu[- ]?net"
"""As in `multi_class`: mostly met in segmentation, but no word for it."""


LAST_LAYER = re.compile(r"(^|\.)(mask|seg\w*|foreground|saliency|is_\w+)(\.|$)")


def _called_so(seen: Seen) -> str | None:
    """The name of the layer that holds the last parameters, where it says what they decide."""
    owner = seen.parameters[-1][0].rpartition(".")[0] if seen.parameters else ""
    return f"its last layer is called {owner}" if LAST_LAYER.search(owner) else None


def propose(seen: Seen) -> Proposal | None:
    """One column (or one channel of a map) that is a probability, or that is said to tell two things apart."""
    output = seen.main
    if output is None:
        return None
    sizes = output.sizes
    column = len(sizes) >= 2 and sizes[1] == 1
    if not column and len(sizes) != 1:
        return None
    probability = is_probability(seen, output)
    words = seen.says(SAYS_SO) or _called_so(seen) or (seen.says(MAP_NETWORKS) if len(sizes) > 2 else None)
    if not probability and words is None and not seen.asks(LOSSES):
        return None
    leaf = without_axis(output, 1, "int64", 2) if column else of_samples(seen, "int64", low=0, high=2)
    target = seen.want("target", leaf, key="label")
    if target is None:
        return None
    evidence = [*(["it ends in a sigmoid"] if probability else []), *([words] if words else [])]
    prepare = ("squeeze:1",) if column else ()
    options = losses(probability, prepare, cast(leaf, "float"))
    others, heads = deeper(seen, output, TASK, options[0].name, prepare)
    evidence += [f"{len(others) + 1} maps of it"] if others else []
    score = 84 + 6 * bool(words) if probability else 80 if seen.is_called(SAYS_SO) else 72
    return Proposal(
        score=GIVEN if heads and not seen.synthesised else score,
        reason=f"one column of output, {said(output)}: {', '.join(evidence) or 'you asked for it'}",
        losses=options[:1] if heads else options,
        metrics=None if len(sizes) <= 2 else OF_MAPS,
        low=0,
        high=2,
        assumed=True,
        roles=(seen.output("prediction", output), target, *others),
        heads=heads,
    )


def is_probability(seen: Seen, output: OutputFacts) -> bool:
    """Whether the output has been through a sigmoid; of several outputs only their values and the source can tell."""
    if seen.activation is not None or len(seen.learnt) == 1:
        return seen.activation == "Sigmoid"
    within = output.low is not None and output.high is not None and output.low >= 0 and output.high <= 1
    return within and re.search("sigmoid", seen.source, re.IGNORECASE) is not None


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
    low, high = bits(pair.leaf)
    return Fit(
        score=85,
        reason=f"one column of output {shape_text(pair.output)} against 0/1 {shape_text(pair.leaf)}",
        losses=losses(pair.activation == "Sigmoid", prediction, target),
        metrics=None if len(sizes) <= 2 else OF_MAPS,
        low=low,
        high=high,
    )


def bits(leaf: Leaf) -> tuple[int | None, int | None]:
    """What a target of zeros and ones must lie in: the upper bound is exclusive for integers; bool can't be else."""
    if leaf.dtype == "bool":
        return None, None
    return (0, 1) if leaf.dtype in FLOATING else (0, 2)


def losses(probability: bool, prediction: tuple[str, ...], target: tuple[str, ...]) -> tuple[LossOption, ...]:
    """The two cross-entropies on bits, the one that fits what the model puts out first."""
    logits = LossOption("bce_with_logits", LOSSES["bce_with_logits"], prediction, target)
    if probability:
        return LossOption("bce", "the model ends in a sigmoid: no second one", prediction, target), logits
    return logits, LossOption("bce", LOSSES["bce"], prediction, target)
