"""Contrastive learning: embeddings of what belongs together lie nearer to each other than to all else in the batch."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ....planning.plan import Constant
from ..facts import OutputFacts
from ..seen import FLOATING, Role, Seen, assumed_leaf, of_samples, said, spelled
from . import LossOption, Proposal, multi_class

TASK = "contrastive"
LOSSES = {
    "clip": "similarities of each with each: the own one in its row and in its column",
    "clip_of_scale": "two embeddings, and what their similarities are multiplied by",
    "clip_of_log_scale": "two embeddings, and the logarithm of what their similarities are multiplied by",
    "info_nce": "two embeddings: each finds its own among the others of the batch",
    "nt_xent": "one encoder, two views of each sample that find each other",
    "supervised_contrastive": "one embedding and labels: each finds the others of its class",
}
METRICS = ("retrieval_recall",)
EPOCH_METRICS = ()
DEFAULT_METRICS = METRICS
METRIC_FUNCTIONS = {"retrieval_recall": "retrieval_recall"}
LOSSES_ON_PROBABILITIES = ()
TEMPERATURE = Constant(
    "temperature",
    0.07,
    "temperature",
    "what similarities are divided by: the smaller, the more the nearest others count",
)
"""The default of Wu et al. 2018, which CLIP and Khosla et al. begin at too."""


def _rows(functional: Any, first: Any, second: Any) -> Any:
    """Cosines of every row of the one with every row of the other.

    What is divided by a temperature of 0.07 and compared is a difference of large numbers: where a loss is small, other
    operations round to other values than the proof allows. So the references take torch's own, in the order of a paper.
    """
    return functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T


def _own(functional: Any, logits: Any) -> Any:
    """The mean over the rows of minus the log of the diagonal's share."""
    return functional.nll_loss(functional.log_softmax(logits, dim=1), _numbers(logits))


def _numbers(rows: Any) -> Any:
    """0, 1, 2, ... as many as there are rows."""
    return rows.new_ones(len(rows)).long().cumsum(0) - 1


def _both(functional: Any, prediction: Any) -> Any:
    return (_own(functional, prediction) + _own(functional, prediction.T)) / 2


def _nt_xent(functional: Any, *, prediction: Any, other: Any, temperature: float) -> Any:
    """Chen et al. 2020, equation 1: the rows of both views, each without itself, against the other view's row."""
    size = len(prediction)
    views = functional.pad(prediction, (0, 0, 0, size)) + functional.pad(other, (0, 0, size, 0))  # one below the other
    logits = _rows(functional, views, views) / temperature
    itself = logits.new_ones(len(logits)).diag().bool()
    pairs = _numbers(logits).roll(size)
    return functional.nll_loss(functional.log_softmax(logits.masked_fill(itself, float("-inf")), dim=1), pairs)


def _supervised(functional: Any, *, prediction: Any, target: Any, temperature: float) -> Any:
    """Khosla et al. 2020, equation 2, a sample at a time."""
    logits = _rows(functional, prediction, prediction) / temperature
    itself = logits.new_ones(len(logits)).diag().bool()
    rows = functional.log_softmax(logits.masked_fill(itself, float("-inf")), dim=1)
    terms = []
    for number, row in enumerate(rows):
        own = (target == target[number]) & ~itself[number]
        if bool(own.any()):
            terms.append(-row[own].mean())
    return sum(terms) / len(terms) if terms else (prediction * 0).sum()


