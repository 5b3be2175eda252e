"""Charts as geometry: values to positions, ticks and labels, in the units of an SVG; the template draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH = 640.0
LINE_HEIGHT = 280.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 18.0, 14.0, 42.0
ROW = 20.0
"""Height of a row of a bar or dot chart."""
NAMES = 230.0
"""Where the bars begin, right of their names."""
LONGEST_NAME = 34


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Series:
    """A line: its path, its points with their tooltips, its label at the end; `accent` where it is the one that matters."""

    path: str
    dots: tuple[tuple[float, float, str], ...]
    label: str
    end: tuple[float, float]
    accent: bool = True


@dataclass(frozen=True)
class LineChart:
    """Lines over two axes.

    Attributes:
        band: from, to, label: a stretch of the x axis that is meant.
        mark: x, label: one position on it.
        rule: y, label: one level.
    """

    width: float
    height: float
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]
    band: tuple[float, float, str] | None = None
    mark: tuple[float, str] | None = None
    rule: tuple[float, str] | None = None
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = LINE_HEIGHT - BOTTOM


@dataclass(frozen=True)
class Row:
    """One bar or dot: where it is, what stands beside it, its tooltip."""

    name: str
    y: float
    start: float
    end: float
    value: str
    title: str
    accent: bool = False
    parts: tuple[tuple[float, float, str], ...] = ()  # start, width, tooltip: pieces of a stacked bar


@dataclass(frozen=True)
class RowChart:
    """Horizontal bars, or dots on a logarithmic axis."""

    width: float
    height: float
    x_label: str
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    dots: bool = False
    hidden: int = 0
    left: float = NAMES
    legend: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Histogram:
    """Counts over a range of values."""

    width: float
    height: float
    x_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    bins: tuple[Bin, ...]
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = 200.0 - BOTTOM


@dataclass(frozen=True)
class Scale:
    """Values to positions, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of `value`, kept inside the axis."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        if self.log:
            value = math.log10(max(value, self.low))
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 2)

    def ticks(self, most: int = 6) -> tuple[Tick, ...]:
        """Round values along the axis."""
        return tuple(Tick(self(value), short(value)) for value in self.levels(most))

    def levels(self, most: int = 6) -> list[float]:
        """The values of the ticks."""
        return _decades(self.low, self.high, most) if self.log else _round_values(self.low, self.high, most)


