"""Projects whose base trainer owns the loop and asks for the loss: a tensor, (loss, statistics), or a mapping with it."""

from __future__ import annotations

from .parts import ContractPart


def first_shape() -> ContractPart:
    """Constructor (model, dataloader, optimizer, config, *, run_name, run_directory); siblings build themselves."""
    base = '''\
"""What every trainer shares."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

logger = logging.getLogger(__name__)


class BaseTrainer:
    """Owns the loop.

    A subclass gives compute_loss.
    """

    def __init__(self, model, dataloader, optimizer, config, *, run_name=None, run_directory=None):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device)
        self.dataloader = dataloader
        self.optimizer = optimizer
        self.config = config
        self.run_name = run_name or type(self).__name__.lower()
        self.run_directory = Path(run_directory or "runs") / self.run_name
        self.history = []

    def compute_loss(self, batch):
        """The loss of a batch, a scalar tensor."""
        raise NotImplementedError

    def move(self, batch):
        if isinstance(batch, torch.Tensor):
            return batch.to(self.device)
        return type(batch)(each.to(self.device) for each in batch)

    def on_train_end(self):
        """After the last epoch."""

    def save_weights(self, name="weights.pt"):
        self.run_directory.mkdir(parents=True, exist_ok=True)
        path = self.run_directory / name
        torch.save(self.model.state_dict(), path)
        return path

    def train(self, epochs=2):
        for epoch in range(epochs):
            self.model.train()
            total, count = 0.0, 0
            for batch in self.dataloader:
                batch = self.move(batch)
                self.optimizer.zero_grad()
                loss = self.compute_loss(batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                total += loss.item() * len(batch[0])
                count += len(batch[0])
            self.history.append(total / count)
            logger.info("epoch %d: loss %.4f", epoch, self.history[-1])
        self.on_train_end()
        return self.history
'''
    sibling = '''\
"""Trains $Camel."""

from __future__ import annotations

import logging

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net
from train.base_trainer import BaseTrainer
$registry_import

logger = logging.getLogger(__name__)


class ${Camel}Trainer(BaseTrainer):
    """Train ${Camel}Net on the $key data."""

    def __init__(self, config: $Config | None = None, *, run_name: str | None = None, run_directory: str | None = None) -> None:
        config = config if config is not None else $load
        model = ${Camel}Net(hidden=$config_hidden)
        optimizer = torch.optim.AdamW(model.parameters(), lr=$config_learning_rate)
        loader = ${key}_loader(batch_size=$config_batch_size)
        super().__init__(model, loader, optimizer, config, run_name=run_name, run_directory=run_directory)

    def compute_loss(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """The loss of a batch of (features, targets)."""
        features, targets = batch
        outputs = self.model(features)
        return $loss

    def on_train_end(self) -> None:
        """Save the weights."""
        path = self.save_weights()
        logger.info("saved %s", path)
'''
    return ContractPart("first-shape", "loss_returning", base, sibling, "found().train()")


