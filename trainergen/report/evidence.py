"""What a run's files say, as far as they can be believed: curves, settings, how it ended. The rules see nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..runs import STATES, Run
from .curve import Curve

MAPPINGS = (
    "config",
    "model",
    "data",
    "git",
    "environment",
    "throughput",
    "checkpoints",
    "baseline",
    "failure",
    "parent",
)
SEQUENCES = ("sessions", "resumed_from")
TEXTS = ("run_id", "trainer", "status", "started_at", "ended_at", "error", "monitor")
MOST_CURVES = 400
"""Of a history: values beyond these are left out, and the report says so."""


@dataclass(frozen=True)
class Evidence:
    """A run as the rules see it.

    Attributes:
        curves: dotted path to its curve; those without any finite value too, where they have holes.
        epochs: the last epoch that was recorded; 0 without any.
        settings: the run's configuration.
        monitor: dotted path of the value that it was judged by.
        lower_is_better: of that value.
        state: one of `trainergen.runs.STATES`.
        stop_reason: why it stopped, in the runtime's words; empty where that is not known.
        failure: the structured error (``error``, ``what``, ``suggestion``...); empty without one.
        error: its text, or that of any other exception.
        validates: whether it had a validation loader; None where that is not known.
        latest: the checkpoint that can be resumed from, or empty.
    """

    curves: Mapping[str, Curve]
    epochs: int
    settings: Mapping[str, Any]
    monitor: str = "validation.loss"
    lower_is_better: bool = True
    state: str = "finished"
    stop_reason: str = ""
    failure: Mapping[str, Any] | None = None
    error: str = ""
    validates: bool | None = None
    latest: str = ""

    def curve(self, path: str, least: int = 1) -> Curve | None:
        """The curve of `path` where it has at least so many values."""
        found = self.curves.get(path)
        return found if found is not None and len(found) >= least else None

    def loss(self, phase: str, least: int = 1) -> Curve | None:
        """The loss of ``train`` or ``validation``."""
        return self.curve(f"{phase}.loss", least)

    @property
    def judged(self) -> Curve | None:
        """The monitored value."""
        return self.curve(self.monitor)

    def setting(self, name: str, otherwise: Any = None) -> Any:
        """A setting, or `otherwise` where the run does not say."""
        return self.settings.get(name, otherwise)

    def number_setting(self, name: str) -> float | None:
        """A setting that is a number; None where it is none, or not known."""
        return finite(self.settings.get(name))


def finite(value: object) -> float | None:
    """`value` as a float; None for what is no number, no finite one, or beyond floats."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def sound(run: Run) -> Run:
    """`run` with those entries of its manifest alone that have the type they should; whatever wrote them may be anything.

    Without a manifest, status.json has the trainer, the state and the monitored value as well.
    """
    kept = dict(run.manifest) or {
        name: run.status[name] for name in ("status", "trainer", "monitor") if name in run.status
    }
    for names, kind in ((MAPPINGS, dict), (SEQUENCES, list), (TEXTS, str)):
        for name in names:
            if name in kept and not isinstance(kept[name], kind):
                del kept[name]
    if kept and kept.get("status") not in STATES:
        kept["status"] = "unreadable"
    if "sessions" in kept:
        kept["sessions"] = [each for each in kept["sessions"] if isinstance(each, dict)]
    return replace(run, manifest=kept)


def gather(run: Run) -> Evidence:
    """What the files of `run` say."""
    run = sound(run)
    manifest = run.manifest
    settings, data = manifest.get("config", {}), manifest.get("data", {})
    curves = read_curves(run.records)
    monitor = monitored(manifest, run.status, curves)
    checkpoints = manifest.get("checkpoints", {})
    return Evidence(
        curves=curves,
        epochs=max((epoch for curve in curves.values() for epoch in (*curve.epochs, *curve.holes)), default=0),
        settings=settings,
        monitor=monitor,
        lower_is_better=run.mode_of(monitor) != "max",
        state=run.state,
        stop_reason=_text(run.status.get("stop_reason")),
        failure=manifest.get("failure"),
        error=manifest.get("error", ""),
        validates=data["validation"] is not None if "validation" in data else None,
        latest=_text(checkpoints.get("latest")),
    )


def monitored(manifest: Mapping[str, Any], status: Mapping[str, Any], curves: Mapping[str, Curve]) -> str:
    """The path that the run was judged by: as its files say, else the loss that there is."""
    for source in (manifest, status):
        if isinstance(source.get("monitor"), str) and source["monitor"]:
            return str(source["monitor"])
    return "validation.loss" if len(curves.get("validation.loss", Curve("", (), ()))) else "train.loss"


def read_curves(records: Iterable[Mapping[str, Any]]) -> dict[str, Curve]:
    """The curves of a history: of an epoch that is written twice the later record counts; epochs that are none are left out."""
    latest: dict[int, Mapping[str, Any]] = {}
    for record in records:
        epoch = record.get("epoch")
        if isinstance(epoch, int) and not isinstance(epoch, bool) and 0 <= epoch < 10**9:
            latest[epoch] = record
    points: dict[str, list[tuple[int, float | None]]] = {}
    for epoch in sorted(latest):
        for path, value in leaves(latest[epoch]):
            if path != "epoch" and (path in points or len(points) < MOST_CURVES):
                points.setdefault(path, []).append((epoch, value))
    curves = {}
    for path, found in points.items():
        known = [(epoch, value) for epoch, value in found if value is not None]
        holes = tuple(epoch for epoch, value in found if value is None)
        curves[path] = Curve(path, tuple(epoch for epoch, _ in known), tuple(value for _, value in known), holes)
    return curves


def leaves(record: Mapping[str, Any], prefix: str = "", depth: int = 4) -> list[tuple[str, float | None]]:
    """(dotted path, number or None) of all values that are numbers, or null within a phase: a number that JSON lacks."""
    found: list[tuple[str, float | None]] = []
    for key, value in record.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            found += leaves(value, f"{path}.", depth - 1) if depth else []
        elif (isinstance(value, (int, float)) and not isinstance(value, bool)) or (value is None and prefix):
            found.append((path, finite(value)))
    return found


def repeated_epochs(records: Sequence[Mapping[str, Any]]) -> int:
    """Records beside those that count, because another one tells the same epoch."""
    epochs = [record["epoch"] for record in records if isinstance(record.get("epoch"), int)]
    return len(epochs) - len(set(epochs))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