REFERENCES = {
    "clip": _both,
    "clip_of_scale": lambda functional, prediction, other, scale: _both(
        functional, scale * _rows(functional, prediction, other)
    ),
    "clip_of_log_scale": lambda functional, prediction, other, scale: _both(
        functional, scale.exp() * _rows(functional, prediction, other)
    ),
    "info_nce": lambda functional, prediction, other, temperature: _own(
        functional, _rows(functional, prediction, other) / temperature
    ),
    "nt_xent": _nt_xent,
    "supervised_contrastive": _supervised,
}
PAIRED = (
    r"\bclip\b|contrastive|\bsiglip\b|two.?tower|dual.?(encoder|tower)|bi.?encoder|\bretriev|info.?nce|sim.?clr|\bmoco\b"
    r"|cross.?modal|image.?text|self.?supervis|\bbyol\b|sim.?siam"
)
SIAMESE = r"siamese|\btwins?\b"
ALONE = r"contrastive|sim.?clr|\bmoco\b|sup.?con\b|self.?supervis|\bmetric.?learning|representation.?learning"
EMBEDS = (
    r"(face|speaker|person|fingerprint|palm).?(verification|embedding|re.?id)|re.?identification|\bre.?id\b"
    r"|arc.?face|cos.?face|image.?retrieval|sentence.?embedding|sentence.?transformer"
)
TWO_VIEWS = r"sim.?clr|\bmoco\b|self.?supervis|\bviews?\b|augment|unsupervis"
EMBEDDER = re.compile(r"\bembed(ding|dings|der|s)?\b|(?<!auto )(?<!auto)\bencoder\b|\bprojection\b|\bprojector\b")
SIMILARITIES = re.compile(r"logits?_per|simil|^sims?$|score_matrix")
ACROSS = re.compile(r"\.t\(\)|\.m?T\b|transpose\(|einsum\(|cosine_similarity\(|cdist\(")
EMBEDDING = re.compile(
    r"embed|(^|_)embs?(_|$)|feat|proj|^[zhqkuv]_?\d?$|query|queries|(^|_)keys?(_|$)|anchor|positive|(^|_)vecs?(_|$)|repr|code"
)
SCALE = re.compile(r"scale|temperature|(^|_)tau(_|$)")
NODES = ("edge_index", "adj", "adjacency", "adj_t")


def propose(seen: Seen) -> Proposal | None:
    """Similarities of each with each, else two embeddings, else one of a class that is said to embed."""
    return _similarities(seen) or _pair(seen) or _alone(seen)


def _similarities(seen: Seen) -> Proposal | None:
    """``[batch, batch]``: by a name, or of a model that is said to compare."""
    square = [each for each in seen.learnt if len(each.sizes) == 2 and each.sizes == (seen.samples, seen.samples)]
    named = [each for each in square if SIMILARITIES.search(seen.called(each))]
    words = seen.says(PAIRED)
    compared = len(seen.inputs) > 1 or ACROSS.search(seen.source) is not None  # else as wide as the batch is long
    compared = compared and not (seen.argument(multi_class.CLASS_ARGUMENTS, seen.samples) or seen.says(r"classif"))
    if seen.samples < 2 or not square or not (named or (words and compared and len(seen.learnt) == 1)):
        return None
    output = (named or square)[0]
    called = seen.called(output)
    evidence = [f"forward calls it {called}"] if named else []
    return Proposal(
        score=95 if named and words else 91,
        reason=f"{called or 'output'} [batch, batch], each sample with each: {', '.join([*evidence, *([words] if words else [])])}",
        losses=(LossOption("clip", LOSSES["clip"]),),
        assumed=not (named and words),
        roles=(seen.output("prediction", output),),
    )


