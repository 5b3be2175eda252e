"""The mean over those rows of a batch that have something to say."""

from __future__ import annotations

import torch


def mean_of_rows(rows: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """The mean of `rows` float [B] where `counted` [B] is true: 0-d, with a graph; 0 where no row counts."""
    return rows.masked_fill(~counted, 0.0).sum() / counted.sum().clamp_min(1)
