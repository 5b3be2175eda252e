"""The library that generated trainers inherit: torch alone, no other part of trainergen, relative imports only."""

from __future__ import annotations

from . import losses, metrics, splits
from .callbacks import Callback
from .config import BaseTrainerConfig, ConfigParser
from .device import choose_device, infer_batch_size, move_batch
from .errors import (
    CheckpointCorrupt,
    CheckpointError,
    ConfigError,
    EmptyDataset,
    InvalidConfig,
    NonFiniteLoss,
    OutOfMemory,
    SettingError,
    TrainingDiverged,
    TrainingError,
    TrainingStuck,
    TrainingTerminated,
)
from .metrics import EpochScores
from .optimizers import parameter_groups
from .schedulers import WarmupCosine, per_step
from .seeding import seed_everything
from .trainer import Trainer

__all__ = [
    "BaseTrainerConfig",
    "Callback",
    "CheckpointCorrupt",
    "CheckpointError",
    "ConfigError",
    "ConfigParser",
    "EmptyDataset",
    "EpochScores",
    "InvalidConfig",
    "NonFiniteLoss",
    "OutOfMemory",
    "SettingError",
    "Trainer",
    "TrainingDiverged",
    "TrainingError",
    "TrainingStuck",
    "TrainingTerminated",
    "WarmupCosine",
    "choose_device",
    "infer_batch_size",
    "losses",
    "metrics",
    "move_batch",
    "parameter_groups",
    "per_step",
    "seed_everything",
    "splits",
]
