"""A project of experiments: a generic base, a registry that reads the class's ``name``, settings beside each trainer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run

PROJECT = {
    "lab/experiment.py": """\
'''Experiments: subclass, name, register.'''
from __future__ import annotations
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch
from torch import nn
from torch.utils.data import DataLoader


@dataclass
class ExperimentConfig:
    lr: float = 1e-3
    epochs: int = 3
    batch_size: int = 16


C = TypeVar("C", bound=ExperimentConfig)
EXPERIMENTS: dict[str, type["Experiment"]] = {}


def register(cls):
    '''Make an experiment known under its name.'''
    EXPERIMENTS[cls.name] = cls
    return cls


class Experiment(ABC, Generic[C]):
    '''One run.'''

    name: ClassVar[str]
    config_class: ClassVar[type]

    def __init__(self, config: C) -> None:
        self.config = config
        self.model = self.build_model()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.lr)

    @abstractmethod
    def build_model(self) -> nn.Module:
        '''The network.'''

    @abstractmethod
    def build_loader(self) -> DataLoader:
        '''Training batches.'''

    @abstractmethod
    def loss(self, batch) -> torch.Tensor:
        '''The loss of one batch.'''

    def run(self) -> list[float]:
        losses = []
        for _ in range(self.config.epochs):
            for batch in self.build_loader():
                self.optimizer.zero_grad()
                loss = self.loss(batch)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
        return losses
""",
    "lab/experiments/__init__.py": """\
from lab.experiments.ridge import RidgeExperiment

__all__ = ["RidgeExperiment"]
""",
    "lab/experiments/ridge.py": """\
'''Ridge regression on random numbers.'''
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lab.experiment import Experiment, ExperimentConfig, register


@dataclass
class RidgeConfig(ExperimentConfig):
    features: int = 8


@register
class RidgeExperiment(Experiment[RidgeConfig]):
    '''A linear model.'''

    name = "ridge"
    config_class = RidgeConfig

    def build_model(self) -> nn.Module:
        return nn.Linear(self.config.features, 1)

    def build_loader(self) -> DataLoader:
        x = torch.randn(64, self.config.features)
        return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=self.config.batch_size, shuffle=True)

    def loss(self, batch) -> torch.Tensor:
        x, y = batch
        return nn.functional.mse_loss(self.model(x), y)
""",
    "run.py": """\
import sys

import lab.experiments  # noqa: F401
from lab.experiment import EXPERIMENTS

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] == "--list":
        print(*EXPERIMENTS)
        raise SystemExit
    cls = EXPERIMENTS[sys.argv[1]]
    print(cls(cls.config_class()).run()[-1])
""",
    "lab/__init__.py": "",
}
MODEL = """\
from torch import nn


class IrisNet(nn.Module):
    '''Classifies irises.'''

    def __init__(self, features: int = 4, classes: int = 3, hidden: int = 16) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, x):
        return self.net(x)
"""
DATA = """\
import torch
from sklearn.datasets import load_iris
from torch.utils.data import DataLoader, TensorDataset


def iris_loader(batch_size: int = 16) -> DataLoader:
    x, y = load_iris(return_X_y=True)
    return DataLoader(TensorDataset(torch.tensor(x).float(), torch.tensor(y)), batch_size=batch_size, shuffle=True)
"""


@pytest.mark.slow
def test_the_base_stays_generic_and_names_follow(project: Path, trainergen: Run) -> None:
    write_tree(project, {**PROJECT, "lab/net.py": MODEL, "lab/data.py": DATA})
    before = read_tree(project)
    answer = trainergen("new", "--model", "lab/net.py:IrisNet", "--loader", "lab.data:iris_loader")
    assert answer.exit == 0, answer.stdout
    assert "python run.py iris_net        trains and ends with num_epochs 1" in answer.stdout
    trainer = (project / "lab/experiments/iris_net.py").read_text()
    for said in (
        "class IrisNetExperiment(Experiment[IrisNetConfig]):",
        '    name = "iris_net"',
        "    config_class = IrisNetConfig",
        "class IrisNetConfig(ExperimentConfig):\n    features: int = 4\n",
        "from torch.utils.data import DataLoader",
    ):
        assert said in trainer
    for inherited in ("epochs:", "batch_size:", "lr:", "Ridge"):  # the project's own, for all of its trainers
        assert inherited not in trainer
    exports = (project / "lab/experiments/__init__.py").read_text()
    assert exports.endswith('__all__ = ["RidgeExperiment", "IrisNetExperiment"]\n')
    listed = subprocess.run([sys.executable, "run.py", "--list"], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["ridge", "iris_net"]
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


def test_which_loader_is_the_models_is_asked_and_nothing_is_written(project: Path, trainergen: Run) -> None:
    write_tree(project, {**PROJECT, "lab/net.py": MODEL})
    before = read_tree(project)
    answer = trainergen("new", "--model", "lab/net.py:IrisNet")
    assert answer.exit == 4, answer.stdout
    assert "make their own data loaders" in answer.stdout and "--loader" in answer.stdout
    assert read_tree(project) == before
