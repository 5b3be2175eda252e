"""A staged project by hand, of the form that `new` renders, and the request that proves it.

Every seeded fault is one replacement in `STAGED`; the untouched `STAGED` is its twin.
"""

from __future__ import annotations

import copy
import textwrap
from typing import Any

USER = {
    "model.py": '''
        """A small classifier with whatever tells modes apart: BatchNorm, dropout, an auxiliary output."""
        import torch
        from torch import nn


        class DigitsNet(nn.Module):
            def __init__(self, hidden=16, depth=12, classes=10, dropout=0.3):
                super().__init__()
                self.body = nn.Sequential(
                    nn.Flatten(), nn.Linear(64, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(dropout)
                )
                self.middle = nn.Linear(hidden, depth)
                self.head = nn.Linear(depth, classes)

            def forward(self, image, extra=None):
                code = torch.relu(self.middle(self.body(image)))
                return {"logits": self.head(code), "sparsity": code.abs().mean()}
    ''',
    "data.py": '''
        """A loader of the user's."""
        import torch


        def build_loader(batch_size=8):
            generator = torch.Generator().manual_seed(1)
            return [
                {
                    "image": torch.rand(batch_size, 1, 8, 8, generator=generator),
                    "other": torch.randint(0, 10, (batch_size,), generator=generator),
                    "label": torch.randint(0, 10, (batch_size,), generator=generator),
                }
                for _ in range(3)
            ]
    ''',
}

STAGED = {
    "config.ini": """
        # kept by hand
        [train_other]
        learning_rate = 0.1

        [train_digits_net]
        model_hidden = 16
        learning_rate = 0.002
        weight_decay = 0.05
        sparsity_weight = 0.5
    """,
    "config/__init__.py": '''
        """Configurations."""
        from .train import DigitsNetTrainerConfig

        __all__ = ["DigitsNetTrainerConfig"]
    ''',
    "config/base.py": '''
        """Where config.ini is."""
        from pathlib import Path
        from typing import ClassVar

        from trainergen.runtime import BaseTrainerConfig as RuntimeConfig


        class BaseTrainerConfig(RuntimeConfig):
            CONFIG_FILE: ClassVar[Path | None] = Path(__file__).resolve().parent.parent / "config.ini"
    ''',
    "config/train.py": '''
        """Hyperparameters."""
        from dataclasses import dataclass
        from typing import ClassVar

        from .base import BaseTrainerConfig


        @dataclass(kw_only=True)
        class DigitsNetTrainerConfig(BaseTrainerConfig):
            """Settings of DigitsNetTrainer."""

            SECTION: ClassVar[str] = "train_digits_net"

            model_hidden: int = 16
            model_depth: int = 12
            sparsity_weight: float = 0.5
    ''',
    "train/__init__.py": '''
        """Trainers by name."""
        TRAINER_REGISTRY: dict[str, str] = {
            "OtherTrainer": "train.other:OtherTrainer",
            "DigitsNetTrainer": "train.digits_net_trainer:DigitsNetTrainer",
        }


        def get_trainer(name):
            from trainergen.runtime.entry import find_trainer, load_trainer

            return load_trainer(TRAINER_REGISTRY[find_trainer(name, TRAINER_REGISTRY)])
    ''',
    "train/base_trainer.py": '''
        """The base."""
        from trainergen.runtime import Trainer, losses, metrics

        __all__ = ["Trainer", "losses", "metrics"]
    ''',
    "train/digits_net_trainer.py": '''
        """Train DigitsNet."""
        from __future__ import annotations

        import logging

        import torch
        from torch.nn import functional

        from config import DigitsNetTrainerConfig
        from data import build_loader
        from model import DigitsNet
        from train.base_trainer import Trainer, metrics

        logger = logging.getLogger("trainergen")


        class DigitsNetTrainer(Trainer):
            """Cross-entropy over 10 classes for `DigitsNet`."""

            config_class = DigitsNetTrainerConfig

            @classmethod
            def build_model(cls, config):
                return DigitsNet(hidden=config.model_hidden, depth=config.model_depth)

            @classmethod
            def build_dataloaders(cls, config):
                return build_loader(batch_size=config.batch_size), None

            @classmethod
            def build_optimizer(cls, model, config):
                return torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)

            def compute_loss(self, batch):
                images = batch["image"].to(self.device)
                labels = batch["label"].to(self.device)
                outputs = self.model(images)
                logits = outputs["logits"]
                loss = functional.cross_entropy(logits, labels)
                sparsity = outputs["sparsity"]
                total = loss + self.config.sparsity_weight * sparsity
                self._last_batch_metrics = {
                    "accuracy": metrics.accuracy(logits.detach(), labels),
                    "sparsity": sparsity.detach(),
                }
                return total

            def on_train_begin(self):
                super().on_train_begin()
                logger.info("learning rate %s", self.config.learning_rate)

            def on_train_end(self):
                super().on_train_end()
                self.save_weights()
    ''',
}

TRAINER = "train/digits_net_trainer.py"


def text(files: dict[str, str]) -> dict[str, str]:
    """The files without the indentation they have here."""
    return {name: textwrap.dedent(content).removeprefix("\n") for name, content in files.items()}


def request(files: dict[str, str], **changes: Any) -> dict[str, Any]:
    """The payload of ``prove`` for DigitsNet on dict batches."""
    payload: dict[str, Any] = {
        "family": "torch",
        "contract": "default",
        "model": {"module": "model", "name": "DigitsNet", "file": "model.py", "kind": "class"},
        "factory": None,
        "arguments": {"hidden": 16, "depth": 12},
        "files": text(files),
        "modules": {
            "train.digits_net_trainer": "train/digits_net_trainer.py",
            "train": "train/__init__.py",
            "config.train": "config/train.py",
        },
        "trainer": {
            "name": "DigitsNet",
            "class": "DigitsNetTrainer",
            "module": "train.digits_net_trainer",
            "train_module": "train",
            "key": "DigitsNetTrainer",
        },
        "feeding": {
            "arguments": [{"path": ["image"], "argument": None, "prepare": []}],
            "targets": [["label"]],
            "whole": False,
        },
        "output_kind": "mapping",
        "objective": {
            "task": "multi-class",
            "loss": "cross_entropy",
            "prediction": ["logits"],
            "output_kind": "mapping",
            "target": ["label"],
            "target_prepare": [],
            "prediction_prepare": [],
            "auxiliaries": [{"name": "sparsity", "output": ["sparsity"], "setting": "sparsity_weight", "weight": 0.5}],
        },
        "loader": {"target": "data:build_loader", "validation": None, "batch_size": 8, "seed": 0},
        "config": {"file": "config.ini", "section": "train_digits_net", "key": "learning_rate", "value": "0.000123"},
        "listed_before": ["OtherTrainer"],
        "seed": 0,
        "steps": 2,
    }
    return copy.deepcopy(payload) | changes


def replaced(file: str, old: str, new: str) -> dict[str, str]:
    """`STAGED` with `old` replaced in one file, where it stands exactly once."""
    content = text(STAGED)
    assert content[file].count(old) == 1, f"{old!r} stands {content[file].count(old)} times in {file}"
    return content | {file: content[file].replace(old, new)}
