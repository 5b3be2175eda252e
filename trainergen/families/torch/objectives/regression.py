"""Regression: numbers against numbers."""

from __future__ import annotations

import re

from ..facts import OutputFacts
from ..seen import FLOATING, INTEGRAL, Seen, assumed_leaf, said, spelled, without_axis
from . import Fit, LossOption, Pair, Proposal, align, cast, multi_class, shape_text

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
    "mse": lambda functional, prediction, target: functional.mse_loss(prediction, target),
    "l1": lambda functional, prediction, target: functional.l1_loss(prediction, target),
    "smooth_l1": lambda functional, prediction, target: functional.smooth_l1_loss(prediction, target),
    "huber": lambda functional, prediction, target: functional.huber_loss(prediction, target),
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


SAYS_SO = (
    r"(?<!auto)(?<!auto[- ])(?<!logistic)(?<!logistic[- ])(?<!softmax)(?<!softmax[- ])regress|forecast|time.?series|\bpredict(s|ing)? (a |an |the )?(value|number|quantit|energ|price)"
    r"|depth.?(map|estimat|predict)|optical.?flow|super.?resolution|denois|registration|deform|displacement"
    r"|neural.(field|radiance)|implicit.neural"
)
COORDINATES = re.compile(r"coords?|coordinates?|xyz?t?|positions?|lat_?lon\w*|locations?|query_(points|coords)")
MOST_COORDINATES = 6
NAMED = r"(?<!logistic )(?<!softmax )(?<!logit )(?<!auto )\bregress(or|ion)\b|\breg\b(?! net)"
"""In a class's own name as words, ``reg`` too: of maps the registration. ``RegNet`` is a classifier's backbone."""
FORECASTS = r"forecast|time.?series|\bhorizon|\bfuture\b|steps.ahead"
HORIZON = (
    r"(pred(iction)?|forecast(ing)?|out(put)?|tgt|target|future)_?(len(gth)?|steps?|horizon|window|chunk(_length)?|seq_len(gth)?)"
    r"|(forecast_?)?horizon|n_?(ahead|forecasts?)|(n_)?steps_ahead|forecast_size"
)
FEATURES = r"\bembed|encoder\b|\bfeature|\bbackbone|\brepresentation|\bprojector?\b|fingerprint|\bdescriptor"


def propose(seen: Seen) -> Proposal | None:
    """Numbers of the output's shape: what is left where nothing says classes; one column becomes one number a sample."""
    output = seen.main
    if output is None:
        return None
    sizes = output.sizes
    said_so = seen.says(SAYS_SO)
    column = len(sizes) == 2 and sizes[1] == 1
    leaf = without_axis(output, 1, output.dtype) if column else assumed_leaf(output.dtype, output)
    ahead = _ahead(seen, output)
    target = seen.want("target", leaf, key="future" if ahead else "target")
    if target is None:
        return None
    score, why = ahead or _score(seen, output, said_so)
    prediction = ("squeeze:1",) if column else ()
    return Proposal(
        score=score,
        reason=f"{said(output)}: {why}",
        losses=tuple(LossOption(name, reason, prediction) for name, reason in LOSSES.items()),
        metrics=None if len(sizes) <= 2 else ("mae",),
        assumed=True,
        roles=(seen.output("prediction", output), target),
    )


def _ahead(seen: Seen, output: OutputFacts) -> tuple[int, str] | None:
    """How surely the rows are the next steps of a series that goes in, and why; None where nothing says that."""
    sizes = output.sizes
    series = [each for each in seen.inputs if each.leaf.dtype in FLOATING and 2 <= len(each.leaf.sizes) <= 3]
    if not series or not 2 <= len(sizes) <= 3 or sizes[1] < 2:
        return None
    horizon, words = seen.argument(HORIZON, sizes[1]), seen.says(FORECASTS)
    if horizon is None and words is None:
        return None
    steps = f"{horizon} steps after {series[0].name}" if horizon else f"steps after {series[0].name}"
    return (90 if horizon and words else 86 if horizon else 84), steps + (f"; {words}" if words else "")


def _score(seen: Seen, output: OutputFacts, said_so: str | None) -> tuple[int, str]:
    """How surely numbers are meant, and why: a word, one column or row, the input's own form; else a last resort."""
    sizes = output.sizes
    if re.search(NAMED, spelled(seen.name)):
        return 88, f"it is called {seen.name}"
    field = _field(seen, output)
    if field is not None:
        return 76, field
    if said_so:
        return (84 if seen.is_called(SAYS_SO) else 76), said_so
    if seen.activation in ("Sigmoid", "Softmax", "LogSoftmax") or output.sums_to_one or output.log_sums_to_one:
        return 30, "any numbers of its shape"
    if len(sizes) == 1 or (len(sizes) == 2 and sizes[1] == 1):
        return 66, "one number a sample"
    features = seen.says(FEATURES)
    if features:
        return 58, f"features ({features})"
    alike = next((each for each in seen.inputs if each.leaf.sizes == sizes and each.leaf.dtype in FLOATING), None)
    if alike is not None:
        return 58, f"the shape of {alike.name}, and no sign of classes"
    named = seen.argument(r"(dim|d|n|num|size|features)_?(out|output|outputs|targets)|out(put)?_(dim|size|features)")
    if len(sizes) == 2 and named:
        return 56, f"{named} columns, and no sign of classes"
    return 45, "no sign of classes"


def _field(seen: Seen, output: OutputFacts) -> str | None:
    """That the only input is coordinates, of which each row gets numbers of its own: a function of the place."""
    if len(seen.inputs) != 1 or seen.argument(multi_class.CLASS_ARGUMENTS, output.sizes[-1]):
        return None
    part = seen.inputs[0]
    few = len(part.leaf.sizes) >= 2 and part.leaf.sizes[-1] <= MOST_COORDINATES
    placed = few and part.leaf.dtype in FLOATING and COORDINATES.fullmatch(part.name.lower()) is not None
    if not placed or output.sizes[:-1] != part.leaf.sizes[:-1]:
        return None
    return f"values at the places that {part.name} says"


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
        hint="numbers: --loss mse; classes: give the model one output column a class",
    )


def _question(pair: Pair) -> str | None:
    name = str(pair.target[-1]).lower() if pair.target else ""
    if any(word in name.split("_") for word in COUNTED):
        return None
    assert pair.leaf is not None
    return f"{pair.leaf.dtype} targets: classes (the output has one column for all) or numbers?"
