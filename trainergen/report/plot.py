"""Curves as geometry for the page: positions, ticks, segments, the table behind them. The template draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..rendering.charts import Scale, Tick
from .curve import Curve
from .wording import duration, number, share, size

WIDTH, HEIGHT = 600.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 16.0, 16.0, 38.0
MOST_POINTS = 240
"""Of a line; more can't be told apart on this width."""
MOST_ROWS = 60
"""Of the table behind a chart."""
MOST_DOTS = 40
"""A line of at most so many points shows each."""
_BEYOND = 1e300
"""Where an axis ends: what lies further is drawn at its edge, so that no difference of two values overflows."""
LOG_FROM = 10.0
"""Highest over lowest from which a logarithmic axis shows more."""


@dataclass(frozen=True)
class Line:
    """One curve, placed.

    Attributes:
        label: what the legend says.
        kind: its colour: ``train``, ``validation``, ``baseline``, ``other``.
        path: of the SVG, broken where the curve has holes.
        dots: points to be drawn as such.
        points: (x, y, epoch, value) of each, for the reading under the pointer.
    """

    label: str
    kind: str
    path: str
    dots: tuple[tuple[float, float], ...]
    points: tuple[tuple[float, float, int, str], ...]


@dataclass(frozen=True)
class Mark:
    """A vertical line at an epoch, with its label."""

    x: float
    label: str
    flipped: bool


@dataclass(frozen=True)
class Plot:
    """One chart.

    Attributes:
        name: unique on the page; identifies its title and description.
        caption: beside the title, what is to be known.
        description: what a reader sees in it, in words.
        thinned: whether points were left out.
        head, rows: the table behind it.
    """

    name: str
    title: str
    caption: str
    description: str
    y_label: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    holes: tuple[float, ...]
    thinned: bool
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Drawn:
    """A curve to draw: what it is called and its colour."""

    label: str
    kind: str
    curve: Curve


def draw(
    name: str,
    title: str,
    drawn: Sequence[Drawn],
    *,
    caption: str = "",
    y_label: str = "",
    log: bool = False,
    from_zero: bool = False,
    marks: Sequence[tuple[int, str]] = (),
) -> Plot | None:
    """A chart of `drawn`; None where no curve has a value, or for a logarithmic one none above 0.

    Args:
        name: unique on the page.
        title: its heading.
        drawn: the curves.
        caption: a sentence beside the title.
        y_label: of the axis, with its unit.
        log: logarithmic, values that are not above 0 left out.
        from_zero: the axis begins at 0 where all values are above.
        marks: epochs to be marked, with a word.
    """
    kept = [each for each in drawn if _usable(each.curve, log)]
    if not kept:
        return None
    epochs = [epoch for each in kept for epoch in each.curve.epochs]
    holes = sorted({epoch for each in kept if each.kind != "baseline" for epoch in each.curve.holes})
    values = [value for each in kept for value in each.curve.values if value > 0 or not log]
    x = Scale(float(min(epochs + holes)), float(max(epochs + holes)), LEFT, WIDTH - RIGHT)
    y = _vertical(values, log=log, from_zero=from_zero)
    thin = [_placed(each, x, y, log=log) for each in kept]
    head, rows = table(kept)
    return Plot(
        name=name,
        title=title,
        caption=caption,
        description=" ".join(describe(each) for each in kept),
        y_label=f"{y_label}, log scale" if log else y_label,
        lines=tuple(thin),
        x_ticks=_epoch_ticks(x),
        y_ticks=_value_ticks(y, y_label),
        marks=tuple(
            Mark(x(epoch), label, x(epoch) > WIDTH * 0.6) for epoch, label in marks if x.low <= epoch <= x.high
        ),
        holes=tuple(x(epoch) for epoch in holes[:MOST_POINTS]),
        thinned=any(len(each.curve) > MOST_POINTS for each in kept),
        head=head,
        rows=rows,
    )


def is_logarithmic(curves: Sequence[Curve], ratio: float = LOG_FROM) -> bool:
    """Whether a logarithmic axis shows more: all values above 0, the highest so many times the lowest."""
    values = [value for curve in curves for value in curve.values]
    return bool(values) and min(values) > 0 and max(values) / min(values) >= ratio


