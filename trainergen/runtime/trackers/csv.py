"""Tracker ``csv``: ``metrics.csv`` in the run's folder, one column a value, empty where it was not measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from ..atomic import write_text
from . import TrackedRun, Tracker

FILE = "metrics.csv"


class CommaSeparated(Tracker):
    """A table with a header. A value that comes up later gets a column: the file is then replaced, at once."""

    def __init__(self, run: TrackedRun) -> None:
        self._path = run.folder / FILE
        rows = [row for row in _rows(self._path) if run.kept(row)] if self._path.exists() else []
        self._columns = list(rows[0]) if rows else ["step"]
        write_text(self._path, _text(self._columns, rows, header=True))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row."""
        row = {"step": str(step)} | {name: repr(value) for name, value in values.items()}
        new = [name for name in row if name not in self._columns]
        if new:
            self._columns += new
            write_text(self._path, _text(self._columns, [*_rows(self._path), row], header=True))
            return
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(_text(self._columns, [row], header=False))

    def finish(self, status: str) -> None:
        """Nothing is open."""


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1]  # a row that a kill has cut has no end
    return [{name: value for name, value in row.items() if name} for row in csv.DictReader(io.StringIO(whole))]


def _text(columns: list[str], rows: list[dict[str, str]], *, header: bool) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


TRACKER = CommaSeparated
