"""Trainers; import the one you need."""

from .conv_net_trainer import ConvNetTrainer
from .linear_trainer import LinearTrainer

__all__ = [
    "ConvNetTrainer",  # needs a GPU
    "LinearTrainer",
]
