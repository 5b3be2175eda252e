"""Trains the runs beside this file, each with one known fault or none: ``python -m tests.report.histories.record``.

What the tests of the rules read are these files, so that no test trains. Digits of scikit-learn, two minutes on
one core; names behind the command train those alone.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from trainergen.runtime import BaseTrainerConfig, Trainer
from trainergen.runtime.errors import TrainingError
from trainergen.runtime.metrics import accuracy

HERE = Path(__file__).resolve().parent
Batch = tuple[torch.Tensor, torch.Tensor]


class DigitsTrainer(Trainer[Batch, BaseTrainerConfig]):
    """Classifies images of digits."""

    config_class = BaseTrainerConfig

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        images, labels = batch
        scores = self.model(images)
        self._last_batch_metrics = {"accuracy": accuracy(scores.detach(), labels)}
        return functional.cross_entropy(scores, labels)


class Detached(DigitsTrainer):
    """Its weights get no gradient that is not zero."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        return super().compute_loss(batch) * 0 + 2.3


def digits(start: int, end: int, *, wrong_labels: float = 0.0) -> TensorDataset:
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(3))[start:end]
    targets = torch.tensor(labels)[order]
    wrong = int(wrong_labels * len(targets))
    targets[:wrong] = torch.randint(0, 10, (wrong,), generator=torch.Generator().manual_seed(4))
    return TensorDataset(torch.tensor(images, dtype=torch.float32)[order] / 16, targets)


def network(hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def train(
    name: str,
    *,
    model: Callable[[], nn.Module] = lambda: network(64),
    data: Callable[[], TensorDataset] = lambda: digits(0, 1000),
    validates: bool = True,
    trainer: type[DigitsTrainer] = DigitsTrainer,
    sgd: bool = False,
    rate_growth: float = 1.0,
    **settings: Any,
) -> None:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            **({"num_epochs": 20, "device": "cpu", "model_save_directory": Path(folder)} | settings)
        )
        built = model()
        optimizer = trainer.build_optimizer(built, config)
        if sgd:
            optimizer = torch.optim.SGD(built.parameters(), lr=config.learning_rate)
        loader = DataLoader(data(), batch_size=config.batch_size, shuffle=True)
        scheduler: Any = trainer.build_scheduler(optimizer, config)
        if rate_growth != 1:
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: rate_growth**epoch)
        running = trainer(
            built,
            loader,
            optimizer,
            config,
            val_dataloader=DataLoader(digits(1000, 1500), batch_size=250) if validates else None,
            scheduler=scheduler,
            run_name=name,
        )
        with contextlib.suppress(TrainingError):
            running.train()
        keep(Path(folder) / "runs" / name, HERE / name)


def keep(run: Path, target: Path) -> None:
    """Copy the run's texts, without what tells of the machine."""
    target.mkdir(exist_ok=True)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["environment"] |= {"packages": {"torch": "2.13.0"}, "host": "recorded", "processor": "a processor"}
    manifest |= {"command": ["train.py", "digits"], "git": None, "run_id": f"{sum(map(ord, run.name)):032x}"}
    manifest["config"]["model_save_directory"] = "saved_models"
    if manifest["failure"] is not None:
        manifest["failure"] |= {"checkpoint": None, "details": {}}
        manifest["error"] = f"{manifest['failure']['error']}: {manifest['failure']['what']}"
    status = json.loads((run / "status.json").read_text()) | {"host": "recorded", "process": 1}
    if status["error"] is not None:
        status["error"] = manifest["failure"]
    for name, text in (
        ("manifest.json", json.dumps(manifest, indent=1)),
        ("status.json", json.dumps(status, indent=1)),
        ("history.jsonl", (run / "history.jsonl").read_text().rstrip("\n")),
    ):
        (target / name).write_text(text + "\n")


RUNS: dict[str, dict[str, Any]] = {
    "healthy": {"num_epochs": 30},
    "overfitting": {
        "model": lambda: network(256),
        "data": lambda: digits(0, 150, wrong_labels=0.3),
        "num_epochs": 40,
        "learning_rate": 3e-3,
        "weight_decay": 0.0,
        "scheduler_patience": None,
        "early_stopping_patience": None,
    },
    "stopped_early": {
        "model": lambda: network(256),
        "data": lambda: digits(0, 80),
        "num_epochs": 200,
        "learning_rate": 1e-2,
        "early_stopping_patience": 5,
        "scheduler_patience": 2,
    },
    "underfitting": {
        "model": lambda: nn.Sequential(nn.Linear(64, 1), nn.Linear(1, 10)),
        "num_epochs": 60,
        "learning_rate": 3e-2,
        "scheduler_patience": 2,
    },
    "stuck": {"num_epochs": 8, "learning_rate": 1e-8, "scheduler_patience": None},
    "dead_units": {
        "sgd": True,
        "learning_rate": 3.0,
        "num_epochs": 20,
        "scheduler_patience": None,
        "gradient_clip_norm": None,
        "early_stopping_patience": None,
    },
    "no_gradient": {"trainer": Detached, "num_epochs": 8, "scheduler_patience": None},
    "unstable": {
        "sgd": True,
        "learning_rate": 30.0,
        "gradient_clip_norm": None,
        "scheduler_patience": None,
        "model": lambda: nn.Sequential(nn.Linear(64, 10)),
    },
    "diverged": {"sgd": True, "learning_rate": 0.1, "rate_growth": 4.0, "gradient_clip_norm": None},
    "not_finite": {"sgd": True, "learning_rate": 1e20, "num_epochs": 5, "gradient_clip_norm": None},
    "no_validation": {"validates": False, "num_epochs": 10},
    "too_few_epochs": {"num_epochs": 10, "learning_rate": 3e-4},
    "one_epoch": {"num_epochs": 1},
    "clipped": {"num_epochs": 12, "gradient_clip_norm": 0.01, "sgd": True, "learning_rate": 0.1},
}


def main() -> None:
    for name in sys.argv[1:] or RUNS:
        train(name, **RUNS[name])


if __name__ == "__main__":
    main()
