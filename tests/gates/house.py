"""The project that the gate tests change one line of: a whole trainer in the form that `trainergen new` writes."""

from __future__ import annotations

BASE = """\
from __future__ import annotations

from trainergen.runtime import Trainer, losses, metrics

__all__ = ["Trainer", "losses", "metrics"]
"""

CONFIG_BASE = '''\
"""Where config.ini lies."""

from __future__ import annotations

from pathlib import Path

from trainergen.runtime import BaseTrainerConfig as RuntimeConfig


class BaseTrainerConfig(RuntimeConfig):
    """The runtime's settings, read from this project's config.ini."""

    CONFIG_FILE = Path(__file__).resolve().parent.parent / "config.ini"
'''

CONFIG = '''\
"""Settings of the trainers of this project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from config.base import BaseTrainerConfig


@dataclass(kw_only=True)
class DigitsNetTrainerConfig(BaseTrainerConfig):
    """Settings of DigitsNetTrainer.

    Attributes:
        model_hidden: width of the hidden layer.
    """

    SECTION: ClassVar[str] = "train_digits_net"

    model_hidden: int = 64
    label_smoothing: float = 0.0  # share of the target that is spread over all classes
'''

TRAINER = '''\
"""Train DigitsNet: classify image float32 [batch, 1, 8, 8] into 10 classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from beautilog import logger
from torch.nn import functional

from config import DigitsNetTrainerConfig
from data import build_loader
from model import DigitsNet
from train.base_trainer import Trainer, metrics

if TYPE_CHECKING:
    from collections.abc import Iterable


class DigitsNetTrainer(Trainer[tuple[torch.Tensor, torch.Tensor], DigitsNetTrainerConfig]):
    """Cross-entropy over 10 classes for `DigitsNet`.

    A batch is a pair (image, label):
        batch[0]  float32 [batch, 1, 8, 8]
        batch[1]  int64 [batch], 0 <= value < 10
    """

    config_class = DigitsNetTrainerConfig

    def __init__(
        self,
        model: torch.nn.Module,
        dataloader: Iterable[tuple[torch.Tensor, torch.Tensor]],
        optimizer: torch.optim.Optimizer,
        config: DigitsNetTrainerConfig,
        **run: Any,
    ) -> None:
        super().__init__(model, dataloader, optimizer, config, **run)
        self._last_batch_metrics: dict[str, torch.Tensor] = {}

    @classmethod
    def build_model(cls, config: DigitsNetTrainerConfig) -> DigitsNet:
        """The model that the configuration describes."""
        return DigitsNet(hidden=config.model_hidden, smoothing=config.label_smoothing)

    def compute_loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """The mean cross-entropy of a batch.

        Args:
            batch: see the class.

        Raises:
            TypeError, ValueError: it has not the form that the class describes.
        """
        self._validate_batch(batch)
        image = batch[0].to(self.device)
        label = batch[1].to(self.device)
        logits = self.model(image)
        loss = functional.cross_entropy(logits, label)
        self._last_batch_metrics = {"accuracy": metrics.accuracy(logits.detach(), label)}
        return loss

    def _collect_batch_metrics(self) -> dict[str, torch.Tensor]:
        return self._last_batch_metrics

    def on_train_begin(self) -> None:
        """Log the configuration."""
        super().on_train_begin()
        logger.info("hidden %d, rate %s", self.config.model_hidden, self.config.learning_rate)

    def on_train_end(self) -> None:
        """Save the weights."""
        super().on_train_end()
        folder = Path(self.config.model_save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        path = self.save_weights(folder)
        logger.info("weights saved to %s", path)

    def _validate_batch(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise TypeError(f"batch: expected a pair (image, label), got {type(batch).__name__}")
        image = batch[0]
        if image.ndim != 4 or image.dtype != torch.float32:
            raise ValueError(
                f"batch[0]: expected float32 [batch, 1, 8, 8], got dtype {image.dtype}, shape {tuple(image.shape)}"
            )
'''

PROJECT = {
    "model.py": "class DigitsNet: ...\n",
    "data.py": "def build_loader(): ...\n",
    "config/__init__.py": "from config.train import DigitsNetTrainerConfig\n",
    "config/base.py": CONFIG_BASE,
    "config/train.py": CONFIG,
    "train/__init__.py": "",
    "train/base_trainer.py": BASE,
    "train/digits_net_trainer.py": TRAINER,
}

TRAINER_PATH = "train/digits_net_trainer.py"
CONFIG_PATH = "config/train.py"


def changed(old: str, new: str, path: str = TRAINER_PATH) -> dict[str, str]:
    """The project with one passage of one file replaced; the passage must be there exactly once."""
    assert PROJECT[path].count(old) == 1, f"{PROJECT[path].count(old)} times in {path}: {old!r}"
    return PROJECT | {path: PROJECT[path].replace(old, new)}
