"""Runs from lists of numbers: records as the runtime writes them, and folders that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainergen.report.evidence import Evidence, read_curves

Values = Sequence[float | None]


def records(train: Values, validation: Values | None = None, **others: Values) -> list[dict[str, Any]]:
    """One record an epoch; `others` are dotted paths with ``__`` for the dot."""
    found = []
    for index, loss in enumerate(train):
        held = None if validation is None or index >= len(validation) else validation[index]
        record: dict[str, Any] = {
            "epoch": index + 1,
            "step": (index + 1) * 10,
            "train": {"loss": loss},
            "validation": None if held is None else {"loss": held},
            "learning_rate": 0.001,
            "seconds": 2.0,
        }
        for path, values in others.items():
            *parents, name = path.split("__")
            place = record
            for parent in parents:
                place[parent] = place = place.get(parent) or {}
            place[name] = values[index]
        found.append(record)
    return found


def seen(train: Values, validation: Values | None = None, **given: Any) -> Evidence:
    """What the rules see of such a run; ``with_...`` are further values, everything else fields of `Evidence`."""
    others = {name.removeprefix("with_"): given.pop(name) for name in list(given) if name.startswith("with_")}
    curves = read_curves(records(train, validation, **others))
    settings = {"num_epochs": len(train), "early_stopping_patience": 8, "gradient_clip_norm": 1.0}
    monitor = "train.loss" if validation is None else "validation.loss"
    fields = {"monitor": monitor, "validates": validation is not None} | given
    return Evidence(curves, len(train), settings | fields.pop("settings", {}), **fields)


def write_run(folder: Path, history: Sequence[dict[str, Any]], **manifest: Any) -> Path:
    """A run's folder with that history and the manifest of a finished run, changed by `manifest`."""
    folder.mkdir(parents=True)
    told = {
        "run_id": "0" * 32,
        "run_name": folder.name,
        "trainer": "DigitsTrainer",
        "status": "finished",
        "started_at": "2026-01-02T03:04:05.000000+00:00",
        "monitor": "validation.loss",
        "config": {"learning_rate": 0.5, "num_epochs": len(history), "scheduler_mode": "min", "model_hidden": 32},
        "model": {"class": "DigitsNet", "parameters": 2410, "trainable": 2410},
    } | manifest
    (folder / "manifest.json").write_text(json.dumps(told))
    (folder / "history.jsonl").write_text("".join(json.dumps(each) + "\n" for each in history))
    return folder


FALLING = [2.0 * 0.8**epoch + 0.1 for epoch in range(12)]
"""A loss that does what it should."""
