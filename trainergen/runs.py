"""The runs below a folder, read from their files: torch is never loaded, and a torn file is no reason to fail."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UnusableInput, did_you_mean

MANIFEST, STATUS, HISTORY = "manifest.json", "status.json", "history.jsonl"
"""The names that the runtime writes; it can't be asked without loading torch."""

STATES = ("running", "finished", "failed", "diverged", "interrupted", "killed", "unreadable")
"""``killed``: the manifest says that it is running, but its process is gone. ``unreadable``: the manifest is torn."""

WORDS = ("latest", "best")
"""What stands for a run, where none has that name."""

DEPTH = 6
"""How many folders down runs are looked for."""

_SKIPPED = frozenset(("node_modules", "site-packages", "__pycache__", "venv"))
_LOWER_IS_BETTER = ("loss", "error", "perplexity", "mse", "rmse", "mae", "nll", "fid", "wer", "cer", "seconds")


@dataclass(frozen=True)
class Run:
    """One run as its files tell it.

    Attributes:
        folder: the run's.
        manifest: empty where it can't be read.
        status: status.json; empty where it is missing or torn.
        records: the history, lines that are torn left out.
    """

    folder: Path
    manifest: dict[str, Any]
    status: dict[str, Any]
    records: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def trainer(self) -> str:
        """The trainer's class."""
        return str(self.manifest.get("trainer", "?"))

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if not self.manifest:
            return "unreadable"
        state = str(self.manifest.get("status"))
        return "killed" if state == "running" and self._process_is_gone() else state

    @property
    def monitor(self) -> str:
        """The dotted path of the value that the run was judged by."""
        return str(self.manifest.get("monitor", "validation.loss"))

    def mode_of(self, metric: str) -> str:
        """``min`` or ``max``: as the run's settings say for its monitor, else as the metric's name suggests."""
        if metric == self.monitor:
            return str((self.manifest.get("config") or {}).get("scheduler_mode", "min"))
        return mode_by_name(metric)

    def values(self, metric: str) -> list[tuple[int, float]]:
        """(epoch, value) wherever the dotted path `metric` was measured and finite."""
        found = []
        for record in self.records:
            value: Any = record
            for part in metric.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, (int, float)) and isinstance(record.get("epoch"), int) and _is_finite(value):
                found.append((record["epoch"], float(value)))
        return found

    def best(self, metric: str, mode: str | None = None) -> tuple[int, float] | None:
        """(epoch, value) of the best, the first of equals; None where it was never measured."""
        values = self.values(metric)
        sign = 1 if (mode or self.mode_of(metric)) == "min" else -1
        return min(values, key=lambda each: sign * each[1]) if values else None

    def metrics(self) -> list[str]:
        """Dotted paths of all numbers in the history, in order of appearance."""
        found: dict[str, None] = {}
        for record in self.records:
            found.update(dict.fromkeys(_paths(record)))
        return [path for path in found if path not in ("epoch", "step")]

    def as_plain(self) -> dict[str, Any]:
        """The run as data, for ``--json``."""
        known, last = self.manifest, self.records[-1] if self.records else {}
        best = self.best(self.monitor)
        return {
            "name": self.name,
            "folder": str(self.folder),
            "run_id": known.get("run_id"),
            "trainer": self.trainer,
            "status": self.state,
            "started_at": known.get("started_at"),
            "ended_at": known.get("ended_at"),
            "seconds": known.get("seconds"),
            "epoch": last.get("epoch", 0),
            "step": self.status.get("step", last.get("step", 0)),
            "monitor": self.monitor,
            "best": None if best is None else best[1],
            "best_epoch": None if best is None else best[0],
            "samples_per_second": (known.get("throughput") or {}).get("samples_per_second"),
            "commit": (known.get("git") or {}).get("commit"),
            "error": known.get("error"),
        }

    def _process_is_gone(self) -> bool:
        process, host = self.status.get("process"), self.status.get("host")
        if not isinstance(process, int) or host != platform.node() or os.name != "posix":
            return False  # of another machine nothing is known
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is somebody else's
            return False
        return False


