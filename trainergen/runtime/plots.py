"""One PNG a metric from a run's history; matplotlib is imported here alone, and only when something is drawn."""

from __future__ import annotations

import functools
import importlib.util
import logging
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger("trainergen")

ROLLING = 5
"""Epochs that the rolling mean is taken over."""


def plot_all(history: Sequence[Mapping[str, Any]], directory: Path) -> list[Path]:
    """A plot for every metric in `history`; without matplotlib none, and one warning a process."""
    if importlib.util.find_spec("matplotlib") is None:
        _warn_once("no plots: matplotlib is not installed (pip install matplotlib)")
        return []
    return [plot_metric(history, name, directory / f"{_file_name(name)}.png") for name in metric_names(history)]


def metric_names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The metrics of training and validation, in order of appearance, and the learning rate."""
    names: dict[str, None] = {}
    for record in history:
        for phase in ("train", "validation"):
            names.update(dict.fromkeys(record.get(phase) or ()))
    return [*names, "learning_rate"]


def series(history: Sequence[Mapping[str, Any]], metric: str) -> dict[str, tuple[list[int], list[float]]]:
    """The curves of `metric`: label to (epochs, values); epochs in which it was not measured are left out.

    `metric` is a name (``loss``: training and validation), a dotted path (``validation.loss``), or ``learning_rate``.

    Raises:
        KeyError: no record has it.
    """
    sources: dict[str, tuple[str, ...]]
    if metric == "learning_rate":
        sources = {"learning rate": ("learning_rate",)}
    elif metric.partition(".")[0] in ("train", "validation") and "." in metric:
        phase, _, name = metric.partition(".")
        sources = {phase: (phase, name)}
    else:
        sources = {phase: (phase, metric) for phase in ("train", "validation")}
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for label, path in sources.items():
        points = [(record["epoch"], _value(record, path)) for record in history]
        found = [(epoch, value) for epoch, value in points if value is not None]
        if found:
            curves[label] = ([epoch for epoch, _ in found], [value for _, value in found])
    if not curves:
        raise KeyError(f"no record has the metric {metric!r}; there are: {', '.join(metric_names(history))}")
    return curves


def rolling_mean(values: Sequence[float], window: int = ROLLING) -> list[float]:
    """The mean of each value and the up to ``window - 1`` before it; NaN values are left out, all NaN gives NaN."""
    means = []
    for end in range(1, len(values) + 1):
        known = [value for value in values[max(0, end - window) : end] if not math.isnan(value)]
        means.append(math.fsum(known) / len(known) if known else math.nan)
    return means


def draw_metric(history: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """`metric` over the epochs, linear and logarithmic, each curve with its rolling mean (Agg: no display needed).

    On the logarithmic side values that are not above zero are left out.

    Raises:
        KeyError: no record has the metric.
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    curves = series(history, metric)
    figure = Figure(figsize=(11, 4))
    FigureCanvasAgg(figure)
    for left, scale in ((0.07, "linear"), (0.57, "log")):
        axes = figure.add_axes((left, 0.13, 0.41, 0.78))  # fixed: automatic layout doubles the time
        for number, (label, (epochs, values)) in enumerate(curves.items()):
            color = f"C{number}"
            axes.plot(epochs, values, marker="o", markersize=3, alpha=0.5, color=color, label=label)
            axes.plot(epochs, rolling_mean(values), color=color, label=f"{label}, mean of {ROLLING}")
        if scale == "log":
            axes.set_yscale("log", nonpositive="mask")
        axes.set(xlabel="epoch", ylabel=metric, title=f"{metric} ({scale})")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def plot_metric(history: Sequence[Mapping[str, Any]], metric: str, output_path: Path, *, show: bool = False) -> Path:
    """Draw `metric` as `draw_metric` does into `output_path` (PNG), and show it where asked.

    Raises:
        KeyError: no record has the metric.
        ImportError: matplotlib is not installed.
    """
    figure = draw_metric(history, metric)
    output_path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output_path, dpi=100, format="png")
    if show:
        from matplotlib import pyplot

        pyplot.figure(figsize=(11, 4))
        pyplot.imshow(pyplot.imread(output_path))
        pyplot.axis("off")
        pyplot.show()
    return output_path


def default_plot_path(run_file: Path, metric: str) -> Path:
    """``plots/<metric>.png`` in the run's folder."""
    folder = run_file if run_file.is_dir() else run_file.parent
    return folder / "plots" / f"{_file_name(metric)}.png"


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def _file_name(metric: str) -> str:
    return re.sub(r"[^\w.-]+", "_", metric)


def _value(record: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    value: Any = record
    for part in path:
        if value is None:
            return None
        value = value.get(part)
    return None if value is None else float(value)
