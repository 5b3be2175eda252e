"""Quantile regression: one column for each level, the target above it with that probability's complement."""

from __future__ import annotations

import ast
import re
from typing import Any

from ....planning.plan import Constant
from ..facts import OutputFacts
from ..seen import Seen, said, without_axis
from . import LossOption, Proposal

TASK = "quantile"
LOSSES = {"pinball": "an error costs its level above the quantile, the rest below"}
METRICS = ("interval_coverage", "interval_width", "median_error")
EPOCH_METRICS = ()
DEFAULT_METRICS = ("interval_coverage", "median_error")
METRIC_FUNCTIONS = {name: name for name in METRICS}
LOSSES_ON_PROBABILITIES = ()
SAYS_SO = r"quantile|pinball|prediction.?interval"
ARGUMENTS = r"(output_|pred(iction)?_|num_|n_)?(quantiles?|taus?|levels|quantile_levels|percentiles)"
TARGETS = ("targets", "y", "value", "values", "label", "truth")
WRITTEN = re.compile(
    r"\b(?:quantiles?|taus?|quantile_levels|levels)\s*(?::[^=\n]+)?=\s*([\[(][^\])]*[\])])", re.IGNORECASE
)


def _pinball(functional: Any, *, prediction: Any, target: Any, levels: tuple[float, ...]) -> Any:  # noqa: ARG001
    """Koenker and Bassett 1978, written a level at a time."""
    total = 0
    for column, level in enumerate(levels):
        error = target - prediction[..., column]
        total = total + (error.clamp_min(0) * level + (-error).clamp_min(0) * (1 - level)).mean()
    return total / len(levels)


REFERENCES = {"pinball": _pinball}


def propose(seen: Seen) -> Proposal | None:
    """Several columns of a model that is said to predict quantiles; the levels are its own, else spread evenly."""
    output = seen.main
    words = seen.says(SAYS_SO)
    levels, source = _levels(seen)
    argument = seen.argument(ARGUMENTS)
    if output is None or len(output.sizes) not in (2, 3):
        return None
    if words is None and not (argument and (levels or "quantile" in argument)) and not seen.asks(LOSSES):
        return None
    axis = _axis(output, levels)
    if axis is None:
        return None
    columns = output.sizes[axis]
    if levels is None or len(levels) != columns:
        levels = tuple(round((column + 0.5) / columns, 4) for column in range(columns))
        source = f"levels of {columns} columns, spread evenly (Dabney et al. 2018)"
        assumed = True
    else:
        assumed = False
    target = seen.want("target", without_axis(output, axis, output.dtype), also=TARGETS)
    if target is None:
        return None
    last = len(output.sizes) - 1
    order = [each for each in range(last + 1) if each != axis] + [axis]
    prepare = () if axis == last else ("permute:" + ",".join(map(str, order)),)
    option = LossOption("pinball", LOSSES["pinball"], prepare, target.prepare, (Constant("levels", levels),))
    evidence = words or (f"the constructor takes {argument}" if argument else "you asked for it")
    return Proposal(
        score=93 if not assumed else 88 if words else 70,
        reason=f"{said(output)}: {evidence}; {source}",
        losses=(option,),
        assumed=assumed,
        roles=(seen.output("prediction", output), target),
    )


def _levels(seen: Seen) -> tuple[tuple[float, ...] | None, str]:
    """Levels in (0, 1) that rise, from an argument of the constructor or a list in the source, and where they are."""
    name = seen.argument(ARGUMENTS)
    if name is not None:
        found = _numbers(seen.arguments[name])
        if found is not None:
            return found, f"levels of the argument {name}"
    for each in WRITTEN.finditer(seen.source):
        found = _numbers(each[1])
        if found is not None:
            return found, "levels as its source lists them"
    return None, ""


def _numbers(text: str) -> tuple[float, ...] | None:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    if not isinstance(found, (list, tuple)) or not all(isinstance(each, float) and 0 < each < 1 for each in found):
        return None
    return tuple(found) if len(found) > 1 else None


def _axis(output: OutputFacts, levels: tuple[float, ...] | None) -> int | None:
    """The dimension that counts the levels: the last, or another one of their number; None where there is none."""
    last = len(output.sizes) - 1
    if levels is None:
        return last if output.sizes[last] > 1 else None
    fitting = [axis for axis in range(last, 0, -1) if output.sizes[axis] == len(levels)]
    return fitting[0] if fitting else last if output.sizes[last] > 1 else None
