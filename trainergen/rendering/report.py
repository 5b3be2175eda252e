"""The report of `inspect` as one HTML file: what its template is given, and where it may be written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from .. import __version__
from ..diagnosis import as_data, counts, word_for
from ..errors import Conflict, MachineRefused, UnusableInput
from ..inspection.batch_spec import spell_shape
from ..inspection.examination import SEVERITIES
from . import report_charts as charts
from .engine import Templates

if TYPE_CHECKING:
    from ..examining import Examination

TEMPLATE = "inspect/report.html.j2"
GENERATOR = "trainergen inspect"
MOST_CHANNELS = 64
MOST_ROWS = 400
"""Of a table: a model of thousands of layers is not read row by row, and the file stays small."""


def check_report(file: Path, *, force: bool) -> None:
    """Before anything is built. The report is the user's from then on.

    Raises:
        UnusableInput: its folder does not exist.
        Conflict: something that is no earlier report stands there; `force` replaces it.
        MachineRefused: its folder can't be written to.
    """
    folder = file.absolute().parent
    if not folder.is_dir():
        raise UnusableInput(f"--html {file}: no such folder", place=str(file.parent), hint="create it first")
    if not os.access(folder, os.W_OK):
        raise MachineRefused(f"--html {file}: permission denied", place=str(file.parent), hint="name another folder")
    if file.exists() and not force and not _is_report(file):
        raise Conflict(
            f"--html {file}: a file is there, and it is no report of inspect",
            place=str(file),
            hint="name another file, or say --force to replace it",
        )


def write_report(file: Path, examination: Examination) -> None:
    """Write the report to `file`, whole or not at all."""
    partial = file.with_name(file.name + ".partial")
    partial.write_text(render_report(examination), encoding="utf-8")
    partial.replace(file)


def render_report(examination: Examination) -> str:
    """The report as HTML."""
    environment = jinja2.Environment(
        loader=Templates(), undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(TEMPLATE).render(_variables(examination))


def _is_report(file: Path) -> bool:
    with file.open("rb") as opened:
        return f'name="generator" content="{GENERATOR}"'.encode() in opened.read(4096)


def _variables(examination: Examination) -> dict[str, Any]:
    facts, model = examination.facts, examination.model
    data = as_data(examination)
    found = counts(examination)
    by_level = {level: [each for each in examination.findings if each.severity == level] for level in SEVERITIES}
    values: Sequence[Mapping[str, Any]] = examination.figures("data.values").get("rows", ())
    return {
        "generator": GENERATOR,
        "version": __version__,
        "name": model.name,
        "place": str(model.place),
        "environment": f"torch {facts.torch}, Python {facts.python}, {facts.device}",
        "counts": [(level, number, word_for(number, level)) for level, number in found.items()],
        "headline": _headline(examination),
        "todo": [*by_level["fail"], *by_level["warn"], *by_level["note"]],
        "well": [(each.subject, each.evidence, each.advice) for each in by_level["ok"]],
        "unmeasured": [(each.name, each.problem) for each in examination.measured if each.problem is not None],
        "trials": [
            (each.outcome, each.name, " ".join(filter(None, (each.detail, f"at {each.place}" if each.place else ""))))
            for each in examination.trials
        ],
        "choices": [(each["choice"], each["reason"], each["runner_up"] or "") for each in data["decisions"]],
        "ports": [
            (
                port["role"],
                port["name"],
                port["dtype"],
                port["meaning"],
                spell_shape(tuple(port["sizes"])),
                "" if port["low"] is None else f"{port['low']:.4g} to {port['high']:.4g}",
                "a guess: " + (port["place"] or "it runs") if port["source"] == "assumed" else port["place"] or "",
            )
            for port in data["ports"]
        ],
        "construction": [
            (each["name"], each["value"], "a guess" if each["assumed"] else each["source"], each["reason"])
            for each in data["construction"]
        ],
        "parameter_rows": _rows(examination, "model.parameters", _parameter_row),
        "weight_rows": _rows(examination, "model.initialisation", _weight_row),
        "layer_rows": _rows(examination, "model.signals", _layer_row),
        "data_rows": [_data_row(row) for row in values],
        "channel_rows": [
            (row["part"], str(number), _number(each["mean"]), _number(each["std"]))
            for row in values
            for number, each in enumerate(row.get("channels", ())[:MOST_CHANNELS])
        ],
        **charts.learning(examination),
        **charts.model(examination),
        **charts.signals(examination),
        **charts.data(examination),
    }


def _headline(examination: Examination) -> list[tuple[str, str]]:
    facts, plan = examination.facts, examination.plan
    operations = examination.figures("model.operations")
    memory = examination.figures("model.memory")
    found = [("parameters", f"{facts.values:,}")]
    if operations:
        found.append(("operations a sample", charts.operations_text(operations["both"])))
    if memory:
        found.append(("memory of a step", charts.bytes_text(memory["measured"])))
    if plan is not None:
        found.append(("loss", f"{plan.objective.loss} ({plan.objective.task})"))
        found.append(("optimizer", f"{plan.optimizer.class_name}"))
    return found


def _rows(examination: Examination, name: str, cells: Any) -> list[tuple[Any, ...]]:
    rows: Iterable[Mapping[str, Any]] = examination.figures(name).get("rows", ())
    return [cells(row) for row in list(rows)[:MOST_ROWS]]


def _parameter_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    shared = "shared" if row["shared"] else ""
    return (row["module"], row["type"], f"{row['values']:,}", f"{row['trainable']:,}", row["dtype"], shared)


def _weight_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["parameter"],
        spell_shape(tuple(row["shape"])),
        _number(row["std"]),
        _number(row["gain"]),
        row["scheme"],
    )


def _layer_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    ratio = row["weight_gradient"] / row["weight"] if row["weight"] and row["weight_gradient"] is not None else None
    return (
        row["name"],
        row["kind"],
        spell_shape(tuple(row["shape"])),
        _number(row["mean"]),
        _number(row["std"]),
        f"{row['zeros']:.0%}",
        _number(row["gradient"]),
        _number(ratio),
    )


def _data_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    shapes = ", ".join(spell_shape(tuple(shape)) for shape in row["shapes"][:4]) + (" ..." if row["shapes"][4:] else "")
    figures = tuple(_number(row.get(key)) for key in ("low", "high", "mean", "std"))
    return (row["part"], row["dtype"], shapes, *figures, str(row.get("nan", "")), str(row.get("inf", "")))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
