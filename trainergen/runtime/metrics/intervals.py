"""Metrics of predicted quantiles: how much of the truth lies between them, and whether they keep their order."""

from __future__ import annotations

import torch

from .regression import mae


def interval_coverage(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Share of targets between the lowest and the highest quantile; for levels 0.1 to 0.9 it should be 0.8.

    Args:
        outputs: quantiles [..., Q].
        targets: [...].
    """
    low, high = outputs.amin(dim=-1), outputs.amax(dim=-1)
    return ((low <= targets) & (targets <= high)).double().mean()


def median_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the middle column, the median where the levels lie evenly; arguments as above."""
    return mae(outputs[..., outputs.shape[-1] // 2], targets)


def interval_width(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean distance of the outermost quantiles, in the targets' unit: of two with one coverage the narrower is better."""
    if outputs.shape[:-1] != targets.shape:
        shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"outputs must be the targets' shape and a column a quantile, got shapes {shapes}")
    return (outputs.amax(dim=-1) - outputs.amin(dim=-1)).double().mean()
