"""Losses of what describes a distribution: its quantiles, or mean and variance."""

from __future__ import annotations

import torch


def kl_to_standard_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL divergence of a diagonal normal distribution to the standard one (Kingma and Welling 2014, appendix B).

    Args:
        mean: float [B, ...].
        log_variance: natural logarithm of the variances, of the same shape.

    Returns:
        ``-1/2 sum(1 + log variance - mean^2 - variance)`` in nats, summed over a sample, the mean over the batch.
    """
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp())
    return divergence.flatten(1).sum(dim=1).mean()


def pinball_loss(predictions: torch.Tensor, targets: torch.Tensor, levels: tuple[float, ...]) -> torch.Tensor:
    """Quantile loss (Koenker and Bassett 1978): an error costs its level where the target is above, else 1 - level.

    Args:
        predictions: float [..., Q], one column a quantile.
        targets: float [...].
        levels: the Q quantiles' levels, each in (0, 1), in the order of the columns.

    Returns:
        The mean over all columns.
    """
    if predictions.shape != (*targets.shape, len(levels)):
        shapes = f"{tuple(predictions.shape)}, {tuple(targets.shape)}"
        raise ValueError(f"predictions must have the targets' shape and {len(levels)} columns, got shapes {shapes}")
    errors = targets.unsqueeze(-1) - predictions
    level = predictions.new_tensor(levels)
    return torch.maximum(level * errors, (level - 1) * errors).mean()
