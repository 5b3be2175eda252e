"""Multi-label: each of C labels on or off."""

from __future__ import annotations

from ..seen import Seen, assumed_leaf, said
from . import Fit, Pair, Proposal, binary, cast, shape_text

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

SAYS_SO = (
    r"multi.?label|\btags\b|\btagging|\battributes\b|multi.?hot|\bbce\b|binary.cross.?entropy|each (is )?present or"
)


def propose(seen: Seen) -> Proposal | None:
    """Several columns or channels that each end in a sigmoid, or that are said to be labels that go together."""
    output = seen.main
    if output is None or len(output.sizes) < 2 or output.sizes[1] < 2:
        return None
    probability = binary.is_probability(seen, output) and not output.sums_to_one
    words = seen.says(SAYS_SO)
    if not probability and words is None and not seen.asks(LOSSES):
        return None
    target = seen.want("target", assumed_leaf("int64", output, low=0, high=2), key="labels")
    if target is None:
        return None
    evidence = [*(["each column ends in a sigmoid"] if probability else []), *([words] if words else [])]
    return Proposal(
        score=74 + 12 * bool(words),
        reason=f"{said(output)}: {', '.join(evidence) or 'you asked for it'}",
        losses=binary.losses(probability, (), ("float",)),
        classes=output.sizes[1],
        metrics=None if len(output.sizes) == 2 else METRICS,
        low=0,
        high=2,
        assumed=True,
        roles=(seen.output("prediction", output), target),
    )


def fit(pair: Pair) -> Fit | None:
    """Several columns of output and a target of the same shape that is 0 or 1 everywhere."""
    if pair.leaf is None or pair.values is None or not pair.values.zero_one or pair.feeds:
        return None
    sizes = pair.output.sizes
    if len(sizes) < 2 or sizes[1] < 2 or sizes != pair.leaf.sizes:
        return None
    low, high = binary.bits(pair.leaf)
    return Fit(
        score=80,
        reason=f"output {shape_text(pair.output)} against 0/1 of the same shape",
        losses=binary.losses(pair.activation == "Sigmoid", (), cast(pair.leaf, "float")),
        classes=sizes[1],
        metrics=None if len(sizes) == 2 else METRICS,
        low=low,
        high=high,
    )
