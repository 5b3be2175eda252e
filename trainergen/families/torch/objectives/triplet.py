"""Metric learning by distances: like samples within a margin, others beyond it; in triplets or in pairs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ....planning.plan import Constant
from ..facts import OutputFacts
from ..seen import Role, Seen, assumed_leaf, of_samples, said
from . import LossOption, Proposal, multi_class

TASK = "triplet"
LOSSES = {
    "triplet_margin": "anchor, positive and negative: the positive nearer by a margin",
    "pair_margin": "two embeddings and whether they belong together: near, or beyond a margin",
    "distance_margin": "the distance of a pair and whether it belongs together: small, or beyond a margin",
}
METRICS = ()
EPOCH_METRICS = ()
DEFAULT_METRICS = METRICS
METRIC_FUNCTIONS: dict[str, str] = {}
LOSSES_ON_PROBABILITIES = ()
MARGIN = Constant("margin", 1.0, "margin", "distance by which unlike samples should be further apart than like ones")


def _margin(distances: Any, same: Any, margin: float) -> Any:
    """Hadsell, Chopra and LeCun 2006, equation 4, a pair at a time."""
    costs = [
        distance**2 / 2 if bool(like > 0) else (margin - distance).clamp_min(0) ** 2 / 2
        for distance, like in zip(distances, same, strict=True)
    ]
    return sum(costs) / len(costs)


REFERENCES = {
    "triplet_margin": lambda functional, prediction, positive, negative, margin: functional.triplet_margin_loss(
        prediction, positive, negative, margin=margin
    ),
    "pair_margin": lambda functional, prediction, other, target, margin: _margin(
        functional.pairwise_distance(prediction, other), target, margin
    ),
    "distance_margin": lambda functional, prediction, target, margin: _margin(  # noqa: ARG005
        prediction, target, margin
    ),
}
SIAMESE = r"siamese|\btwins?\b|margin.?loss|verification"
TRIPLET = r"triplet|(?<!arc)(?<!arc )face.?net"
DISTANCE = re.compile(r"pairwise_distance|PairwiseDistance|cdist|\bdist(ance)?s?\b|euclid|\.norm\(")
ROLES = ("anchor", "positive", "negative")
SAME = ("same", "label", "labels", "target", "y", "is_same", "similar", "match")


def propose(seen: Seen) -> Proposal | None:
    """Three embeddings, else two or their distance from two like inputs, else one of a class said to learn triplets."""
    return _three(seen) or _two(seen) or _distances(seen) or _one(seen)


def _three(seen: Seen) -> Proposal | None:
    """Anchor, positive, negative: three outputs of one shape, by names, words, or from three like inputs."""
    flat = [each for each in seen.learnt if len(each.sizes) == 2 and each.sizes[1] > 1]
    if len(flat) != 3 or len(seen.learnt) != 3 or len({each.sizes for each in flat}) != 1:
        return None
    names = {word for word in ROLES for each in flat if word[:3] in seen.called(each)}
    names |= {word for word in ROLES for each in seen.inputs if word[:3] in each.name.lower()}
    words = seen.says(TRIPLET)
    if len(names) < 3 and words is None and not _like(seen, 3):
        return None
    evidence = [*(["names say so"] if len(names) == 3 else []), *([words] if words else [])]
    return Proposal(
        score=95 if len(names) == 3 else 90 if words else 72,
        reason=f"three outputs {_shape(flat[0])}, anchor, positive, negative: {', '.join(evidence) or 'by their order'}",
        losses=(LossOption("triplet_margin", LOSSES["triplet_margin"], constants=(MARGIN,)),),
        assumed=len(names) < 3,
        roles=tuple(
            seen.output(role, output, variable=variable)
            for role, variable, output in zip(("prediction", *ROLES[1:]), ROLES, flat, strict=True)
        ),
    )


def _two(seen: Seen) -> Proposal | None:
    """Two embeddings of two like inputs, of a model that is said to be siamese."""
    flat = [each for each in seen.learnt if len(each.sizes) == 2 and each.sizes[1] > 1]
    words = seen.says(SIAMESE)
    if words is None or len(flat) != 2 or len(seen.learnt) != 2 or flat[0].sizes != flat[1].sizes or not _like(seen, 2):
        return None
    target = _same(seen)
    if target is None:
        return None
    return Proposal(
        score=91,
        reason=f"two outputs {_shape(flat[0])} of two like inputs, {words}",
        losses=(LossOption("pair_margin", LOSSES["pair_margin"], (), target.prepare, (MARGIN,)),),
        assumed=True,
        low=target.low,
        high=target.high,
        roles=(seen.output("prediction", flat[0]), seen.output("other", flat[1], variable="other"), target),
    )


def _distances(seen: Seen) -> Proposal | None:
    """One number of two like inputs that is a distance by its name or by how it is made."""
    output = seen.main
    if output is None or len(seen.learnt) != 1 or not _like(seen, 2) or seen.activation == "Sigmoid":
        return None
    one = len(output.sizes) == 1 or (len(output.sizes) == 2 and output.sizes[1] == 1)
    named = DISTANCE.search(seen.called(output).replace("_", " ")) is not None
    made = DISTANCE.search(seen.source) if output.low is not None and output.low >= 0 else None
    if not one or not (named or (made is not None and len(output.sizes) == 1)):
        return None
    target = _same(seen)
    if target is None:
        return None
    words = seen.says(SIAMESE)
    what = "a distance by its name" if named else f"made by {made[0] if made else ''}"
    prepare = ("squeeze:1",) if len(output.sizes) == 2 else ()
    return Proposal(
        score=90 if words else 80,
        reason=f"{said(output)} of two like inputs is {what}" + (f", {words}" if words else ""),
        losses=(LossOption("distance_margin", LOSSES["distance_margin"], prepare, target.prepare, (MARGIN,)),),
        assumed=True,
        low=target.low,
        high=target.high,
        roles=(seen.output("prediction", output), target),
    )


def _one(seen: Seen) -> Proposal | None:
    """One encoder, called for each of the three."""
    output, words = seen.main, seen.says(TRIPLET)
    if output is None or words is None or len(seen.inputs) != 1 or len(seen.learnt) != 1 or len(output.sizes) != 2:
        return None
    if output.sizes[1] < 2 or seen.argument(multi_class.CLASS_ARGUMENTS, output.sizes[1]):
        return None
    others = _others(seen)
    if len(others) != 2:
        return None
    calls = [replace(each, origin="call", output=output.path, prepare=(), variable=each.name) for each in others]
    return Proposal(
        score=92,
        reason=f"{said(output)} is an embedding, {words}: forward is called for anchor, positive and negative",
        losses=(LossOption("triplet_margin", LOSSES["triplet_margin"], constants=(MARGIN,)),),
        assumed=True,
        roles=(seen.output("prediction", output), *calls),
    )


def _others(seen: Seen) -> list[Role]:
    """Positive and negative: parts of the batch of the input's form, by their names, or two in that order."""
    leaf = seen.inputs[0].leaf
    like = assumed_leaf(leaf.dtype, leaf, low=leaf.low, high=leaf.high)
    found = [seen.want(role, like, key=role) for role in ROLES[1:]]
    if not seen.synthesised and len(seen.left) == 2 and all(each.sizes == leaf.sizes for _, each in seen.left):
        found = [Role(role, "batch", path) for role, (path, _) in zip(ROLES[1:], seen.left, strict=True)]
    return [each for each in found if each is not None]


def _like(seen: Seen, count: int) -> bool:
    """Whether there are so many inputs, all of one form."""
    return len(seen.inputs) == count and len({(each.leaf.dtype, each.leaf.sizes) for each in seen.inputs}) == 1


def _same(seen: Seen) -> Role | None:
    leaf = of_samples(seen, "int64", low=0, high=2)
    found = seen.want("target", leaf, key="same", also=SAME, low=0, high=2)
    return found or seen.want("target", of_samples(seen, "float32"), key="same", also=SAME, low=0, high=1)


def _shape(output: OutputFacts) -> str:
    return "[" + ", ".join(map(str, output.dims)) + "]"