def line_chart(
    lines: Sequence[tuple[str, Sequence[tuple[float, float]], bool]],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    band: tuple[float, float, str] | None = None,
    mark: tuple[float, str] | None = None,
    rule: tuple[float, str] | None = None,
) -> LineChart | None:
    """Lines, each a label, its points and whether it is the one that matters; None where there is nothing to draw."""
    points = [point for _, each, _ in lines for point in each]
    if len(points) < 2:
        return None
    levels = [y for _, y in points] + ([rule[0]] if rule is not None else [])
    log_y = log_y and min(levels) > 0
    x = _scale([x for x, _ in points], LEFT, WIDTH - RIGHT, log=log_x)
    y = _scale(levels, LINE_HEIGHT - BOTTOM, TOP, log=log_y, room=0.04)
    series = []
    for label, each, accent in lines:
        placed = [(x(one), y(other)) for one, other in each]
        path = "M" + "L".join(f"{one:g},{other:g}" for one, other in placed)
        step = max(1, len(placed) // 120)
        dots = tuple(
            (*placed[index], f"{x_label} {short(each[index][0])}: {y_label} {short(each[index][1])}")
            for index in range(0, len(placed), step)
        )
        series.append(Series(path, dots, label, placed[-1], accent))
    return LineChart(
        width=WIDTH,
        height=LINE_HEIGHT,
        x_label=x_label,
        y_label=y_label,
        x_ticks=x.ticks(8),
        y_ticks=y.ticks(),
        series=tuple(series),
        band=None if band is None else (x(band[0]), x(band[1]), band[2]),
        mark=None if mark is None else (x(mark[0]), mark[1]),
        rule=None if rule is None else (y(rule[0]), rule[1]),
    )


def bar_chart(
    rows: Sequence[tuple[str, float, str, bool]], *, x_label: str, most: int = 24, legend: tuple[str, ...] = ()
) -> RowChart | None:
    """Bars from zero: name, value, its text, whether it is the one that matters."""
    shown = rows[:most]
    if not shown:
        return None
    scale = Scale(0.0, max(*(value for _, value, _, _ in shown), 1e-12), NAMES, WIDTH - 96.0)
    placed = tuple(
        Row(_clipped(name), TOP + ROW * index, NAMES, scale(value), text, f"{name}: {text}", accent)
        for index, (name, value, text, accent) in enumerate(shown)
    )
    height = TOP + ROW * len(shown) + BOTTOM
    return RowChart(WIDTH, height, x_label, scale.ticks(5), placed, hidden=len(rows) - len(shown), legend=legend)


def dot_chart(rows: Sequence[tuple[str, float, str, bool]], *, x_label: str, most: int = 40) -> RowChart | None:
    """Dots on a logarithmic axis, for what spreads over powers of ten; values of zero or less are left out."""
    kept = [row for row in rows if row[1] > 0 and math.isfinite(row[1])]
    shown = kept if len(kept) <= most else [*kept[: most // 2], *kept[-(most // 2) :]]
    if not shown:
        return None
    scale = _scale([value for _, value, _, _ in shown], NAMES, WIDTH - 96.0, log=True)
    placed = tuple(
        Row(_clipped(name), TOP + ROW * index, NAMES, scale(value), text, f"{name}: {text}", accent)
        for index, (name, value, text, accent) in enumerate(shown)
    )
    height = TOP + ROW * len(shown) + BOTTOM
    return RowChart(WIDTH, height, x_label, scale.ticks(6), placed, dots=True, hidden=len(kept) - len(shown))


def stacked_chart(
    rows: Sequence[tuple[str, Sequence[tuple[str, float, str]], str]], *, x_label: str
) -> RowChart | None:
    """Bars made of pieces: name, pieces (label, value, its text), text of the whole."""
    totals = [sum(value for _, value, _ in parts) for _, parts, _ in rows]
    if not rows or max(totals) <= 0:
        return None
    scale = Scale(0.0, max(totals), NAMES, WIDTH - 96.0)
    placed = []
    for index, (name, parts, text) in enumerate(rows):
        level, pieces = 0.0, []
        for label, value, said in parts:
            start = scale(level)
            level += value
            pieces.append((start, max(0.0, scale(level) - start - 1.0), f"{label}: {said}"))
        placed.append(
            Row(_clipped(name), TOP + ROW * index, NAMES, scale(level), text, f"{name}: {text}", parts=tuple(pieces))
        )
    legend = tuple(f"{label} {said}" for label, _, said in rows[0][1])
    return RowChart(WIDTH, TOP + ROW * len(rows) + BOTTOM, x_label, (), tuple(placed), legend=legend)


def histogram(low: float, high: float, counts: Sequence[int], *, x_label: str) -> Histogram | None:
    """Counts of equally wide bins from `low` to `high`."""
    if not counts or max(counts) == 0:
        return None
    if high <= low:
        low, high = low - 0.5, low + 0.5
    bottom = 200.0 - BOTTOM
    x = Scale(low, high, LEFT, WIDTH - RIGHT)
    y = Scale(0.0, float(max(counts)), bottom, TOP)
    width = (high - low) / len(counts)
    bins = []
    for index, count in enumerate(counts):
        start, end = x(low + index * width), x(low + (index + 1) * width)
        title = f"{short(low + index * width)} to {short(low + (index + 1) * width)}: {count:,} values"
        bins.append(Bin(start, y(count), max(1.0, round(end - start - 1.0, 2)), round(bottom - y(count), 2), title))
    return Histogram(WIDTH, 200.0, x_label, x.ticks(8), y.ticks(4), tuple(bins))


def short(value: float) -> str:
    """A tick's label: ``0.02``, ``1e-5``, ``12k``."""
    size = abs(value)
    if size == 0:
        return "0"
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.3g}{name}"
    if size < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:.3g}"


def _scale(values: Sequence[float], start: float, end: float, *, log: bool = False, room: float = 0.0) -> Scale:
    low, high = min(values), max(values)
    if log:
        low, high = (low / 2.0, high * 2.0) if low == high else (low, high)
        return Scale(low, high, start, end, log=True)
    if low == high:
        low, high = low - abs(low) * 0.1 - 1e-9, high + abs(high) * 0.1 + 1e-9
    margin = room * (high - low)
    return Scale(low - margin, high + margin, start, end)


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten; over fewer than three of them 2 and 5 times those as well, over less than a factor of five the ends."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    factors = (1.0, 2.0, 5.0) if last - first < 3 else (1.0,)
    step = max(1, math.ceil((last - first + 1) / most))
    found = [factor * 10.0**exponent for exponent in range(first, last + 1, step) for factor in factors]
    kept = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    return kept if len(kept) > 1 else [low, high]


def _round_values(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    rough = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _clipped(name: str) -> str:
    """The end of a long name, which is where module paths differ."""
    return name if len(name) <= LONGEST_NAME else f"...{name[-(LONGEST_NAME - 3):]}"
