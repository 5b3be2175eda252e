"""Trainers by name."""

from .conv_net_trainer import (
    ConvNetTrainer,
)
from .linear_trainer import LinearTrainer

TRAINERS = {
    'linear': LinearTrainer,
    # 'old': OldTrainer,  # broken since the new loader
    'conv-net': ConvNetTrainer  # the default
}
