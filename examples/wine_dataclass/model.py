"""A classifier with two inputs: the chemistry of a wine and its colour."""

from __future__ import annotations

import torch
from torch import nn


class WineNet(nn.Module):
    """Which of three cultivars a wine was made from.

    Args:
        hidden: width of each branch.
    """

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.chemistry_branch = nn.Sequential(nn.Linear(10, hidden), nn.ReLU())
        self.colour_branch = nn.Sequential(nn.Linear(3, hidden), nn.ReLU())
        self.head = nn.Linear(2 * hidden, 3)

    def forward(self, chemistry: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
        """Logits [batch, 3] from chemistry [batch, 10] and colour [batch, 3]."""
        branches = [self.chemistry_branch(chemistry), self.colour_branch(colour)]
        logits: torch.Tensor = self.head(torch.cat(branches, dim=1))
        return logits