def second_shape() -> ContractPart:
    """Keywords scheduler and val_dataloader, `_forward_batch`; neither model nor batch is moved by the base."""
    base = '''\
"""What every trainer shares."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import torch


class BaseTrainer:
    """Loop, validation, scheduler, early stopping."""

    def __init__(self, model, dataloader, optimizer, config, *, scheduler=None, val_dataloader=None,
                 run_name=None, run_directory=None):
        self.model = model
        self.dataloader = dataloader
        self.optimizer = optimizer
        self.config = config
        self.scheduler = scheduler
        self.val_dataloader = val_dataloader
        self.device = next(model.parameters()).device
        self.run_directory = Path(run_directory or "runs") / (run_name or "run")
        self.best = float("inf")
        self.history = []

    @abstractmethod
    def compute_loss(self, batch):
        """Scalar loss of a batch that is a mapping."""

    @abstractmethod
    def _forward_batch(self, batch):
        """Take the batch apart, run the model; gives what compute_loss needs."""

    def _collect_batch_metrics(self) -> dict[str, float]:
        return {}

    def _train_batch(self, batch):
        if isinstance(batch, (list, tuple)):
            raise ValueError("a batch must be a mapping")
        self.optimizer.zero_grad()
        loss = self.compute_loss(batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def _evaluate_batch(self, batch):
        with torch.no_grad():
            return self.compute_loss(batch)

    def evaluate(self) -> dict[str, float]:
        self.model.eval()
        losses = [float(self._evaluate_batch(batch)) for batch in self.val_dataloader or ()]
        self.model.train()
        return {"loss": sum(losses) / len(losses)} if losses else {}

    def on_epoch_end(self, train_loss, metrics) -> bool:
        return False

    def save_model(self, path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(self.model.state_dict(), path)

    def train(self, epochs=2):
        for _ in range(epochs):
            self.model.train()
            losses = [float(self._train_batch(batch)) for batch in self.dataloader]
            metrics = self.evaluate()
            if self.scheduler is not None:
                self.scheduler.step()
            self.history.append({"loss": sum(losses) / len(losses), **{f"val_{k}": v for k, v in metrics.items()}})
            if self.on_epoch_end(self.history[-1]["loss"], metrics):
                break
        self.save_model(self.run_directory / "model.pt")
        return self.history
'''
    sibling = '''\
"""Trains $Camel."""

from __future__ import annotations

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net

from .base_trainer import BaseTrainer
$registry_import

class ${Camel}Trainer(BaseTrainer):
    """Train ${Camel}Net.

    A batch is a mapping with features and targets.
    """

    @classmethod
    def from_config(cls, config: $Config | None = None) -> ${Camel}Trainer:
        """Build everything that the configuration describes."""
        config = config if config is not None else $load
        model = ${Camel}Net(hidden=$config_hidden)
        optimizer = torch.optim.Adam(model.parameters(), lr=$config_learning_rate)
        return cls(
            model,
            ${key}_loader(batch_size=$config_batch_size),
            optimizer,
            config,
            scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 10),
            val_dataloader=${key}_loader(batch_size=$config_batch_size, train=False),
        )

    def _forward_batch(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Outputs of the model."""
        return self.model(batch["features"].to(self.device))

    def compute_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The loss of the outputs."""
        outputs = self._forward_batch(batch)
        targets = batch["targets"].to(self.device)
        return $loss
'''
    run = "found.from_config().train()"
    return ContractPart("second-shape", "loss_returning", base, sibling, run, batches="mappings")


def with_statistics() -> ContractPart:
    """(loss, stats); the entry point builds a trainer of parts by functions of the sibling's module."""
    base = '''\
"""Base class of the trainers."""

import abc

import torch
from torch.nn.utils import clip_grad_norm_


class BaseTrainer(abc.ABC):
    def __init__(self, net, optim, train_loader, cfg, eval_loader=None):
        self.net = net
        self.optim = optim
        self.train_loader = train_loader
        self.eval_loader = eval_loader
        self.cfg = cfg
        self.device = torch.device("cpu")

    @abc.abstractmethod
    def loss_fn(self, batch):
        """Returns (loss, stats): a tensor, and numbers to log by name."""

    def to_device(self, batch):
        return [each.to(self.device) for each in batch]

    def fit(self, epochs=2):
        self.net.to(self.device)
        log = []
        for _ in range(epochs):
            self.net.train()
            for batch in self.train_loader:
                loss, stats = self.loss_fn(self.to_device(batch))
                self.optim.zero_grad()
                loss.backward()
                clip_grad_norm_(self.net.parameters(), 5.0)
                self.optim.step()
                log.append({"loss": loss.item(), **stats})
        return log
'''
    sibling = '''\
"""Trainer of ${Camel}Net."""

import torch
from torch.nn import functional

from data import ${key}_loader
from models import ${Camel}Net
from train.base_trainer import BaseTrainer
$config_import
$registry_import

class ${Camel}Trainer(BaseTrainer):
    """Trains ${Camel}Net."""

    def loss_fn(self, batch):
        features, targets = batch
        outputs = self.net(features)
        loss = $loss
        return loss, {"spread": outputs.detach().std().item()}

    @classmethod
    def build(cls, config=None):
        config = config or $load
        net = ${Camel}Net(hidden=$config_hidden)
        optim = torch.optim.SGD(net.parameters(), lr=$config_learning_rate, momentum=0.9)
        return cls(net, optim, ${key}_loader($config_batch_size), config)
'''
    return ContractPart("with-statistics", "loss_returning", base, sibling, "found.build().fit()")