def _pair(seen: Seen) -> Proposal | None:
    """Two embeddings of one shape, of a model that is said to compare or that calls them so."""
    flat = [each for each in seen.learnt if len(each.sizes) == 2 and each.sizes[1] > 1]
    named = [each for each in flat if EMBEDDING.search(seen.called(each))]
    two = flat if len(flat) == 2 and len(seen.learnt) == 2 else named
    words = seen.says(PAIRED)
    learnt = next((name for name, shape in seen.parameters if shape == () and SCALE.search(name.lower())), None)
    if len(two) != 2 or two[0].sizes != two[1].sizes or not (words or learnt or len(named) == 2):
        return None
    if any(each.sums_to_one or each.log_sums_to_one for each in two):
        return None
    numbers = [each for each in seen.outputs if each.sizes == ()]
    scale = next((each for each in numbers if SCALE.search(seen.called(each))), None)
    if scale is None and learnt and len(numbers) == 1:
        scale = numbers[0]
    roles: tuple[Role, ...] = (seen.output("prediction", two[0]), seen.output("other", two[1], variable="other"))
    if scale is None or scale.dtype not in FLOATING:
        losses: tuple[LossOption, ...] = (LossOption("info_nce", LOSSES["info_nce"], constants=(TEMPERATURE,)),)
    else:
        roles = (*roles, seen.output("scale", scale, variable="scale"))
        names = ("clip_of_scale", "clip_of_log_scale")
        said_so = re.search(r"\.exp\(|\bexp\(", seen.source) is not None
        losses = tuple(LossOption(name, LOSSES[name]) for name in (names if said_so else names[::-1]))
    siamese = 8 if seen.says(SIAMESE) and not learnt else 0
    evidence = [*(["names say embeddings"] if len(named) == 2 else []), *([words] if words else [])]
    evidence += [f"{learnt} is learnt"] if learnt else []
    shape = "[" + ", ".join(map(str, two[0].dims)) + "]"
    return Proposal(
        score=(92 if len(evidence) >= 2 else 88 if words else 80) - siamese,
        reason=f"two outputs {shape}: {', '.join(evidence)}",
        losses=losses,
        assumed=len(evidence) < 2 or bool(siamese),
        roles=roles,
    )


def _alone(seen: Seen) -> Proposal | None:
    """One embedding a sample: with labels, or, where words say so, against a second view of the same sample."""
    output = seen.main
    if output is None or len(seen.learnt) != 1 or len(output.sizes) != 2 or output.sizes[1] < 2:
        return None
    if output.sums_to_one or output.log_sums_to_one or seen.activation in ("Sigmoid", "Softmax", "LogSoftmax"):
        return None
    if seen.argument(multi_class.CLASS_ARGUMENTS, output.sizes[1]) or any(each.name in NODES for each in seen.inputs):
        return None
    words = seen.says(ALONE)
    if words is None and (not seen.synthesised or seen.says(multi_class.SAYS_SO)):
        return None
    reason = words or seen.says(EMBEDS)
    # Of a batch that the user gave, class numbers read a pair as well, with a bonus of 8 for the target's name.
    score = 99 if words and not seen.synthesised else 88 if words else 82
    if reason is None:
        reason, score = _embeds(seen, output), 67
    if reason is None:
        return None
    if words and seen.says(TWO_VIEWS) and len(seen.inputs) == 1:
        return _of_views(seen, output, score, reason)
    labels = of_samples(seen, "int64", low=0, high=2)
    target = seen.want("target", labels, key="label", also=("labels", "target", "targets", "y", "class"))
    if target is None:
        return None
    option = LossOption("supervised_contrastive", LOSSES["supervised_contrastive"], (), target.prepare, (TEMPERATURE,))
    return Proposal(
        score=score,
        reason=f"{said(output)} is an embedding ({reason}): near to those of the same label",
        losses=(option,),
        assumed=True,
        roles=(seen.output("prediction", output), target),
    )


def _of_views(seen: Seen, output: OutputFacts, score: int, words: str) -> Proposal | None:
    part = seen.inputs[0]
    leaf = part.leaf
    view = seen.want(
        "other", assumed_leaf(leaf.dtype, leaf, low=leaf.low, high=leaf.high), key="view", also=("view_2",)
    )
    if view is None:
        return None
    return Proposal(
        score=score,
        reason=f"{said(output)} is an embedding ({words}): two views of a sample",
        losses=(LossOption("nt_xent", LOSSES["nt_xent"], constants=(TEMPERATURE,)),),
        assumed=True,
        roles=(
            seen.output("prediction", output),
            replace(view, origin="call", output=output.path, prepare=(), variable="other"),
        ),
    )


def _embeds(seen: Seen, output: OutputFacts) -> str | None:
    """By the class's name or the output's: it embeds. Words elsewhere are too weak a sign."""
    if EMBEDDER.search(spelled(seen.name)):
        return f"it is called {seen.name}"
    name = seen.called(output)
    return f"forward calls it {name}" if name and EMBEDDING.search(name) else None
