"""A small real trainer on a small real problem, for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from trainergen.runtime import BaseTrainerConfig, Trainer
from trainergen.runtime.metrics import EpochScores, accuracy, macro_f1

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass
class ToyConfig(BaseTrainerConfig):
    """Adds one hyperparameter to the base's."""

    SECTION: ClassVar[str] = "train_toy"

    dropout: float = 0.3


class ToyTrainer(Trainer[Batch, ToyConfig]):
    """Classifies points by their quadrant.

    Four classes in the plane.
    """

    config_class = ToyConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scores = EpochScores()

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 16), nn.LayerNorm(16), nn.Dropout(config.dropout), nn.Linear(16, 4))

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Batch], Iterable[Batch] | None]:
        train = DataLoader(quadrants(90), batch_size=config.batch_size, shuffle=config.shuffle)
        return train, DataLoader(quadrants(40, seed=1), batch_size=16)

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        logits = self.model(points)
        self._last_batch_metrics = {"accuracy": accuracy(logits.detach(), labels)}
        self.scores.add(logits, labels)
        return functional.cross_entropy(logits, labels)

    def _collect_epoch_metrics(self) -> dict[str, float]:
        return {"f1": self.scores.compute(macro_f1)}


def quadrants(count: int, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(count, 2, generator=generator)
    return TensorDataset(points, (points[:, 0] > 0).long() + 2 * (points[:, 1] > 0).long())


def settings(directory: Path, **changes: Any) -> ToyConfig:
    """A quiet, short run on the CPU below `directory`."""
    defaults: dict[str, Any] = {"num_epochs": 3, "batch_size": 16, "device": "cpu", "model_save_directory": directory}
    return ToyConfig(**(defaults | {"learning_rate": 0.01} | changes))


def weights(trainer: Trainer[Any, Any]) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def equal_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