def with_mapping() -> ContractPart:
    """training_step(batch, batch_idx) gives {"loss": ...}; numpy docstrings, a project's own logger."""
    base = '''\
"""The trainer that all others extend."""

from __future__ import annotations

import torch

from log import get_logger

logger = get_logger(__name__)


class BaseTrainer:
    """Base trainer.

    Parameters
    ----------
    model : torch.nn.Module
        What is trained.
    config : object
        Settings.
    loader : iterable
        Batches.
    """

    def __init__(self, model, config, loader, val_loader=None):
        self.model = model
        self.config = config
        self.loader = loader
        self.val_loader = val_loader
        self.device = "cpu"
        self.optimizer = self.configure_optimizer()

    def configure_optimizer(self):
        return torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def training_step(self, batch, batch_idx):
        raise NotImplementedError("training_step")

    def validation_step(self, batch, batch_idx):
        return self.training_step(batch, batch_idx)

    def validate(self):
        self.model.eval()
        with torch.no_grad():
            values = [self.validation_step(self._move(b), i)["loss"].item() for i, b in enumerate(self.val_loader or ())]
        self.model.train()
        return {"loss": sum(values) / max(len(values), 1)}

    def _move(self, batch):
        return [each.to(self.device) for each in batch]

    def run(self, epochs=2):
        for epoch in range(epochs):
            self.model.train()
            for index, batch in enumerate(self.loader):
                output = self.training_step(self._move(batch), index)
                self.optimizer.zero_grad(set_to_none=True)
                output["loss"].backward()
                self.optimizer.step()
            logger.info("epoch %d: %s", epoch, self.validate())
'''
    sibling = '''\
"""The $key trainer."""

from __future__ import annotations

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from log import get_logger
from models import ${Camel}Net
from train.base_trainer import BaseTrainer
$registry_import

logger = get_logger(__name__)


class ${Camel}Trainer(BaseTrainer):
    """Train ${Camel}Net.

    Parameters
    ----------
    config : $Config, optional
        Settings; read where there are none.
    """

    def __init__(self, config: $Config | None = None) -> None:
        config = config or $load
        super().__init__(
            ${Camel}Net(hidden=$config_hidden),
            config,
            ${key}_loader($config_batch_size),
            ${key}_loader($config_batch_size, train=False),
        )

    def configure_optimizer(self) -> torch.optim.Optimizer:
        """Build the optimizer."""
        return torch.optim.Adam(self.model.parameters(), lr=$self_learning_rate)

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> dict[str, torch.Tensor]:
        """Compute the loss.

        Parameters
        ----------
        batch : list of torch.Tensor
            Features and targets.
        batch_idx : int
            Number of the batch.

        Returns
        -------
        dict of str to torch.Tensor
            The loss.
        """
        features, targets = batch
        outputs = self.model(features)
        return {"loss": $loss}
'''
    log = '''\
"""The project's logger."""

import logging


def get_logger(name):
    return logging.getLogger(f"house.{name}")
'''
    return ContractPart("with-mapping", "loss_returning", base, sibling, "found().run()", extra={"log.py": log})
