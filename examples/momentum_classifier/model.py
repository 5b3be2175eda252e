"""A classifier that says itself how it wants to be trained."""

from __future__ import annotations

import torch
from torch import nn


class TumourNet(nn.Module):
    """Benign or malignant, from thirty standardised measurements of cell nuclei; one logit.

    Train it with SGD, momentum 0.9, nesterov, learning rate 0.05, weight decay 0.001. The learning rate follows a
    cosine schedule over the run.

    Args:
        hidden: width of the two hidden layers.
    """

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 1)

    def forward(self, measurements: torch.Tensor) -> torch.Tensor:
        """Logits [batch] that a tumour is benign, from measurements [batch, 30]."""
        logits: torch.Tensor = self.head(self.body(measurements))
        return logits.squeeze(1)
