"""Projects as their owners grew them, first tried by hand: an Enum of trainers, files with ``_target_``, a base of properties."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run

DATA = """\
'''Data.'''
import torch
from sklearn.datasets import load_digits, load_wine
from torch.utils.data import DataLoader, TensorDataset


def get_wine(batch_size=16, split="train"):
    x, y = load_wine(return_X_y=True)
    x = torch.tensor((x - x.mean(0)) / x.std(0)).float()
    return DataLoader(TensorDataset(x, torch.tensor(y).long()), batch_size=batch_size, shuffle=split == "train")


def get_digits(batch_size=16, split="train"):
    x, y = load_digits(return_X_y=True)
    x = torch.tensor(x / 16).float().view(-1, 1, 8, 8)
    return DataLoader(TensorDataset(x, torch.tensor(y).long()), batch_size=batch_size, shuffle=split == "train")
"""
MODELS = """\
import torch
from torch import nn


class WineNet(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(13, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, x):
        return self.net(x)


class DigitsCNN(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, 3, padding=1)
        self.head = nn.Linear(channels * 16, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.head(x.flatten(1))
"""
ENUM = {
    "trainers/__init__.py": """\
""",
    "trainers/base.py": """\
import torch


class Trainer:
    def __init__(self, epochs: int = 2, lr: float = 1e-3, batch_size: int = 16) -> None:
        self.epochs, self.lr, self.batch_size = epochs, lr, batch_size
        self.model = self.make_model()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)

    def make_model(self) -> torch.nn.Module:
        raise NotImplementedError

    def loader(self):
        raise NotImplementedError

    def loss(self, batch) -> torch.Tensor:
        raise NotImplementedError

    def run(self) -> None:
        for _ in range(self.epochs):
            for batch in self.loader():
                loss = self.loss(batch)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
""",
    "trainers/wine.py": """\
import torch
from torch.nn import functional as F

from data import get_wine
from models import WineNet

from .base import Trainer


class WineTrainer(Trainer):
    '''Wine.'''

    def make_model(self) -> torch.nn.Module:
        return WineNet()

    def loader(self):
        return get_wine(self.batch_size)

    def loss(self, batch) -> torch.Tensor:
        x, y = batch
        return F.cross_entropy(self.model(x), y)
""",
    "trainers/wide_wine.py": """\
import torch
from torch.nn import functional as F

from data import get_wine
from models import WineNet

from .base import Trainer


class WideWineTrainer(Trainer):
    '''Wine, wide.'''

    def make_model(self) -> torch.nn.Module:
        return WineNet(64)

    def loader(self):
        return get_wine(self.batch_size)

    def loss(self, batch) -> torch.Tensor:
        x, y = batch
        return F.cross_entropy(self.model(x), y, label_smoothing=0.1)
""",
    "trainers/registry.py": """\
from enum import Enum

from .wide_wine import WideWineTrainer
from .wine import WineTrainer


class TrainerKind(Enum):
    '''What can be trained.'''

    WINE = WineTrainer
    WIDE_WINE = WideWineTrainer
""",
    "train.py": """\
import argparse

from trainers.registry import TrainerKind

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer", choices=[each.name.lower() for each in TrainerKind], required=True)
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args()
    TrainerKind[args.trainer.upper()].value(epochs=args.epochs).run()
""",
}
TARGETS = {
    "conf/config.yaml": """\
defaults:
  - trainer: wine
seed: 0
""",
    "conf/trainer/wine.yaml": """\
# the wine trainer
_target_: trainers.wine.WineTrainer
epochs: 2
lr: 1.0e-3
batch_size: 16
""",
    "conf/trainer/wide_wine.yaml": """\
_target_: trainers.wide_wine.WideWineTrainer
epochs: 2
lr: 3.0e-4
batch_size: 32
""",
    "main.py": """\
'''python main.py trainer=wine'''
import importlib
import sys
from pathlib import Path

import yaml

CONF = Path(__file__).parent / "conf"


def load(overrides):
    config = yaml.safe_load((CONF / "config.yaml").read_text())
    chosen = {k: v for each in config.pop("defaults") for k, v in each.items()}
    chosen.update(dict(each.split("=", 1) for each in overrides))
    for group, name in chosen.items():
        config[group] = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    return config


def instantiate(node):
    node = dict(node)
    module, _, name = node.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name)(**node)


def main():
    config = load(sys.argv[1:])
    instantiate(config["trainer"]).fit()


if __name__ == "__main__":
    main()
""",
    "trainers/__init__.py": """\
""",
    "trainers/base.py": """\
from abc import ABC, abstractmethod

import torch


class BaseTrainer(ABC):
    def __init__(self, model, train_loader, epochs, lr):
        self.model = model
        self.train_loader = train_loader
        self.epochs = epochs
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    @abstractmethod
    def training_step(self, batch):
        ...

    def fit(self):
        for epoch in range(self.epochs):
            for batch in self.train_loader:
                self.optimizer.zero_grad()
                loss = self.training_step(batch)
                loss.backward()
                self.optimizer.step()
            print("epoch", epoch, loss.item())
""",
    "trainers/wine.py": """\
import torch.nn.functional as F

from data import get_wine
from models import WineNet
from trainers.base import BaseTrainer


