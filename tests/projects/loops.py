"""Projects whose trainers own a loop: the whole of it, an epoch, or a step."""

from __future__ import annotations

from .parts import ContractPart


def third_shape() -> ContractPart:
    """A constructor without arguments, attributes first; train, save_metrics, loss_fn, save_checkpoint, save_model."""
    base = '''\
"""The trainer that every trainer derives from."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path

import torch


class BaseTrainer(ABC):
    """Keeps the metrics; a subclass sets config, model, dataloader, val_dataloader, optimizer and scheduler first."""

    def __init__(self):
        for name in ("config", "model", "dataloader", "val_dataloader", "optimizer", "scheduler", "progress_bar"):
            if not hasattr(self, name):
                raise AttributeError(f"set self.{name} before super().__init__()")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device)
        self.run_directory = Path("runs") / f"{type(self).__name__}-{datetime.now():%Y%m%d-%H%M%S}"
        self.metrics = []
        self.best_loss = float("inf")

    @abstractmethod
    def train(self):
        """The whole training."""

    @abstractmethod
    def save_metrics(self, force_save=False, **kwargs):
        """Keep kwargs as a row; write the rows where there are ten, or where forced."""

    @abstractmethod
    def loss_fn(self, batch):
        """The loss of a batch."""

    @abstractmethod
    def save_checkpoint(self, epoch, is_best=False):
        """Write what a training goes on from."""

    @abstractmethod
    def save_model(self, save_path):
        """Write the weights."""

    def write_rows(self):
        """Write self.metrics to metrics.csv."""
        self.run_directory.mkdir(parents=True, exist_ok=True)
        with (self.run_directory / "metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=sorted({key for row in self.metrics for key in row}))
            writer.writeheader()
            writer.writerows(self.metrics)
'''
    sibling = '''\
"""Trains $Camel."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net
from progress import Progress
from train.base_trainer import BaseTrainer
$registry_import

class ${Camel}Trainer(BaseTrainer):
    """Train ${Camel}Net on the $key data."""

    def __init__(self) -> None:
        self.config = $load
        self.model = ${Camel}Net(hidden=$self_hidden)
        self.dataloader = ${key}_loader(batch_size=$self_batch_size)
        self.val_dataloader = ${key}_loader(batch_size=$self_batch_size, train=False)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=$self_learning_rate)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer)
        self.progress_bar = Progress(total=$self_num_epochs, description="$key")
        super().__init__()

    def loss_fn(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """Loss of (features, targets)."""
        features, targets = batch
        outputs = self.model(features.to(self.device))
        targets = targets.to(self.device)
        return $loss

    def evaluate(self) -> float:
        """Mean loss of the validation data."""
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in self.val_dataloader:
                total += self.loss_fn(batch).item() * len(batch[0])
                count += len(batch[0])
        return total / count

    def train(self) -> None:
        """Train for as many epochs as configured."""
        for epoch in range($self_num_epochs):
            self.model.train()
            total, count = 0.0, 0
            for batch in self.dataloader:
                self.optimizer.zero_grad()
                loss = self.loss_fn(batch)
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(batch[0])
                count += len(batch[0])
            val_loss = self.evaluate()
            self.scheduler.step(val_loss)
            self.save_metrics(epoch=epoch, loss=total / count, val_loss=val_loss)
            is_best = val_loss < self.best_loss
            self.best_loss = min(val_loss, self.best_loss)
            self.save_checkpoint(epoch, is_best=is_best)
            self.progress_bar.update(1)
        self.save_metrics(force_save=True)
        self.save_model(self.run_directory / "model.pt")

    def save_metrics(self, force_save: bool = False, **kwargs: float) -> None:
        """Keep a row of metrics."""
        if kwargs:
            self.metrics.append(kwargs)
        if force_save or len(self.metrics) % 10 == 0:
            self.write_rows()

    def save_checkpoint(self, epoch: int, is_best: bool = False) -> None:
        """Write model, optimizer, scheduler and epoch."""
        self.run_directory.mkdir(parents=True, exist_ok=True)
        state = {
            "epoch": epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        torch.save(state, self.run_directory / "last.pt")
        if is_best:
            torch.save(state, self.run_directory / "best.pt")

    def save_model(self, save_path: Path) -> None:
        """Write the weights."""
        save_path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(self.model.state_dict(), save_path)
'''
    progress = '''\
"""A bar of progress."""


class Progress:
    """Counts, and shows nothing."""

    def __init__(self, total=None, description=""):
        self.total, self.description, self.done = total, description, 0

    def update(self, count):
        self.done += count
'''
    return ContractPart("third-shape", "full_loop", base, sibling, "found().train()", extra={"progress.py": progress})


