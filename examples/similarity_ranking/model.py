"""Scores candidate models for a data set: how well each is likely to do, from descriptions alone."""

from __future__ import annotations

import torch
from torch import nn


class SimilarityModel(nn.Module):
    """Attention from each candidate's token to the tokens of the data set; one score a candidate.

    Args:
        dataset_dim: entries of a data set's token.
        model_dim: entries of a model's token.
        d_model: width of the shared space.
        heads: attention heads.
        dropout: share of attention weights left out in training.
    """

    def __init__(
        self, dataset_dim: int = 8, model_dim: int = 11, d_model: int = 32, heads: int = 4, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.dataset_projection = nn.Linear(dataset_dim, d_model)
        self.model_projection = nn.Linear(model_dim, d_model)
        self.attention = nn.MultiheadAttention(d_model, heads, dropout=dropout, batch_first=True)
        self.norm = nn.LayerNorm(d_model)
        self.score = nn.Sequential(nn.Linear(2 * d_model, d_model), nn.ReLU(), nn.Linear(d_model, 1))

    def forward(self, dataset_tokens: torch.Tensor, model_tokens: torch.Tensor) -> torch.Tensor:
        """Scores [batch, models], higher is better.

        Args:
            dataset_tokens: float32 [batch, tokens, dataset_dim].
            model_tokens: float32 [batch, models, model_dim].
        """
        keys = self.dataset_projection(dataset_tokens)
        candidates = self.model_projection(model_tokens)
        found, _ = self.attention(candidates, keys, keys, need_weights=False)
        scores: torch.Tensor = self.score(torch.cat([candidates, self.norm(candidates + found)], dim=2))
        return scores.squeeze(2)
