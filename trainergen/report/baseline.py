"""A run beside another one: settings and circumstances that differ, each metric at its best epoch, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..comparing import compare
from ..runs import Run, mode_by_name
from .evidence import finite, sound
from .sections import shown
from .wording import number, share


@dataclass(frozen=True)
class Difference:
    """One metric in both.

    Attributes:
        better: True, False; None where it is equal or unknown.
    """

    name: str
    baseline: str
    value: str
    difference: str
    better: bool | None


@dataclass(frozen=True)
class Comparison:
    """This run against a baseline.

    Attributes:
        verdict: a sentence.
        better: whether this run is; None where that can't be said.
        settings, circumstances: (name, baseline, this run) that differ.
    """

    name: str
    trainer: str
    verdict: str
    better: bool | None
    metrics: tuple[Difference, ...]
    settings: tuple[tuple[str, str, str], ...]
    circumstances: tuple[tuple[str, str, str], ...]


def compared(run: Run, baseline: Run) -> Comparison:
    """`run` (sound) against `baseline`."""
    baseline = sound(baseline)
    found = compare(baseline, run)
    better = {"a": False, "b": True}.get(str(found["better"]))
    return Comparison(
        name=baseline.name,
        trainer=baseline.trainer,
        verdict=_verdict(run, baseline, better),
        better=better,
        metrics=tuple(_difference(run, each) for each in found["metrics"] if each["name"] not in ("step", "epoch")),
        settings=_pairs(found["settings"]),
        circumstances=_pairs(found["circumstances"]),
    )


def _verdict(run: Run, baseline: Run, better: bool | None) -> str:
    if run.monitor != baseline.monitor:
        return f"They were judged by different values ({run.monitor}, {baseline.monitor}): neither is the better one."
    mine, other = run.best(run.monitor), baseline.best(baseline.monitor)
    if mine is None or other is None:
        return f"{run.monitor} was not measured in {'this run' if mine is None else 'the baseline'}."
    if better is None:
        return f"Both reach {run.monitor} {number(mine[1])}."
    change = abs(mine[1] - other[1])
    relative = f" ({share(change / abs(other[1]))})" if other[1] else ""
    word = "better" if better else "worse"
    return (
        f"{run.monitor} is {number(mine[1])} at its best, {number(other[1])} in the baseline: {word} by"
        f" {number(change)}{relative}. One run each: with other seeds it may be the other way round."
    )


def _difference(run: Run, each: dict[str, Any]) -> Difference:
    change, name = finite(each["difference"]), each["name"]
    judged = name.partition(".")[0] in ("train", "validation") and not name.endswith("gradient_norm")
    mode = run.mode_of(name) if name == run.monitor else mode_by_name(name)
    better = None if not change or not judged else (change < 0) == (mode == "min")
    text = "-" if change is None else f"{'+' if change > 0 else ''}{number(change)}"
    return Difference(shown(name), number(finite(each["a"])), number(finite(each["b"])), text, better)


def _pairs(found: list[dict[str, Any]]) -> tuple[tuple[str, str, str], ...]:
    """Those that differ to the reader too: a setting that a run does not know is none to it."""
    pairs = [(shown(each["name"]), shown(each["a"]), shown(each["b"])) for each in found[:200]]
    return tuple(pair for pair in pairs if pair[1] != pair[2])
