"""Base trainers whose contract shows without a sibling, or that ask for something which nobody can tell."""

from __future__ import annotations

from ..projects.configs import dataclass
from ..projects.core import DATA_OF_PAIRS, MODELS


def house(base: str, **files: str) -> dict[str, str]:
    """A project with that base trainer and settings of wine, and no trainer."""
    return {
        "models.py": MODELS,
        "data.py": DATA_OF_PAIRS,
        **dataclass().files,
        "train/__init__.py": "",
        "train/base_trainer.py": base,
        **files,
    }


EPOCH = """\
import torch


class BaseTrainer:
    def __init__(self, model, optimizer, train_loader, val_loader, config):
        self.model, self.optimizer = model, optimizer
        self.train_loader, self.val_loader = train_loader, val_loader
        self.config = config
        self.device = torch.device("cpu")
        self.best_loss = float("inf")

    def train_one_epoch(self, epoch):
        raise NotImplementedError

    def validate(self):
        raise NotImplementedError

    def fit(self):
        for epoch in range(self.config.num_epochs):
            self.train_one_epoch(epoch)
            loss = self.validate()
            if loss < self.best_loss:
                self.best_loss = loss
                torch.save(self.model.state_dict(), "best.pt")
"""
LOOP = '''\
from abc import ABC, abstractmethod
from pathlib import Path

import torch


class BaseTrainer(ABC):
    def __init__(self):
        self.device = torch.device("cpu")
        self.model.to(self.device)
        self.run_dir = Path("runs")
        self.rows = [self.config, self.optimizer, self.dataloader, self.val_dataloader]

    @abstractmethod
    def train(self) -> None:
        """Everything."""

    @abstractmethod
    def save_checkpoint(self, epoch: int, is_best: bool = False) -> None:
        """Write what a training goes on from."""
'''
OUTPUTS = """\
import abc

import torch


class BaseTrainer(abc.ABC):
    def __init__(self, config):
        self.config = config
        self.device = "cpu"
        self.model = self.get_model().to(self.device)
        self.train_dl, self.val_dl = self.get_dataloaders()
        self.opt = self.get_optimizer()

    @abc.abstractmethod
    def get_model(self): ...

    @abc.abstractmethod
    def get_dataloaders(self): ...

    @abc.abstractmethod
    def compute_loss(self, outputs, targets): ...

    def get_optimizer(self):
        return torch.optim.AdamW(self.model.parameters(), lr=self.config.learning_rate)

    def train(self):
        for _ in range(self.config.num_epochs):
            self.model.train()
            for x, y in self.train_dl:
                self.opt.zero_grad()
                loss = self.compute_loss(self.model(x), y)
                loss.backward()
                self.opt.step()
        torch.save(self.model.state_dict(), "last.pt")
"""
PAIR = '''\
from __future__ import annotations

import torch


class BaseTrainer:
    """Base of trainers."""

    def __init__(self, model: torch.nn.Module, train_loader, optimizer, cfg, *, val_loader=None, device="cpu"):
        self.model = model.to(device)
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.optimizer = optimizer
        self.cfg = cfg
        self.device = torch.device(device)

    def forward_pass(self, batch) -> tuple[torch.Tensor, dict]:
        """Returns the loss and metrics."""
        raise NotImplementedError("subclass")

    def train(self):
        for _ in range(self.cfg.num_epochs):
            self.model.train()
            for batch in self.train_loader:
                loss, metrics = self.forward_pass(batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.01)
                self.optimizer.step()
                self.optimizer.zero_grad()
'''
UNKNOWN = EPOCH.replace("def validate(self):", "def frobnicate(self):").replace("self.validate()", "self.frobnicate()")
NOTHING = """\
class BaseTrainer:
    def __init__(self, model):
        self.model = model

    def train(self):
        print(self.model)
"""
LAYERED = """\
class BaseTrainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.build()

    def build(self):
        raise NotImplementedError

    def train_epoch(self):
        raise NotImplementedError

    def run(self):
        for _ in range(2):
            for name, value in self.train_epoch().items():
                print(name, value)


class ClassificationTrainer(BaseTrainer):
    def train_epoch(self):
        self.model.train()
        for batch in self.loader:
            self.optimizer.zero_grad()
            loss = self.loss(batch)
            loss.backward()
            self.optimizer.step()
        return {"loss": loss.item()}

    def loss(self, batch):
        raise NotImplementedError
"""
LAYERED_WINE = """\
import torch
from torch.nn import functional as F

from data import wine_loader
from models import WineNet
from settings import WineConfig
from train.base_trainer import ClassificationTrainer


class WineTrainer(ClassificationTrainer):
    def __init__(self, cfg=None):
        super().__init__(cfg or WineConfig())

    def build(self):
        self.model = WineNet(self.cfg.hidden)
        self.loader = wine_loader(self.cfg.batch_size)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.cfg.learning_rate)

    def loss(self, batch):
        x, y = batch
        return F.cross_entropy(self.model(x), y)
"""
ARGUMENTS = """\
from abc import ABC, abstractmethod

import torch


class BaseTrainer(ABC):
    def __init__(self, model, optimizer, loader):
        self.model, self.optimizer, self.loader = model, optimizer, loader
        self.device = torch.device("cpu")

    @abstractmethod
    def fit(self): ...
"""
ARGUMENTS_WINE = '''\
import torch
from torch.nn import functional as F

from data import wine_loader
from models import WineNet
from train.base_trainer import BaseTrainer


class WineTrainer(BaseTrainer):
    """Wine."""

    def __init__(self, lr: float = 0.01, batch_size: int = 16):
        """Build."""
        model = WineNet()
        super().__init__(model, torch.optim.SGD(model.parameters(), lr=lr), wine_loader(batch_size))

    def fit(self):
        for epoch in range(3):
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = F.cross_entropy(self.model(x), y)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
'''
