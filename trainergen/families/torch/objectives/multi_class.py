"""Multi-class: one of C classes a sample (or a pixel, or a token)."""

from __future__ import annotations

import re
from dataclasses import replace

from ....planning.plan import Constant
from ..deep_supervision import GIVEN, deeper
from ..facts import OutputFacts
from ..seen import FLOATING, Seen, said, without_axis
from . import IGNORED_CLASS, Fit, LossOption, Pair, Proposal, cast, shape_text

TASK = "multi-class"
LOSSES = {
    "cross_entropy": "logits against class indices",
    "nll": "log-probabilities against class indices",
    "nll_of_probabilities": "probabilities against class indices: their log first",
}
METRICS = ("accuracy", "top_k_accuracy", "dice", "iou")
EPOCH_METRICS = ("f1", "precision", "recall")
DEFAULT_METRICS = ("accuracy", "f1")
METRIC_FUNCTIONS = {
    "accuracy": "accuracy",
    "top_k_accuracy": "top_k_accuracy",
    "dice": "mean_dice",
    "iou": "mean_iou",
    "f1": "macro_f1",
    "precision": "macro_precision",
    "recall": "macro_recall",
}
LOSSES_ON_PROBABILITIES = ()
REFERENCES = {
    "cross_entropy": lambda functional, prediction, target, padding=IGNORED_CLASS: functional.cross_entropy(
        prediction, target, ignore_index=padding
    ),
    "nll": lambda functional, prediction, target, padding=IGNORED_CLASS: functional.nll_loss(
        prediction, target, ignore_index=padding
    ),
    "nll_of_probabilities": lambda functional, prediction, target, padding=IGNORED_CLASS: functional.nll_loss(
        prediction.clamp_min(SMALLEST_PROBABILITY).log(), target, ignore_index=padding
    ),
}
SMALLEST_PROBABILITY = 1e-12
"""Below it a probability counts as this one: its log stays finite."""


CLASS_ARGUMENTS = (
    r"(num|n|nb|no|number_of|num_of)_?(class(es)?|labels?|categories|tags|intents|outputs?_classes)"
    r"|(class|cls|label)(es|s)?_?(num|count|nums|number)?"
)
SAYS_SO = (
    r"classif|(?<!base )(?<!parent )(?<!child )(?<!derived )\bclasses\b(?! (that|which|in (this|the|our))\b)"
    r"|\b(num\w*|each|per|target|output|one|its|\d+)[- ]class\b|\bclass (of|for) (each|every)\b"
    r"|\bclass[- ](labels?|scores?|logits?|prob\w+|ind\w+|tokens?|numbers?)|\blogits?\b|categor|recogni[sz]"
    r"|image.?net|cifar|mnist|\btagger|\btagging|\bner\b|part.of.speech"
)
"""Words for classes; ``this class``, ``subclasses`` and ``the classes in this module`` are the language's."""
MAPS = r"seg(ment|mentation)?\b|segment|parsing|parcell|\bmasks?\b|panoptic|\blesions?\b"
MAP_NETWORKS = r"u[- ]?net|\bfcn\b"
"""Networks that are mostly met in segmentation, and in denoising, registration and depth as well: no word for a task."""
DOCUMENTED = r"\bclass(es)?\b|classif|categor|\blabels?\b|segment"
"""What the documentation of an argument says that counts classes."""
HEAD = r"(^|\.)(classifier|cls|fc\d*|head|heads|logits?|to_logits|mlp_head|classification_head|out|output)(\.|$)"


def propose(seen: Seen) -> Proposal | None:
    """Scores over classes: second in maps [B, C, H, W], else last; the signs are arguments, words, activations, names."""
    output = seen.main
    if output is None or len(output.sizes) < 2 or (seen.activation == "Sigmoid" and not output.sums_to_one):
        return None
    sizes = output.sizes
    axis = 1 if len(sizes) != 3 or _follows(seen, sizes[2:], 1) else 2
    if sizes[axis] < 2:
        return None
    score, why = _signs(seen, output, axis)
    target = seen.want("target", without_axis(output, axis, "int64", sizes[axis]), key=_key(len(sizes), axis))
    if target is None or score == 0:
        return None
    prediction = () if axis == 1 else (_class_first(len(sizes)),)
    what = {(2, 1): "", (3, 2): ", one a token"}.get((len(sizes), axis), ", one a place")
    losses = _losses(output, seen.activation, prediction, ())
    others, heads = deeper(seen, output, TASK, losses[0].name, prediction)
    again = f" in each of {len(others) + 1} maps" if others else ""
    return Proposal(
        score=GIVEN if heads and not seen.synthesised else score,
        reason=f"{said(output)} are scores of {sizes[axis]} classes{again or what}: {why}",
        losses=losses[:1] if heads else losses,
        classes=sizes[axis],
        metrics=_metrics(sizes),
        assumed=True,
        low=0,
        high=sizes[axis],
        roles=(seen.output("prediction", output), target, *others),
        heads=heads,
    )


def _metrics(sizes: tuple[int, ...]) -> tuple[str, ...] | None:
    """Of tokens the share that is right, of maps also how far regions cover each other; else the task's own."""
    return {2: None, 3: ("accuracy",)}.get(len(sizes), ("accuracy", "iou"))


