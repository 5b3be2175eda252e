"""``trainergen evaluate RUN``: the metrics of one of its checkpoints, beside what its history says of them."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import __version__
from .export.trained import Trained, TrainedRequest, find_trained, laboratory

if TYPE_CHECKING:
    from pathlib import Path

    from .lab.client import Lab
    from .outcome import Outcome

SPLITS = ("validation", "test", "train")
EVALUATIONS = "evaluations.jsonl"
"""The one file of a run's folder that an evaluation writes to, a line each."""

_SAME_DATA = ("name", "version", "samples", "checksum")


@dataclass(frozen=True)
class EvaluateRequest(TrainedRequest):
    """One ``trainergen evaluate``.

    Attributes:
        split: ``validation``, ``test`` or ``train``.
    """

    split: str = "validation"


def evaluate(request: EvaluateRequest, lab: Lab | None, outcome: Outcome, progress: Callable[[str], None]) -> None:
    """Evaluate a checkpoint of a run, tell what came of it, and note it in the run's folder.

    Raises:
        UnusableInput: no such run or checkpoint, or it is damaged or does not fit the code.
        AnswerNeeded: the trainer can't build its model or has no such data.
        UserCodeFailed: the trainer's code fails.
        MachineRefused: the note can't be written; the metrics are told all the same.
    """
    trained = find_trained(request)
    device = request.device or _device_of(trained)
    with laboratory(request, trained, lab, device) as laboratory_:
        progress(f"evaluating {trained.shown} on {request.split} data")
        found = laboratory_.request("export.judging:judge", {**trained.question(), "split": request.split})
    epoch = trained.epoch if found["epoch"] is None else found["epoch"] if found["epoch_done"] else None
    history = _compared(trained, request.split, epoch, found) if request.split == "validation" else None
    notes = [*found["notes"], *_changed_data(trained, request.split, found["data"])]
    outcome.result = {
        "run": str(trained.run.folder),
        "run_id": trained.run.manifest.get("run_id"),
        "trainer": trained.trainer,
        "checkpoint": trained.shown,
        "epoch": epoch,
        "split": request.split,
        "device": found["device"],
        "metrics": found["metrics"],
        "history": history,
        "notes": notes,
    }
    _tell(outcome, trained, request.split, history, notes)
    _note(trained.run.folder / EVALUATIONS, outcome.result)


def _device_of(trained: Trained) -> str:
    """The kind of device that the run was trained on."""
    trained_on = (trained.run.manifest.get("environment") or {}).get("device")
    return str(trained_on).partition(":")[0] if isinstance(trained_on, str) else "cpu"


def _compared(trained: Trained, split: str, epoch: int | None, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the history says of the checkpoint's epoch, and by how much each value differs; None where it says nothing."""
    average = trained.run.manifest.get("average")
    record = trained.record_of(epoch)
    if trained.label == "final" and isinstance(average, dict):  # an average of epochs, evaluated after the last of them
        record = average
    recorded = None if record is None else record.get(split)
    if not isinstance(recorded, dict):
        return None
    measured: Mapping[str, Any] = found["metrics"]
    differences = {
        name: None if value is None or measured.get(name) is None else measured[name] - value
        for name, value in recorded.items()
    }
    equal = recorded == dict(measured)
    return {"epoch": epoch, "metrics": recorded, "differences": differences, "equal_bits": equal}


def _changed_data(trained: Trained, split: str, now: Mapping[str, Any] | None) -> list[str]:
    """What the loader holds now that it did not hold when the run was trained."""
    before = (trained.run.manifest.get("data") or {}).get(split)
    if not isinstance(before, dict) or now is None:
        return []
    return [
        f"the {split} data has another {name} than the run's: {before[name]} -> {now.get(name)}"
        for name in _SAME_DATA
        if before.get(name) is not None and before[name] != now.get(name)
    ]


def _tell(outcome: Outcome, trained: Trained, split: str, history: Mapping[str, Any] | None, notes: list[str]) -> None:
    metrics: Mapping[str, float | None] = outcome.result["metrics"]
    recorded: Mapping[str, float | None] = {} if history is None else history["metrics"]
    for name, value in metrics.items():
        beside = ""
        if name in recorded:
            same = recorded[name] == value
            beside = "as in the history" if same else f"history {_short(recorded[name])}"
        outcome.say("metric", name, _short(value), beside)
    for note in notes:
        outcome.say("note", note)
    epoch = outcome.result["epoch"]
    where = f"{trained.shown}{'' if epoch is None else f' (epoch {epoch})'} on {split} data"
    if split == "train":
        verdict = "not comparable with the history's, which are means over a whole epoch's weights"
    elif history is None:
        verdict = "the history says nothing of it"
    elif history["equal_bits"]:
        verdict = "equal to the history to the bit"
    else:
        gaps = [abs(gap) for gap in history["differences"].values() if gap is not None]
        largest = f"by up to {max(gaps):.3g}" if gaps else "in which values there are"
        verdict = f"differs from the history {largest}: other code, data, device or packages than the run's"
    first = next(iter(metrics), None)
    told = "" if first is None else f"{first} {_short(metrics[first])}, "
    outcome.closing = f"{trained.run.name}, {where}: {told}{verdict} ({{seconds}})."


def _note(path: Path, result: Mapping[str, Any]) -> None:
    """Add a line in one write, so that two evaluations at once leave two whole lines; a torn last line stays by itself."""
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    kept = {key: value for key, value in result.items() if key not in ("run", "run_id")}
    line = json.dumps({"at": moment, "trainergen": __version__, **kept}, allow_nan=False) + "\n"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        if os.fstat(handle).st_size:
            os.lseek(handle, -1, os.SEEK_END)  # where to write is O_APPEND's affair
            if os.read(handle, 1) != b"\n":
                line = "\n" + line
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _short(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.6g}"
