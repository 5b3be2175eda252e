"""Projects whose trainers give components to a base that does the rest, and one that has functions and no class."""

from __future__ import annotations

from .parts import ContractPart


def components() -> ContractPart:
    """build_model, get_optimizer, build_loader, get_criterion, unpack_batch."""
    base = '''\
"""The base trainer builds itself of components."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


class BaseTrainer:
    """Subclasses say of what; everything else is here."""

    def __init__(self, config, device="cpu"):
        self.config = config
        self.device = torch.device(device)
        self.model = self.build_model().to(self.device)
        self.criterion = self.get_criterion()
        self.optimizer = self.get_optimizer(self.model.parameters())
        self.train_loader = self.build_loader("train")
        self.val_loader = self.build_loader("val")

    def build_model(self) -> nn.Module:
        """The network."""
        raise NotImplementedError

    def get_optimizer(self, parameters):
        """The optimizer of the parameters."""
        raise NotImplementedError

    def get_criterion(self):
        """A function of (outputs, targets) that gives the loss."""
        raise NotImplementedError

    def build_loader(self, split):
        """Batches of a split, "train" or "val"."""
        raise NotImplementedError

    def unpack_batch(self, batch):
        """(inputs, targets) of a batch."""
        raise NotImplementedError

    def _loss(self, batch):
        inputs, targets = self.unpack_batch(batch)
        outputs = self.model(inputs.to(self.device))
        return self.criterion(outputs, targets.to(self.device))

    def run(self, epochs=2):
        for _ in range(epochs):
            self.model.train()
            for batch in self.train_loader:
                self.optimizer.zero_grad()
                loss = self._loss(batch)
                loss.backward()
                self.optimizer.step()
            self.validate()
        Path("runs").mkdir(exist_ok=True)
        torch.save(self.model.state_dict(), Path("runs") / f"{type(self).__name__}.pt")

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        losses = [self._loss(batch).item() for batch in self.val_loader]
        self.model.train()
        return {"loss": sum(losses) / len(losses)}
'''
    sibling = '''\
"""Components of the $key training."""

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
    """${Camel}Net on the $key data."""

    def __init__(self, config: $Config | None = None) -> None:
        super().__init__(config or $load)

    def build_model(self) -> nn.Module:
        """Build ${Camel}Net."""
        return ${Camel}Net(hidden=$self_hidden)

    def get_optimizer(self, parameters) -> torch.optim.Optimizer:
        """Build Adam."""
        return torch.optim.Adam(parameters, lr=$self_learning_rate)

    def get_criterion(self):
        """The loss function."""
        return lambda outputs, targets: $loss

    def build_loader(self, split: str):
        """The loader of a split."""
        return ${key}_loader($self_batch_size, train=split == "train")

    def unpack_batch(self, batch):
        """Features and targets."""
        features, targets = batch
        return features, targets
'''
    return ContractPart("components", "component_hooks", base, sibling, "found().run()")


def functions() -> ContractPart:
    """One function a model, `train_<key>(config)`; no class."""
    sibling = '''\
"""Training of ${Camel}Net."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch.nn import functional

$config_import
from data import ${key}_loader
from models import ${Camel}Net
$registry_import

logger = logging.getLogger(__name__)


def train_${key}(config: $Config | None = None, output_dir: str = "runs") -> list[float]:
    """Train ${Camel}Net and save it; returns the losses of the epochs."""
    config = config if config is not None else $load
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = ${Camel}Net(hidden=$config_hidden).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=$config_learning_rate)
    loader = ${key}_loader(batch_size=$config_batch_size)
    losses = []
    for epoch in range($config_num_epochs):
        model.train()
        total, count = 0.0, 0
        for features, targets in loader:
            features, targets = features.to(device), targets.to(device)
            optimizer.zero_grad()
            outputs = model(features)
            loss = $loss
            loss.backward()
            optimizer.step()
            total += loss.item() * len(features)
            count += len(features)
        losses.append(total / count)
        logger.info("epoch %d: loss %.4f", epoch, losses[-1])
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), Path(output_dir) / "${key}.pt")
    return losses
'''
    return ContractPart(
        "functions", "functions", "", sibling, "found()", symbol="train_${key}", module="train.${key}_training"
    )
