"""Importing the package registers its trainers."""

from . import conv_net_trainer, linear_trainer, wine_net_trainer  # noqa: F401
from .registry import TRAINERS as TRAINERS
