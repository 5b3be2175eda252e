"""Trainers of every pattern, and broken ones, each small enough that a flag takes no time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tests.runtime.test_training import LBFGSTrainer
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, quadrants
from trainergen.runtime import Trainer
from trainergen.runtime.losses import listnet_loss

Pair = tuple[torch.Tensor, torch.Tensor]


def as_dict(items: list[Any]) -> dict[str, torch.Tensor]:
    return {"points": torch.stack([each[0] for each in items]), "labels": torch.stack([each[1] for each in items])}


class Structured(Trainer[dict[str, torch.Tensor], ToyConfig]):
    """Batches are dicts."""

    config_class = ToyConfig

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Any], Iterable[Any] | None]:
        loader = DataLoader(quadrants(64), config.batch_size, shuffle=config.shuffle, collate_fn=as_dict)
        return loader, DataLoader(quadrants(32, seed=1), config.batch_size, collate_fn=as_dict)

    def compute_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional.cross_entropy(self.model(batch["points"]), batch["labels"])


class MultiTensor(ToyTrainer):
    """Prepares its inputs."""

    def _forward_batch(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        return functional.cross_entropy(self.model(points * 2.0), labels)


class Ranking(Trainer[Pair, ToyConfig]):
    """Scores lists."""

    config_class = ToyConfig

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Pair], Iterable[Pair] | None]:
        generator = torch.Generator().manual_seed(0)
        items = torch.randn(40, 5, 3, generator=generator)
        ranks = items[..., 0].argsort(dim=1, descending=True).argsort(dim=1) + 1
        return DataLoader(TensorDataset(items, ranks), batch_size=config.batch_size), None

    def compute_loss(self, batch: Pair) -> torch.Tensor:
        items, ranks = batch
        return listnet_loss(self.model(items).squeeze(-1), ranks)


class Stepping(LBFGSTrainer):
    """LBFGS, which computes its gradients in a closure."""

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(model.parameters(), lr=config.learning_rate, max_iter=3)


class Adversarial(ToyTrainer):
    """Two optimizers that work against each other."""

    manual_step: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.second = torch.optim.SGD(self.model[1].parameters(), lr=0.01)  # type: ignore[index]

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 1)])

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        return torch.optim.Adam(model[0].parameters(), lr=config.learning_rate)  # type: ignore[index]

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, _ = batch
        maker, judge = self.model  # type: ignore[misc]
        return functional.softplus(-judge(maker(torch.randn_like(points)))).mean()

    def _train_batch(self, batch: Batch) -> torch.Tensor:
        points, _ = batch
        maker, judge = self.model  # type: ignore[misc]
        self.second.zero_grad()
        made = maker(torch.randn_like(points)).detach()
        (functional.softplus(-judge(points)).mean() + functional.softplus(judge(made)).mean()).backward()
        self.second.step()
        self.optimizer.zero_grad()
        loss = self.compute_loss(batch)
        self._backward(loss)
        self.optimizer.step()
        return loss.detach()


QUICK: tuple[type[Trainer[Any, Any]], ...] = (ToyTrainer, Stepping)
PATTERNS = [
    *QUICK,
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in (Structured, MultiTensor, Ranking, Adversarial)),
]
"""For ``parametrize``: all patterns, the quick ones in every test run."""


class Regression(Trainer[Pair, ToyConfig]):
    """Predicts a sum; subclasses break it."""

    config_class = ToyConfig
    scale: ClassVar[float] = 1.0

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Pair], Iterable[Pair] | None]:
        points = quadrants(64).tensors[0]
        return DataLoader(TensorDataset(points, points.sum(dim=1) * cls.scale), batch_size=config.batch_size), None

    def compute_loss(self, batch: Pair) -> torch.Tensor:
        points, target = batch
        return functional.mse_loss(self.model(points).squeeze(-1), target)


def quiet(directory: Path, **changes: Any) -> ToyConfig:
    """A short run on the CPU that logs no step."""
    defaults: dict[str, Any] = {
        "num_epochs": 2, "batch_size": 16, "device": "cpu", "model_save_directory": directory / "saved",
        "learning_rate": 0.01, "log_every_n_steps": 0, "log_every_n_epochs": 0, "dropout": 0.0,
    }  # fmt: skip
    return ToyConfig(**(defaults | changes))