def _key(rank: int, axis: int) -> str:
    """What a loader is likely to call the target: ``label``, ``mask`` of a map, ``labels`` of tokens."""
    return "label" if rank == 2 else "mask" if axis == 1 and rank > 3 else "labels"


def _follows(seen: Seen, places: tuple[int, ...], least: int) -> bool:
    """Whether an input ends in these dimensions after at least `least` others beside the batch's (channels)."""
    return any(
        len(each.leaf.sizes) >= len(places) + 1 + least and each.leaf.sizes[-len(places) :] == places
        for each in seen.inputs
    )


def _signs(seen: Seen, output: OutputFacts, axis: int) -> tuple[int, str]:
    """How surely classes are meant, and why; 0 where they can't be."""
    sizes, classes = output.sizes, output.sizes[axis]
    if output.sums_to_one or output.log_sums_to_one:
        return 88, "they sum to one" if output.sums_to_one else "they are log-probabilities"
    argument = seen.argument(CLASS_ARGUMENTS, classes)
    words = seen.says(SAYS_SO if len(sizes) <= 3 else f"{SAYS_SO}|{MAPS}")
    if argument is not None:
        return (90 if words else 86), f"the constructor takes {argument}" + (f", {words}" if words else "")
    if words is not None:
        return (82 if seen.is_called(f"{SAYS_SO}|{MAPS}") else 78), words
    documented = seen.documented(output, axis, DOCUMENTED)
    if documented is not None:
        return 80, documented
    if len(sizes) >= 4:
        network = seen.says(MAP_NETWORKS)
        return (74, network) if network else _of_map(seen, sizes)
    if len(sizes) == 3:
        return _of_sequence(seen, sizes, axis)
    nodes = next((each.leaf.sizes[0] for each in seen.inputs if each.leaf.dtype in FLOATING and each.leaf.sizes), None)
    if nodes == sizes[0] and any(each.name in ("edge_index", "adj", "adjacency", "adj_t") for each in seen.inputs):
        return 72, "one row a node of a graph"
    return _by_head(seen, classes)


def _of_map(seen: Seen, sizes: tuple[int, ...]) -> tuple[int, str]:
    """A map of the input's extent with other channels than the input's."""
    maps = [each for each in seen.inputs if each.leaf.sizes[2:] == sizes[2:] and len(each.leaf.sizes) == len(sizes)]
    if not maps:
        return 40, "channels of a map"
    if any(each.leaf.sizes[1] == sizes[1] for each in maps):
        return 50, f"a map of the extent of {maps[0].name}"
    return 70, f"a map of the extent of {maps[0].name} with channels of its own"


def _of_sequence(seen: Seen, sizes: tuple[int, ...], axis: int) -> tuple[int, str]:
    """One row a token: the vocabulary itself is for other tasks, the embedding's width is a feature."""
    tokens = seen.tokens
    if tokens is None or tokens.leaf.sizes[1] != sizes[3 - axis]:
        return 42, "one row a place"
    if any(sizes[axis] == rows for rows, _ in seen.tables):
        return 52, "as many as the vocabulary has"
    if any(sizes[axis] == width for _, width in seen.tables):
        return 44, "one row a token"
    return 72, f"one row a token of {tokens.name}"


def _by_head(seen: Seen, classes: int) -> tuple[int, str]:
    """The layer of that many rows that comes last, by its name."""
    last = next((name for name, shape in reversed(seen.parameters) if shape[:1] == (classes,)), None)
    if last is not None and re.search(HEAD, last.rpartition(".")[0]):
        return 64, f"{last.rpartition('.')[0]} is a head by its name"
    return 54, "several columns"


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
        losses=_ignoring(_losses(pair.output, pair.activation, prediction, target), low),
        classes=classes,
        problem=problem,
        metrics=("accuracy",) if low == IGNORED_CLASS else _metrics(output.sizes),
        low=IGNORED_CLASS if low == IGNORED_CLASS else 0,
        high=classes - 1 if leaf.dtype in FLOATING else classes,
    )


def _ignoring(options: tuple[LossOption, ...], low: int | None) -> tuple[LossOption, ...]:
    """The losses as they are where targets say of some places that they don't count: metrics leave those out too."""
    if low != IGNORED_CLASS:
        return options
    return tuple(replace(each, constants=(Constant("padding", IGNORED_CLASS),)) for each in options)


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


def _losses(
    output: OutputFacts, activation: str | None, prediction: tuple[str, ...], target: tuple[str, ...]
) -> tuple[LossOption, ...]:
    """What the output is says which loss adds what is missing, and no more: no softmax upon a softmax."""
    logits = LossOption("cross_entropy", LOSSES["cross_entropy"], prediction, target)
    maps = len(output.sizes) > 2  # there the sum over the classes was not measured: it is taken over the last dimension
    if output.log_sums_to_one or (maps and activation == "LogSoftmax"):
        return LossOption("nll", "the output is log-probabilities already", prediction, target), logits
    if output.sums_to_one or (maps and activation == "Softmax"):
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