def describe(drawn: Drawn) -> str:
    """The curve in a sentence, for those who do not see it."""
    curve = drawn.curve
    if len(curve) == 1:
        said = f"{drawn.label}: {number(curve.first)} in epoch {curve.epochs[0]}"
    else:
        low, high = curve.best(), curve.best(lower=False)
        said = (
            f"{drawn.label}: {number(curve.first)} in epoch {curve.epochs[0]}, {number(curve.last)} in epoch"
            f" {curve.epochs[-1]}; lowest {number(low[1])} in epoch {low[0]}, highest {number(high[1])} in epoch {high[0]}"
        )
    return f"{said}{f'; not finite in {len(curve.holes)} epochs' if curve.holes else ''}."


def table(drawn: Sequence[Drawn]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Head and rows: the values of every epoch, thinned evenly, the first and the last kept."""
    epochs = sorted({epoch for each in drawn for epoch in (*each.curve.epochs, *each.curve.holes)})
    if len(epochs) > MOST_ROWS:
        epochs = [epochs[round(index * (len(epochs) - 1) / (MOST_ROWS - 1))] for index in range(MOST_ROWS)]
    columns = [_column(each.curve, set(epochs)) for each in drawn]
    rows = tuple((str(epoch), *(column.get(epoch, "-") for column in columns)) for epoch in epochs)
    return ("epoch", *(each.label for each in drawn)), rows


def _column(curve: Curve, epochs: set[int]) -> dict[int, str]:
    known = {e: number(v) for e, v in zip(curve.epochs, curve.values, strict=True) if e in epochs}
    return known | {epoch: "not finite" for epoch in curve.holes if epoch in epochs}


def _usable(curve: Curve, log: bool) -> bool:
    return any(value > 0 for value in curve.values) if log else len(curve) > 0


def _placed(drawn: Drawn, x: Scale, y: Scale, *, log: bool) -> Line:
    thin = drawn.curve.thinned(MOST_POINTS)
    breaks = set(drawn.curve.holes)
    points: list[tuple[float, float, int, str]] = []
    path, dots, run, before = [], [], 0, None
    for epoch, value in zip(thin.epochs, thin.values, strict=True):
        if log and value <= 0:
            run = 0
            continue
        if before is not None and breaks and any(before < hole < epoch for hole in breaks):
            run = 0
        at = (x(epoch), y(value))
        path.append(f"{'L' if run else 'M'}{at[0]:g},{at[1]:g}")
        run, before = run + 1, epoch
        points.append((*at, epoch, number(value)))
    if len(points) <= MOST_DOTS:
        dots = [(at_x, at_y) for at_x, at_y, _, _ in points]
    return Line(drawn.label, drawn.kind, "".join(path), tuple(dots), tuple(points))


def _vertical(values: Sequence[float], *, log: bool, from_zero: bool) -> Scale:
    low, high = (max(-_BEYOND, min(_BEYOND, value)) for value in (min(values), max(values)))
    bottom = HEIGHT - BOTTOM
    if log:
        low, high = (low / 2, high * 2) if low == high else (low, high)
        return Scale(max(low, 1 / _BEYOND), high, bottom, TOP, log=True)
    if from_zero and low >= 0:
        return Scale(0.0, high * 1.08 or 1.0, bottom, TOP)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(low - room, high + room, bottom, TOP)


def _epoch_ticks(x: Scale) -> tuple[Tick, ...]:
    """Whole epochs alone."""
    if x.high == x.low:
        return (Tick(x(x.low), f"{x.low:.0f}"),)
    span = x.high - x.low
    rough = span / 6
    power = 10 ** math.floor(math.log10(max(rough, 1)))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough or factor == 10)
    first = math.ceil(x.low / step) * step
    values = [first + index * step for index in range(int((x.high - first) // step) + 1)]
    if first > x.low and (not values or values[0] - x.low > step * 0.6):
        values.insert(0, int(x.low))
    return tuple(Tick(x(value), f"{value:,.0f}") for value in values)


def _value_ticks(y: Scale, unit: str) -> tuple[Tick, ...]:
    ticks = y.ticks(5)
    if y.log:
        return ticks
    said = {"bytes": size, "seconds": duration, "share": share}.get(unit)
    if said is None:
        return ticks
    return tuple(Tick(y(value), said(value)) for value in y.levels(5))
