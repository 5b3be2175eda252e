"""history.jsonl: one record a line, appended and synced, so that a kill loses at most the line it cut."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .atomic import write_text

FILE = "history.jsonl"

CIRCUMSTANCES = frozenset({"seconds", "loader_wait_share", "memory"})
"""What of a record belongs to the machine: all else is the same where a run is done again, or resumed."""


def json_ready(value: Any) -> Any:
    """`value` with numbers that JSON does not know (NaN, infinities) as None, tuples as lists and paths as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return value if value is None or isinstance(value, (str, int)) else str(value)


def append_record(path: Path, record: dict[str, Any]) -> None:
    """Add one record and sync it to the disk."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(json_ready(record), allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def rewrite_history(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Replace the file by `records`: a resumed run drops what came after its checkpoint."""
    write_text(path, "".join(json.dumps(json_ready(record), allow_nan=False) + "\n" for record in records))


def read_history(path: Path) -> list[dict[str, Any]]:
    """The records of a history.jsonl, of the run folder that holds one, or of a manifest.json beside one.

    A last line without its end, which a kill can leave, is passed over.

    Raises:
        FileNotFoundError: there is no history.
    """
    if path.is_dir() or (path.name != FILE and (path.parent / FILE).is_file()):
        path = (path if path.is_dir() else path.parent) / FILE
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]
