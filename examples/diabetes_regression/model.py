"""A regressor for ten standardised numbers of a patient."""

from __future__ import annotations

import torch
from torch import nn


class DiabetesNet(nn.Module):
    """A linear part plus a small network; the linear part alone is already a good model of these data.

    Args:
        hidden: width of the network.
        dropout: share of hidden features left out in training.
    """

    def __init__(self, hidden: int = 32, dropout: float = 0.3) -> None:
        super().__init__()
        self.linear = nn.Linear(10, 1)
        self.network = nn.Sequential(nn.Linear(10, hidden), nn.Tanh(), nn.Dropout(dropout), nn.Linear(hidden, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Progression [batch], in standard deviations, from features [batch, 10]."""
        progression: torch.Tensor = self.linear(features) + self.network(features)
        return progression.squeeze(1)
