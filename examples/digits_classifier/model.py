"""A small convolutional classifier for 8 by 8 images of digits."""

from __future__ import annotations

import torch
from torch import nn


class DigitsNet(nn.Module):
    """Two convolutions and a linear layer; logits of 10 digits.

    Args:
        channels: feature maps of the first convolution; the second has twice as many.
        dropout: share of features left out before the last layer.
    """

    def __init__(self, channels: int = 16, dropout: float = 0.2) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(2 * channels * 16, 10))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits [batch, 10] of images [batch, 1, 8, 8]."""
        logits: torch.Tensor = self.head(self.features(image))
        return logits
