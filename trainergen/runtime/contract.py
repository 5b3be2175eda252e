"""What a trainer is asked for and may override: how its parts are built, its loss, its metrics, its hooks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .config import BaseTrainerConfig
from .device import infer_batch_size
from .early_stopping import EarlyStopping, Monitor
from .optimizers import build_adamw
from .schedulers import build_plateau

logger = logging.getLogger("trainergen")

BatchT = TypeVar("BatchT")
ConfigT = TypeVar("ConfigT", bound=BaseTrainerConfig)


class TrainerContract(Generic[BatchT, ConfigT]):
    """The side of `Trainer` that subclasses fill in; the other side, the loop, is in trainer.py."""

    config_class: ClassVar[type[BaseTrainerConfig]] = BaseTrainerConfig
    manual_step: ClassVar[bool] = False
    """True where `_train_batch` itself does zero_grad, clip and step (two optimizers, LBFGS): a batch is a step."""

    config: ConfigT
    device: torch.device
    model: nn.Module
    monitor: Monitor
    early_stopping: EarlyStopping
    epoch: int
    step: int
    stop_reason: str | None
    _last_batch_metrics: dict[str, float | torch.Tensor]

    @property
    def run_directory(self) -> Path | None:
        """The run's folder, once something was written."""
        raise NotImplementedError

    @classmethod
    def build_model(cls, config: ConfigT) -> nn.Module:
        """The model that `config` describes."""
        raise NotImplementedError(
            f"{cls.__name__} can't build its model: implement build_model(config), or pass model="
        )

    @classmethod
    def build_dataloaders(cls, config: ConfigT) -> tuple[Iterable[BatchT], Iterable[BatchT] | None]:
        """The training loader, and the validation loader or None."""
        raise NotImplementedError(
            f"{cls.__name__} has no data yet: implement build_dataloaders(config) to return "
            "(training loader, validation loader or None), or pass dataloader="
        )

    @classmethod
    def build_test_dataloader(cls, config: ConfigT) -> Iterable[BatchT]:
        """Batches that no decision of the training has looked at, for ``trainergen evaluate --split test``; optional."""
        raise NotImplementedError(f"{cls.__name__} has no test data: implement build_test_dataloader(config)")

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ConfigT) -> Optimizer:
        """AdamW; no decay on norms, biases, embeddings (see `optimizers.parameter_groups`)."""
        return build_adamw(model, config.learning_rate, config.weight_decay)

    @classmethod
    def build_scheduler(cls, optimizer: Optimizer, config: ConfigT) -> LRScheduler | None:
        """ReduceLROnPlateau on the monitored value, or None where `scheduler_patience` is None."""
        return build_plateau(optimizer, config)

    def compute_loss(self, batch: BatchT) -> torch.Tensor:
        """The loss of `batch`: a scalar with a graph, the mean over the batch."""
        raise NotImplementedError(f"{type(self).__name__} must implement compute_loss(batch)")

    def _forward_batch(self, batch: BatchT) -> torch.Tensor:
        """What training and evaluation both do with a batch; prepare inputs here, then return the loss."""
        return self.compute_loss(batch)

    def _batch_weight(self, batch: BatchT) -> int | torch.Tensor:
        """What the batch counts in epoch means and accumulation: its samples. Override it to count tokens or rows."""
        return infer_batch_size(batch)

    def _collect_batch_metrics(self) -> dict[str, float | torch.Tensor]:
        """Metrics of the batch just computed, as detached 0-d tensors; NaN where undefined (left out of the mean)."""
        return self._last_batch_metrics

    def _collect_epoch_metrics(self) -> dict[str, float]:
        """What is no mean of batch values (AUC, F1), after an epoch's training and after its evaluation."""
        return {}

    def on_train_begin(self) -> None:
        """Before the first step; a resumed run calls it as well."""
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        name, device = type(self.model).__name__, self.device
        logger.info("%s: %s values on %s, run in %s", name, f"{parameters:,}", device, self.run_directory)

    def on_epoch_start(self) -> None:
        """Before an epoch's first batch."""

    def on_epoch_end(
        self,
        train_metrics: dict[str, float],  # noqa: ARG002 - a hook's arguments are for those who override it
        eval_metrics: dict[str, float] | None,  # noqa: ARG002
    ) -> bool:
        """After an epoch; `eval_metrics` is None where it was not validated. True stops training."""
        return False

    def on_train_end(self) -> None:
        """After the last epoch, not after an exception."""
        best, path = self.early_stopping.best, self.monitor.path
        logger.info("%s after %d epochs, %d steps: best %s %.4g", self.stop_reason, self.epoch, self.step, path, best)