def best_of(runs: Sequence[Run]) -> Run:
    """The run whose monitored value is best, the newest of equals.

    Raises:
        UnusableInput: none has one, or they belong to several trainers or monitors: a loss of one says nothing of another.
    """
    measured = [(run, best[1]) for run in runs if (best := run.best(run.monitor)) is not None]
    if not measured:
        raise UnusableInput("no run here has a value to be best by", hint="name one: trainergen runs lists them")
    kinds = {(run.trainer, run.monitor, run.mode_of(run.monitor)) for run, _ in measured}
    if len(kinds) > 1:
        firsts = {kind: next(run for run, _ in measured if run.trainer == kind[0]).name for kind in sorted(kinds)}
        raise UnusableInput(
            f"'best' means nothing over {len(kinds)} trainers or monitored values",
            hint="name the run; of each there is: " + ", ".join(firsts.values()),
        )
    sign = 1 if measured[0][0].mode_of(measured[0][0].monitor) == "min" else -1
    return min(measured, key=lambda pair: sign * pair[1])[0]


def mode_by_name(metric: str) -> str:
    """``min`` or ``max``, as the last word of a metric's dotted path suggests: losses and errors should fall."""
    return "min" if metric.rpartition(".")[2].lower().endswith(_LOWER_IS_BETTER) else "max"


def read_run(folder: Path) -> Run:
    """The run in `folder`, as far as its files can be read."""
    return Run(folder, read_object(folder / MANIFEST), read_object(folder / STATUS), read_records(folder / HISTORY))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty where it is missing, torn, or something else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_records(path: Path) -> tuple[dict[str, Any], ...]:
    """The JSON objects in the lines of `path`; torn lines are left out."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return ()
    found: list[dict[str, Any]] = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            found.append(record)
    return tuple(found)


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """Every run in or below `folders`, the newest first."""
    seen = {folder.resolve(): folder for start in folders for folder in _run_folders(start, DEPTH)}
    runs = [read_run(folder) for folder in seen.values()]
    return sorted(runs, key=_age, reverse=True)


def resolve(wanted: str, runs: Sequence[Run]) -> Run:
    """The run that `wanted` means: a folder or its manifest, a name, or the beginning of a name or id that is unique.

    ``latest`` is the newest of `runs`, ``best`` the one whose monitored value is best, if they can be compared.

    Raises:
        UnusableInput: there is none, or several.
    """
    path = Path(wanted)
    folder = path.parent if path.name == MANIFEST else path
    if (folder / MANIFEST).is_file():
        return read_run(folder)
    exact = [run for run in runs if run.name == wanted]
    if not exact and wanted in WORDS and runs:
        return max(runs, key=_age) if wanted == "latest" else best_of(runs)
    begun = [run for run in runs if run.name.startswith(wanted) or _id(run).startswith(wanted)]
    found = exact or begun
    if len(found) == 1:
        return found[0]
    if found:
        raise UnusableInput(
            f"{wanted!r} means {len(found)} runs",
            hint="give the folder of one: " + ", ".join(str(run.folder) for run in found[:5]),
        )
    raise UnusableInput(f"no run {wanted!r}", hint=did_you_mean(wanted, [run.name for run in runs]))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond floats
        return False


def _age(run: Run) -> tuple[str, str]:
    return str(run.manifest.get("started_at", "")), run.name


def _id(run: Run) -> str:
    return str(run.manifest.get("run_id", ""))


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    try:
        if (folder / MANIFEST).is_file() and (
            folder.parent.name == "runs" or "run_id" in read_object(folder / MANIFEST)
        ):
            yield folder
            return
        if depth == 0:
            return
        below = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for path in map(Path, below):
        if not path.name.startswith(".") and path.name not in _SKIPPED:
            yield from _run_folders(path, depth - 1)


def _paths(record: dict[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in record.items():
        if isinstance(value, dict):
            found += _paths(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.append(f"{prefix}{key}")
    return found
