"""An auto-encoder that pays for every active entry of its code."""

from __future__ import annotations

import torch
from torch import nn


class SparseAutoencoder(nn.Module):
    """Image to a sparse code and back; returns the penalty on the code beside the reconstruction.

    Args:
        code: entries of the code.
        hidden: width of the layers around it.
    """

    def __init__(self, code: int = 32, hidden: int = 256) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, code), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, 64))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Reconstruct images.

        Args:
            image: float32 [batch, 64].

        Returns:
            ``reconstruction`` [batch, 64], ``code`` [batch, code], and ``sparsity_penalty``, the code's mean absolute
            value: a scalar that belongs into the loss with a small weight.
        """
        code = self.encoder(image)
        return {"reconstruction": self.decoder(code), "code": code, "sparsity_penalty": code.abs().mean()}
