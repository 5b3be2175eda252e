"""manifest.json (what this run is and where its results are) and status.json (how far it is)."""

from __future__ import annotations

import datetime
import os
import platform
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .atomic import write_json
from .history import json_ready
from .run_folder import MANIFEST
from .schedulers import batches_an_epoch

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
                "status": "running",
                "started_at": now(),
                "ended_at": None,
                "seconds": None,
                "error": None,
                "resumed_from": [],
                "command": list(sys.argv),
                "seed": trainer.config.seed,
                "config": trainer.config.as_plain(),
                "model": {
                    "class": type(trainer.model).__name__,
                    "parameters": sum(parameter.numel() for parameter in parameters),
                    "trainable": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
                },
                "data": {
                    "batches_an_epoch": batches_an_epoch(trainer.dataloader),
                    "validation_batches": (
                        None if trainer.val_dataloader is None else batches_an_epoch(trainer.val_dataloader)
                    ),
                },
                "environment": environment(trainer.device),
                "monitor": trainer.monitor.path,
                "best": None,
                "checkpoints": {"final": None, "best": None, "latest": None, "all": []},
            },
        )

    def update(self, **changes: Any) -> None:
        """Change top-level entries and write the file."""
        self.data |= changes
        write_json(self.folder / MANIFEST, json_ready(self.data))

    def relative(self, path: Path) -> str:
        """`path` as the manifest writes it."""
        return Path(os.path.relpath(path, self.folder)).as_posix()


def environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware of this process."""
    numpy = sys.modules.get("numpy")
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": None if numpy is None else numpy.__version__,
        "platform": platform.platform(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
    }


def now() -> str:
    """The present moment in UTC, ISO 8601 with microseconds (sorts as text)."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


def write_status(folder: Path, trainer: Trainer[Any, Any], status: str) -> None:
    """Replace status.json by where `trainer` is."""
    record = trainer.history[-1] if trainer.history else None
    data = {
        "status": status,
        "epoch": trainer.epoch,
        "step": trainer.step,
        "updated_at": now(),
        "process": os.getpid(),
        "last_record": record,
        "stop_reason": trainer.stop_reason,
    }
    write_json(folder / "status.json", json_ready(data))
