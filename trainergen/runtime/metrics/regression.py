"""Regression metrics over all elements; they equal scikit-learn's."""

from __future__ import annotations

import torch


def mae(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean absolute error; both of the same shape (a last dimension of size 1 may be missing in one)."""
    return _difference(outputs, targets).abs().mean()


def mse(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared error; shapes as in `mae`."""
    return _difference(outputs, targets).square().mean()


def rmse(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Root of the mean squared error; shapes as in `mae`. Over an epoch no mean of batch values: collect it."""
    return mse(outputs, targets).sqrt()


def r2(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Coefficient of determination, 1 - SSE / SST; with outputs [N, D] the mean over the D columns.

    Returns:
        A 0-d tensor; NaN below two samples. A constant column counts 1 if it is met exactly, else 0.
    """
    difference = _difference(outputs, targets)
    if difference.shape[0] < 2:
        return difference.new_full((), torch.nan)
    difference = difference.reshape(difference.shape[0], -1)
    truth = targets.double().reshape(difference.shape)
    residual = difference.square().sum(dim=0)
    total = (truth - truth.mean(dim=0)).square().sum(dim=0)
    constant = torch.where(residual == 0, 1.0, 0.0)
    return torch.where(total > 0, 1 - residual / total.where(total > 0, torch.ones_like(total)), constant).mean()


def _difference(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if outputs.shape != targets.shape:  # [N, 1] minus [N] would silently become [N, N]
        if outputs.squeeze(-1).shape != targets.squeeze(-1).shape:
            shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
            raise ValueError(f"outputs and targets must have the same shape, got {shapes}")
        outputs, targets = outputs.squeeze(-1), targets.squeeze(-1)
    return outputs.double() - targets.double()