class WineTrainer(BaseTrainer):
    def __init__(self, epochs=2, lr=1e-3, batch_size=16):
        super().__init__(WineNet(), get_wine(batch_size), epochs, lr)

    def training_step(self, batch):
        x, y = batch
        return F.cross_entropy(self.model(x), y)
""",
    "trainers/wide_wine.py": """\
import torch.nn.functional as F

from data import get_wine
from models import WineNet
from trainers.base import BaseTrainer


class WideWineTrainer(BaseTrainer):
    def __init__(self, epochs=2, lr=1e-3, batch_size=16):
        super().__init__(WineNet(64), get_wine(batch_size), epochs, lr)

    def training_step(self, batch):
        x, y = batch
        return F.cross_entropy(self.model(x), y)
""",
}
PROPERTIES = {
    "src/acme/__init__.py": """\
""",
    "pyproject.toml": """\
[project]
name = "acme"
version = "0.1"

[tool.setuptools.packages.find]
where = ["src"]
""",
    "src/acme/training/__init__.py": """\
'''Training.'''
from .wine import WineTrainer

__all__ = ("WineTrainer",)
""",
    "src/acme/training/base.py": """\
from abc import ABC, abstractmethod

import torch
from torch import nn


class AbstractTrainer(ABC):
    max_epochs = 2

    @property
    @abstractmethod
    def model(self) -> nn.Module:
        '''The network.'''

    @property
    @abstractmethod
    def train_data(self):
        '''Iterable of batches.'''

    @property
    def learning_rate(self) -> float:
        return 1e-3

    @abstractmethod
    def loss(self, batch) -> torch.Tensor:
        '''Loss of a batch.'''

    def fit(self) -> float:
        optimizer = torch.optim.SGD(self.model.parameters(), lr=self.learning_rate)
        for _ in range(self.max_epochs):
            for batch in self.train_data:
                optimizer.zero_grad()
                loss = self.loss(batch)
                loss.backward()
                optimizer.step()
        return loss.item()
""",
    "src/acme/training/wine.py": """\
from functools import cached_property

import torch
from torch import nn

from ..data import get_wine
from ..models import WineNet
from .base import AbstractTrainer


class WineTrainer(AbstractTrainer):
    '''Trains on wine.'''

    @cached_property
    def model(self) -> nn.Module:
        return WineNet()

    @cached_property
    def train_data(self):
        return get_wine()

    def loss(self, batch) -> torch.Tensor:
        x, y = batch
        return nn.functional.cross_entropy(self.model(x), y)
""",
}


def made_in(project: Path, trainergen: Run, files: dict[str, str], folder: str = "") -> str:
    """What `new` says of a trainer for ``DigitsCNN`` in that project; undone afterwards, byte for byte."""
    write_tree(project, {**files, f"{folder}data.py": DATA, f"{folder}models.py": MODELS})
    before = read_tree(project)
    answer = trainergen("new", "--model", f"{folder}models.py:DigitsCNN")
    assert answer.exit == 0, answer.stdout
    written = {path: project / path for path in read_tree(project) if path not in before}
    text = "".join(path.read_text() for name, path in written.items() if name.endswith((".py", ".yaml")))
    changed = "".join((project / name).read_text() for name in files)
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before
    return answer.stdout + text + changed


def test_an_enum_of_trainers_and_a_loop_that_asks_for_its_loader(project: Path, trainergen: Run) -> None:
    said = made_in(project, trainergen, ENUM)
    assert "    DIGITS_CNN = DigitsCNNTrainer\n" in said
    assert "return DigitsCNN(channels=8)" in said
    assert "python train.py --trainer digits_cnn --epochs 1  trains and ends" in said


@pytest.mark.slow
def test_files_that_name_their_class_without_hydra(project: Path, trainergen: Run) -> None:
    said = made_in(project, trainergen, TARGETS)
    assert "_target_: trainers.digits_cnn.DigitsCNNTrainer\n" in said
    assert "model_channels: 8\n" in said
    assert "DigitsCNN(channels=model_channels)" in said


@pytest.mark.slow
def test_a_base_of_abstract_properties(project: Path, trainergen: Run) -> None:
    said = made_in(project, trainergen, PROPERTIES, "src/acme/")
    assert "return get_digits()" in said
    assert "logits = self.model(inputs)" in said
    assert "from .digits_cnn import DigitsCNNTrainer" in said


TASKS = {
    "minilit.py": """\
from torch import nn


class Task(nn.Module):
    def training_step(self, batch, batch_idx):
        raise NotImplementedError

    def configure_optimizers(self):
        raise NotImplementedError


class Runner:
    def fit(self, task, loader):
        optimizer = task.configure_optimizers()
        for index, batch in enumerate(loader):
            optimizer.zero_grad()
            task.training_step(batch, index).backward()
            optimizer.step()
""",
}


def test_a_base_whose_loop_another_object_runs_is_refused_with_a_way_out(project: Path, trainergen: Run) -> None:
    write_tree(project, {**TASKS, "data.py": DATA, "models.py": MODELS})
    before = read_tree(project)
    answer = trainergen("new", "--model", "models.py:DigitsCNN", "--base-trainer", "minilit:Task")
    assert answer.exit == 3, answer.stdout
    for said in ("Task keeps no model", "--> minilit.py:4", "--base-trainer default"):
        assert said in answer.stdout
    assert read_tree(project) == before
