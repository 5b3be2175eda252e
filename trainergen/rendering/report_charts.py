"""Which figures of an examination become which chart of the report, each with the sentence beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .charts import bar_chart, dot_chart, histogram, line_chart, short, stacked_chart

if TYPE_CHECKING:
    from ..examining import Examination

HISTOGRAMS = 6
"""Inputs whose values are drawn."""

LENGTH_BINS = 20

MOST_LAYERS = 24
"""Beyond it only layers with weights are drawn; the table has all."""


def learning(examination: Examination) -> dict[str, Any]:
    """The range test and the batch learnt by heart."""
    rates, tries = examination.figures("model.rates"), examination.figures("model.memorise")
    return {**_rates(rates), **_memorised(tries)}


def model(examination: Examination) -> dict[str, Any]:
    """Parameters, operations, memory."""
    return {
        **_parameters(examination.figures("model.parameters")),
        **_operations(examination.figures("model.operations")),
        **_memory(examination.figures("model.memory")),
    }


def signals(examination: Examination) -> dict[str, Any]:
    """Activations and gradients, a row a layer."""
    rows: Sequence[Mapping[str, Any]] = examination.figures("model.signals").get("rows", ())
    told = rows if len(rows) <= MOST_LAYERS else [row for row in rows if row["weight"]] or rows
    outputs = [(row["name"], row["rms"] or 0.0, f"{row['rms'] or 0.0:.2g}", True) for row in told]
    ratios = [
        (row["name"], row["weight_gradient"] / row["weight"])
        for row in rows
        if row["weight"] and row["weight_gradient"] is not None
    ]
    return {
        "signals": dot_chart(outputs, x_label="root mean square of the output (log scale)"),
        "gradients": dot_chart(
            [(name, value, f"{value:.2g}", True) for name, value in ratios], x_label="|gradient| / |weight| (log scale)"
        ),
    }


def data(examination: Examination) -> dict[str, Any]:
    """Classes, targets, inputs, lengths."""
    labels = examination.figures("data.labels")
    values: Sequence[Mapping[str, Any]] = examination.figures("data.values").get("rows", ())
    padding: Sequence[Mapping[str, Any]] = examination.figures("data.padding").get("rows", ())
    inputs = [row for row in values if row.get("input") and row.get("histogram")][:HISTOGRAMS]
    return {
        **_balance(labels),
        "target": _histogram(labels.get("histogram"), str(labels.get("target", ""))),
        "histograms": [(f"Values of {row['part']}", _histogram(row["histogram"], row["part"])) for row in inputs],
        "lengths": _lengths(padding[0]["lengths"]) if padding else None,
    }


def bytes_text(size: float) -> str:
    """``1.23 MiB``."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} bytes"


def operations_text(count: float) -> str:
    """``1.23M FLOP``."""
    return f"{short(count)} FLOP"


def _rates(figures: Mapping[str, Any]) -> dict[str, Any]:
    points = [(each["rate"], each["loss"]) for each in figures.get("curve", ()) if each["loss"] is not None]
    if not points:
        return {"rates": None, "rates_said": ""}
    first = points[0][1]
    kept = [(rate, loss) for rate, loss in points if loss <= first + 2.0 * abs(first)]  # the rest only diverges
    band = (figures["low"], figures["high"], "suggested") if "low" in figures else None
    chart = line_chart(
        [("", kept, True)],
        x_label=f"learning rate of {figures['optimizer']} (log scale)",
        y_label=f"loss after {figures['steps']} steps",
        log_x=True,
        band=band,
        mark=(figures["rate"], f"plan: {figures['rate']:g}"),
    )
    where = f"Suggested {figures['low']:.1e} to {figures['high']:.1e}: {figures['rule']}." if band else "No rate helps."
    return {"rates": chart, "rates_said": where}