def plain_loop() -> ContractPart:
    """`fit` takes the parts, which the constructor got; the base saves."""
    base = '''\
"""Base trainer."""

from __future__ import annotations

from pathlib import Path

import torch


class BaseTrainer:
    def __init__(self, model, train_loader, val_loader, optimizer, args):
        self.args = args
        self.device = torch.device("cpu")
        self.model = model.to(self.device)
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.optimizer = optimizer

    def fit(self):
        """Train; returns the losses of the epochs."""
        raise NotImplementedError

    def evaluate(self):
        """Measure on val_loader; returns numbers by name."""
        raise NotImplementedError

    def save(self, path="runs/model.pt"):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(self.model.state_dict(), path)
'''
    sibling = '''\
"""Trains $Camel."""

from __future__ import annotations

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net
from train.base_trainer import BaseTrainer
$registry_import

class ${Camel}Trainer(BaseTrainer):
    """Trainer of ${Camel}Net."""

    def __init__(self, args: $Config | None = None) -> None:
        config = args or $load
        model = ${Camel}Net(hidden=$config_hidden)
        optimizer = torch.optim.Adam(model.parameters(), lr=$config_learning_rate)
        train_loader = ${key}_loader(batch_size=$config_batch_size)
        val_loader = ${key}_loader(batch_size=$config_batch_size, train=False)
        super().__init__(model, train_loader, val_loader, optimizer, config)
        self.num_epochs = $config_num_epochs

    def fit(self) -> list[float]:
        """Train and save."""
        losses = []
        for _ in range(self.num_epochs):
            self.model.train()
            total, count = 0.0, 0
            for features, targets in self.train_loader:
                features, targets = features.to(self.device), targets.to(self.device)
                self.optimizer.zero_grad()
                outputs = self.model(features)
                loss = $loss
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(features)
                count += len(features)
            losses.append(total / count)
        self.save()
        return losses

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Mean loss."""
        self.model.eval()
        total, count = 0.0, 0
        for features, targets in self.val_loader:
            outputs = self.model(features.to(self.device))
            targets = targets.to(self.device)
            loss = $loss
            total += loss.item() * len(features)
            count += len(features)
        self.model.train()
        return {"loss": total / count}
'''
    run = "trainer = found()\ntrainer.fit()\ntrainer.evaluate()"
    return ContractPart("plain-loop", "full_loop", base, sibling, run)


