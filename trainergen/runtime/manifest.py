"""manifest.json: what a run is, what made it so, where its results are; enough to have its loss curve again."""

from __future__ import annotations

import inspect
import json
import math
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import distributed

from .atomic import write_json
from .history import json_ready, read_history
from .provenance import environment, git_state
from .run_folder import MANIFEST, now

if TYPE_CHECKING:
    from .trainer import Trainer


class Manifest:
    """The manifest of one run. Paths in it are relative to the run's folder.

    Args:
        folder: the run's folder.
        data: what it says; `begin` makes that of a new run.
    """

    def __init__(self, folder: Path, data: dict[str, Any]) -> None:
        self.folder = folder
        self.data = data

    @classmethod
    def begin(cls, folder: Path, trainer: Trainer[Any, Any]) -> Manifest:
        """What is known of a run before its first step."""
        parameters = list(trainer.model.parameters())
        return cls(
            folder,
            {
                "run_id": uuid.uuid4().hex,
                "run_name": folder.name,
                "trainer": type(trainer).__name__,
                "trainer_class": f"{type(trainer).__module__}:{type(trainer).__qualname__}",
                "status": "running",
                "started_at": now(),
                "ended_at": None,
                "seconds": None,
                "error": None,
                "parent": None,
                "resumed_from": [],
                "sessions": [],
                "model": {
                    "class": type(trainer.model).__name__,
                    "parameters": sum(parameter.numel() for parameter in parameters),
                    "trainable": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
                },
                "data": trainer.recorder.data,
                "monitor": trainer.monitor.path,
                "best": None,
                "throughput": None,
                "device_hours": None,
                "gpu_hours": None,
                "cost": None,
                "baseline": None,
                "checkpoints": {"final": None, "best": None, "latest": None, "all": []},
            },
        )

    def open_session(self, trainer: Trainer[Any, Any], resumed_from: Path | None) -> None:
        """A process begins to train: its settings, code and machine; those at the top are always the latest session's.

        Args:
            trainer: what trains.
            resumed_from: the checkpoint that it goes on from.
        """
        code = None if trainer.dry_run_steps is not None else git_state(_source_folder(trainer))
        source = None if resumed_from is None else self.relative(resumed_from)
        before, config = self.data.get("config") or {}, json_ready(trainer.config.as_plain())
        self.data |= {
            "status": "running",
            "error": None,
            "ended_at": None,
            "command": list(sys.argv),
            "seed": trainer.config.seed,
            "config": trainer.config.as_plain(),
            "git": code,
            "environment": environment(trainer.device),
        }
        if source is not None:
            self.data["resumed_from"].append(source)
        self.data.setdefault("sessions", []).append(
            {
                "started_at": now(),
                "ended_at": None,
                "resumed_from": source,
                "first_step": trainer.step + 1,
                "settings_before": {
                    key: value for key, value in before.items() if key not in config or config[key] != value
                },
                "last_step": None,
                "commit": None if code is None else code["commit"],
                "dirty_diff": None if code is None else code["dirty_diff"],
                "device_name": self.data["environment"]["device_name"],
            }
        )
        self.update()

    def close_session(self, trainer: Trainer[Any, Any], status: str, seconds: float) -> None:
        """It has ended; the caller writes the file.

        Args:
            trainer: what trained.
            status: how it ended.
            seconds: how long this session took.
        """
        moment, world = now(), _world_size()
        total = (self.data["seconds"] or 0.0) + seconds
        hours = (self.data.get("device_hours") or 0.0) + seconds * world / 3600
        price = trainer.config.device_hour_price
        throughput = trainer.recorder.pace.throughput()
        self.data["sessions"][-1] |= {"ended_at": moment, "last_step": trainer.step}
        self.data |= {
            "status": status,
            "ended_at": moment,
            "seconds": total,
            "device_hours": hours,
            "gpu_hours": hours if trainer.device.type == "cuda" else 0.0,
            "cost": None if price is None else hours * price,
        }
        if throughput["steps_per_second"] is not None:  # a session without a whole epoch says nothing new
            self.data["throughput"] = throughput
        if trainer.config.baseline_run is not None:
            self.data["baseline"] = compare_with_baseline(trainer, trainer.config.baseline_run)

    def update(self, **changes: Any) -> None:
        """Change top-level entries and write the file."""
        self.data |= changes
        write_json(self.folder / MANIFEST, json_ready(self.data))

    def relative(self, path: Path) -> str:
        """`path` as the manifest writes it."""
        return Path(os.path.relpath(path, self.folder)).as_posix()


def compare_with_baseline(trainer: Trainer[Any, Any], baseline: Path) -> dict[str, Any]:
    """The best monitored value of this run beside that of `baseline`, a run's folder.

    ``difference`` is this run's value minus the other's; ``better`` follows `scheduler_mode`. What can't be compared is
    said in ``problem``, and both are None then.
    """
    path, best = trainer.monitor.path, trainer.early_stopping.best
    found: dict[str, Any] = {"run": str(baseline), "monitor": path, "value": best}
    try:
        manifest = json.loads((baseline / MANIFEST).read_text(encoding="utf-8"))
        values = [trainer.monitor.read(record) for record in read_history(baseline)]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known or not math.isfinite(best):
            raise ValueError(f"no value of {path} in {'the baseline' if not known else 'this run'}")
    except (OSError, ValueError) as problem:
        return found | {"baseline": None, "difference": None, "better": None, "problem": str(problem)}
    lower_is_better = trainer.config.scheduler_mode == "min"
    other = min(known) if lower_is_better else max(known)
    better = best < other if lower_is_better else best > other
    found |= {"run_id": manifest.get("run_id"), "run_name": manifest.get("run_name"), "baseline": other}
    return found | {"difference": best - other, "better": better, "problem": None}


def _source_folder(trainer: Trainer[Any, Any]) -> Path:
    try:
        return Path(inspect.getfile(type(trainer))).resolve().parent
    except (TypeError, OSError):  # typed into an interpreter
        return Path.cwd()


def _world_size() -> int:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1
