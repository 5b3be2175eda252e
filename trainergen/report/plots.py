"""Which charts a run gets: learning curves of every metric, then what tells of the optimizer, the clock and the memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..runs import mode_by_name
from .curve import Curve
from .evidence import Evidence
from .plot import Drawn, Plot, draw, is_logarithmic
from .wording import plural

MOST_METRICS = 40
"""That get a chart of their own; the table of values has them all."""

_PHASES = ("train", "validation")
_OPTIMIZER = ("gradient_norm",)


@dataclass(frozen=True)
class Plots:
    """The charts of a run, by the part of the page that they stand in; `left_out` metrics have none."""

    learning: tuple[Plot, ...]
    optimizer: tuple[Plot, ...]
    speed: tuple[Plot, ...]
    other: tuple[Plot, ...]
    left_out: int = 0


def plots(seen: Evidence, baseline: Evidence | None = None, resumed: tuple[int, ...] = ()) -> Plots:
    """All charts of a run.

    Args:
        seen: the run.
        baseline: another one, whose curves stand beside in grey.
        resumed: epochs in which another session took it up.
    """
    groups = grouped(seen)
    names = sorted((name for name in groups if name not in _OPTIMIZER), key=lambda name: name != "loss")
    learning = [
        plot
        for index, name in enumerate(names[:MOST_METRICS])
        for plot in _metric(index, name, groups[name], seen, baseline, resumed)
    ]
    return Plots(
        learning=tuple(learning),
        optimizer=_kept([_gradients(groups, seen), _rate(seen)]),
        speed=_kept([_steps(seen), _seconds(seen), _waits(seen), *_memory(seen)]),
        other=_kept(_others(seen)),
        left_out=max(0, len(names) - MOST_METRICS),
    )


def grouped(seen: Evidence) -> dict[str, list[tuple[str, Curve]]]:
    """Metric to (phase, curve) of every phase that has it: ``train.loss``, ``validation.loss`` in ``loss``."""
    phases = dict.fromkeys([*_PHASES, *(path.partition(".")[0] for path in seen.curves if "." in path)])
    found: dict[str, list[tuple[str, Curve]]] = {}
    for phase in phases:
        for path, curve in seen.curves.items():
            head, dot, name = path.partition(".")
            if dot and head == phase and not _is_resource(path):
                found.setdefault(name, []).append((phase, curve))
    return {name: curves for name, curves in found.items() if any(len(curve) for _, curve in curves)}


def _metric(
    index: int,
    name: str,
    curves: list[tuple[str, Curve]],
    seen: Evidence,
    baseline: Evidence | None,
    resumed: tuple[int, ...],
) -> list[Plot]:
    drawn = [Drawn(phase, phase if phase in _PHASES else "other", curve) for phase, curve in curves]
    if baseline is not None:
        other = baseline.curve(f"validation.{name}") or baseline.curve(f"train.{name}")
        drawn += [] if other is None else [Drawn(f"baseline, {other.path.partition('.')[0]}", "baseline", other)]
    marks = [(epoch, "resumed") for epoch in resumed[:8]]
    judged = seen.judged
    if judged is not None and judged.path in {curve.path for _, curve in curves}:
        marks.append((judged.best(lower=seen.lower_is_better)[0], "best"))
    found = [draw(f"metric-{index}", name, drawn, y_label=name, marks=marks)]
    if mode_by_name(name) == "min" and is_logarithmic([each.curve for each in drawn]):
        found.append(draw(f"metric-{index}-log", f"{name}, logarithmic", drawn, y_label=name, log=True, marks=marks))
    return [plot for plot in found if plot is not None]


def _gradients(groups: dict[str, list[tuple[str, Curve]]], seen: Evidence) -> Plot | None:
    curves = groups.get("gradient_norm", [])
    limit = seen.number_setting("gradient_clip_norm")
    caption = (
        f"Mean of each epoch before clipping at {limit:g}." if limit else "Mean of each epoch; nothing is clipped."
    )
    log = is_logarithmic([curve for _, curve in curves], 30)
    return draw(
        "gradient-norm",
        "Gradient norm",
        [Drawn(phase, "train", curve) for phase, curve in curves],
        caption=caption,
        y_label="norm",
        log=log,
        from_zero=not log,
    )


def _rate(seen: Evidence) -> Plot | None:
    curve = seen.curve("learning_rate")
    if curve is None:
        return None
    log = is_logarithmic([curve])
    drawn = [Drawn("learning rate", "other", curve)]
    return draw("learning-rate", "Learning rate", drawn, y_label="rate", log=log, from_zero=not log)


def steps_a_second(seen: Evidence) -> Curve | None:
    """Optimizer steps a second of each epoch, its validation included; epochs after a gap are left out."""
    steps, seconds = seen.curve("step"), seen.curve("seconds")
    if steps is None or seconds is None:
        return None
    found: list[tuple[int, float]] = []
    counts = dict(zip(steps.epochs, steps.values, strict=True))
    for epoch, spent in zip(seconds.epochs, seconds.values, strict=True):
        before = 0.0 if epoch == 1 else counts.get(epoch - 1)
        if before is not None and epoch in counts and spent > 0 and counts[epoch] > before:
            found.append((epoch, (counts[epoch] - before) / spent))
    return Curve("steps_per_second", *zip(*found, strict=True)) if found else None


def _steps(seen: Evidence) -> Plot | None:
    curve = steps_a_second(seen)
    drawn = [] if curve is None else [Drawn("steps a second", "other", curve)]
    caption = "Optimizer steps of an epoch over its seconds, validation included."
    return draw("steps", "Throughput", drawn, caption=caption, y_label="steps a second", from_zero=True)


def _seconds(seen: Evidence) -> Plot | None:
    curve = seen.curve("seconds")
    drawn = [] if curve is None else [Drawn("seconds an epoch", "other", curve)]
    return draw("seconds", "Time of an epoch", drawn, y_label="seconds", from_zero=True)


def _waits(seen: Evidence) -> Plot | None:
    curves = [curve for path, curve in seen.curves.items() if path.endswith("loader_wait_share") and len(curve)]
    caption = "Share of the time in which training waited for the loader."
    drawn = [Drawn("waiting", "other", curve) for curve in curves[:1]]
    return draw("waits", "Waiting for data", drawn, caption=caption, y_label="share", from_zero=True)


def _memory(seen: Evidence) -> list[Plot | None]:
    curves = [curve for path, curve in seen.curves.items() if path.endswith("_bytes") and len(curve)]
    kinds = ("other", "train", "validation")
    drawn = [Drawn(_words(curve.name), kinds[index % 3], curve) for index, curve in enumerate(curves[:6])]
    return [draw("memory", "Memory", drawn, y_label="bytes", from_zero=True)]


def _others(seen: Evidence) -> list[Plot | None]:
    known = ("step", "seconds", "learning_rate", "epoch")
    curves = [
        curve
        for path, curve in seen.curves.items()
        if "." not in path and path not in known and not _is_resource(path) and len(curve)
    ]
    return [
        draw(f"other-{index}", _words(curve.path), [Drawn(_words(curve.path), "other", curve)], y_label=curve.path)
        for index, curve in enumerate(curves[:MOST_METRICS])
    ]


def _is_resource(path: str) -> bool:
    return path.endswith(("_bytes", "loader_wait_share"))


def _words(name: str) -> str:
    return name.removesuffix("_bytes").replace("_", " ")


def _kept(found: Iterable[Plot | None]) -> tuple[Plot, ...]:
    return tuple(plot for plot in found if plot is not None)


def left_out_said(count: int) -> str:
    """That metrics have no chart; empty where all have one."""
    return f"{plural(count, 'metric')} without a chart: see the table of values." if count else ""