def fourth_shape() -> ContractPart:
    """model_config and training_config; train_epoch and evaluate; on_epoch_end -> True stops."""
    base = '''\
"""Base of the trainers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import nn


class BaseTrainer(ABC):
    """Builds model and optimizer, counts epochs, stops early, saves."""

    model_class: type[nn.Module]

    def __init__(self, model_config: dict, training_config: dict, output_dir="models", tensorboard_dir=None):
        self.model_config = model_config
        self.training_config = training_config
        self.output_dir = Path(output_dir)
        self.device = torch.device("cpu")
        self.model = self._create_model().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=training_config["learning_rate"])
        self.best_loss = float("inf")
        self.waited = 0
        self.current_epoch = 0

    @abstractmethod
    def _create_model(self) -> nn.Module:
        """The model that self.model_config describes."""

    @abstractmethod
    def train_epoch(self, data) -> dict[str, float]:
        """One pass over `data`, steps included; metrics by name, among them the loss."""

    @abstractmethod
    def evaluate(self, data) -> dict[str, float]:
        """Metrics of `data`, nothing trained."""

    def on_epoch_start(self) -> None:
        """Before each epoch."""

    def on_epoch_end(self, train_metrics: dict[str, float], eval_metrics: dict[str, float]) -> bool:
        """After each epoch; True stops."""
        loss = eval_metrics["loss"]
        self.waited = 0 if loss < self.best_loss else self.waited + 1
        if loss < self.best_loss:
            self.best_loss = loss
            self.save("best.pt")
        return self.waited >= self.training_config.get("patience", 5)

    def save(self, name: str) -> None:
        self.output_dir.mkdir(parents=True, exist_ok=True)
        torch.save(self.model.state_dict(), self.output_dir / name)

    def train(self, train_data, val_data) -> list[dict[str, float]]:
        history = []
        for self.current_epoch in range(self.training_config["num_epochs"]):
            self.on_epoch_start()
            train_metrics = self.train_epoch(train_data)
            eval_metrics = self.evaluate(val_data)
            history.append({**train_metrics, **{f"val_{k}": v for k, v in eval_metrics.items()}})
            if self.on_epoch_end(train_metrics, eval_metrics):
                break
        return history
'''
    sibling = '''\
"""Trainer for ${Camel}Net."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net
from train.base_trainer import BaseTrainer
$registry_import

class ${Camel}Trainer(BaseTrainer):
    """Trains ${Camel}Net."""

    def _create_model(self) -> nn.Module:
        return ${Camel}Net(**self.model_config)

    @classmethod
    def default(cls) -> ${Camel}Trainer:
        """With the configured settings."""
        config = $load
        return cls(
            {"hidden": $config_hidden},
            {"learning_rate": $config_learning_rate, "num_epochs": $config_num_epochs},
        )

    @classmethod
    def data(cls, train: bool = True):
        """The loader."""
        return ${key}_loader(train=train)

    def train_epoch(self, data) -> dict[str, float]:
        """One epoch."""
        self.model.train()
        total, count = 0.0, 0
        for features, targets in data:
            features, targets = features.to(self.device), targets.to(self.device)
            self.optimizer.zero_grad()
            outputs = self.model(features)
            loss = $loss
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(features)
            count += len(features)
        return {"loss": total / count}

    @torch.no_grad()
    def evaluate(self, data) -> dict[str, float]:
        """Loss on other data."""
        self.model.eval()
        total, count = 0.0, 0
        for features, targets in data:
            outputs = self.model(features.to(self.device))
            targets = targets.to(self.device)
            loss = $loss
            total += loss.item() * len(features)
            count += len(features)
        return {"loss": total / count}
'''
    run = "trainer = found.default()\ntrainer.train(found.data(), found.data(train=False))"
    return ContractPart("fourth-shape", "epoch_level", base, sibling, run)


def stepping() -> ContractPart:
    """train_step gives floats and has stepped; the base feeds it from self.loader."""
    base = '''\
"""Base trainer: feeds the batches and logs what comes back."""

from __future__ import annotations

import logging

import torch

log = logging.getLogger(__name__)


class BaseTrainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.device = torch.device("cpu")
        self.setup()
        self.model.to(self.device)

    def setup(self):
        """Set self.model, self.optimizer, self.loader and self.val_loader."""
        raise NotImplementedError

    def train_step(self, batch) -> dict[str, float]:
        """One optimizer step; returns numbers by name."""
        raise NotImplementedError

    def eval_step(self, batch) -> dict[str, float]:
        """Numbers of a batch, nothing trained."""
        raise NotImplementedError

    def fit(self, epochs=2):
        history = []
        for epoch in range(epochs):
            self.model.train()
            rows = [self.train_step([each.to(self.device) for each in batch]) for batch in self.loader]
            history.append(sum(row["loss"] for row in rows) / len(rows))
            log.info("epoch %d: %.4f", epoch, history[-1])
        return history

    def evaluate(self):
        self.model.eval()
        with torch.no_grad():
            rows = [self.eval_step([each.to(self.device) for each in batch]) for batch in self.val_loader]
        self.model.train()
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
'''
    sibling = '''\
"""Trains $Camel step by step."""

from __future__ import annotations

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net
from train.base_trainer import BaseTrainer
$registry_import

class ${Camel}Trainer(BaseTrainer):
    """Trains ${Camel}Net."""

    def __init__(self, cfg: $Config | None = None) -> None:
        super().__init__(cfg or $load)

    def setup(self) -> None:
        """Model, optimizer and data."""
        config = self.cfg
        self.model = ${Camel}Net(hidden=$config_hidden)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=$config_learning_rate)
        self.loader = ${key}_loader($config_batch_size)
        self.val_loader = ${key}_loader($config_batch_size, train=False)

    def train_step(self, batch: list[torch.Tensor]) -> dict[str, float]:
        """One step."""
        features, targets = batch
        outputs = self.model(features)
        loss = $loss
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item()}

    def eval_step(self, batch: list[torch.Tensor]) -> dict[str, float]:
        """The loss."""
        features, targets = batch
        outputs = self.model(features)
        return {"loss": $loss.item()}
'''
    return ContractPart("stepping", "step_level", base, sibling, "found().fit()")
