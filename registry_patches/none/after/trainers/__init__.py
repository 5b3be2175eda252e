"""Trainers; import the one you need."""

from .conv_net_trainer import ConvNetTrainer
from .linear_trainer import LinearTrainer
from .wine_net_trainer import WineNetTrainer

__all__ = [
    "ConvNetTrainer",  # needs a GPU
    "LinearTrainer",
    "WineNetTrainer",
]
