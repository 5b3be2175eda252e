"""Tracker ``jsonl``: ``metrics.jsonl`` in the run's folder, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..history import json_ready
from . import TrackedRun, Tracker

FILE = "metrics.jsonl"


class JsonLines(Tracker):
    """``{"step": 50, "step/loss": 0.69, "learning_rate": 0.001}``; NaN and infinities are null."""

    def __init__(self, run: TrackedRun) -> None:
        path = run.folder / FILE
        if path.exists():
            write_text(path, "".join(_line(row) for row in _rows(path) if run.kept(row)))
        self._file = path.open("a", encoding="utf-8")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append a line, and hand it to the system: a killed process loses none."""
        self._file.write(_line({"step": step, **values}))
        self._file.flush()

    def finish(self, status: str) -> None:  # noqa: ARG002 - the manifest says how it ended
        """Close the file."""
        self._file.close()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(json_ready(dict(row)), allow_nan=False) + "\n"


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]  # the last one was cut, or is empty


TRACKER = JsonLines