def _memorised(figures: Mapping[str, Any]) -> dict[str, Any]:
    tries: Sequence[Mapping[str, Any]] = figures.get("tries", ())
    curves = [
        (each, [(float(step), loss) for step, loss in enumerate(each["losses"], start=1) if loss is not None])
        for each in tries
    ]
    lines = [(f"lr {each['rate']:.2g}", points, each is tries[-1]) for each, points in curves if points]
    if not lines:
        return {"memorised": None, "memorised_said": ""}
    level = figures["factor"] * tries[0]["first"]
    chart = line_chart(
        lines,
        x_label="step",
        y_label="loss (log scale)",
        log_y=True,
        rule=(level, f"{figures['factor']:.0%} of the first loss") if level > 0 else None,
    )
    last = tries[-1]
    came = f"known after {last['steps']} steps" if last["learnt"] else f"not known after {figures['limit']} steps"
    return {"memorised": chart, "memorised_said": f"The first batch alone, again and again: {came}."}


def _parameters(figures: Mapping[str, Any]) -> dict[str, Any]:
    rows: Sequence[Mapping[str, Any]] = figures.get("rows", ())
    total = max(1, int(figures.get("total", 0)))
    largest = sorted((row for row in rows if row["values"]), key=lambda row: -int(row["values"]))
    bars = [
        (
            row["module"],
            float(row["values"]),
            f"{short(row['values'])} ({row['values'] / total:.0%})",
            row["trainable"] > 0,
        )
        for row in largest
    ]
    said = f"{total:,} values in {len(rows)} modules; grey is frozen." if rows else ""
    return {"parameters": bar_chart(bars, x_label="values", most=14), "parameters_said": said}


def _operations(figures: Mapping[str, Any]) -> dict[str, Any]:
    rows = [row for row in figures.get("rows", ()) if row["flop"]]
    leaves = [row for row in rows if not any(other["module"].startswith(f"{row['module']}.") for other in rows)]
    samples = max(1, int(figures.get("samples", 1)))
    bars = [
        (row["module"], row["flop"] / samples, operations_text(row["flop"] / samples), True)
        for row in sorted(leaves, key=lambda row: -row["flop"])
    ]
    said = (
        f"Forward, a sample: {operations_text(figures['forward'])}; with backward {operations_text(figures['both'])}."
        if figures
        else ""
    )
    return {"operations": bar_chart(bars, x_label="FLOP a sample, forward", most=14), "operations_said": said}


def _memory(figures: Mapping[str, Any]) -> dict[str, Any]:
    if not figures:
        return {"memory": None, "memory_said": ""}
    names = ("activations", "parameters", "gradients", "optimizer", "buffers", "batch")
    parts = [(name, float(figures[name]), bytes_text(figures[name])) for name in names if figures[name]]
    measured = float(figures["measured"])
    rows = [
        ("estimated", parts, bytes_text(figures["estimate"])),
        ("measured peak", [("measured", measured, bytes_text(measured))], bytes_text(measured)),
    ]
    said = f"Estimate over measured peak: {figures['ratio']:.2f}; {bytes_text(figures['activations_a_sample'])} more with each sample."
    return {"memory": stacked_chart(rows, x_label="bytes held at once"), "memory_said": said}


def _balance(figures: Mapping[str, Any]) -> dict[str, Any]:
    counts: Sequence[Mapping[str, Any]] = figures.get("counts", ())
    total = max(1, sum(row["count"] for row in counts))
    bars = [
        (f"class {row['class']}", float(row["count"]), f"{row['count']:,} ({row['count'] / total:.1%})", True)
        for row in counts
    ]
    said = f"{total:,} labels of {figures['target']}, {len(counts)} of {figures['classes']} classes." if counts else ""
    return {"balance": bar_chart(bars, x_label="labels read", most=24), "balance_said": said}


def _histogram(figures: Mapping[str, Any] | None, name: str) -> Any:
    if not figures:
        return None
    return histogram(figures["low"], figures["high"], figures["counts"], x_label=f"value of {name}")


def _lengths(lengths: Sequence[int]) -> Any:
    low, high = 0, max(1, *lengths)
    width = max(1, -(-(high + 1) // LENGTH_BINS))
    counts = [0] * (high // width + 1)
    for length in lengths:
        counts[length // width] += 1
    return histogram(low, len(counts) * width, counts, x_label="entries before the padding")
