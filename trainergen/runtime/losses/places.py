"""Losses that count at some places of a sample alone: where an object is, where a patch was hidden."""

from __future__ import annotations

import torch
from torch.nn import functional


def matched_objects(labels: torch.Tensor) -> torch.Tensor:
    """How many of `labels` int64 [B, N] are a class, 0 being none: the weight of such a batch (0-d, int64), at least 1."""
    return (labels > 0).sum().clamp_min(1)


def matched_box_loss(boxes: torch.Tensor, target_boxes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Smooth absolute error of boxes where an object is (Girshick 2015; Liu et al. 2016, equation 2).

    Args:
        boxes: float [B, N, 4], as predicted at each of N places.
        target_boxes: float [B, N, 4], in the same coordinates; of places without an object they don't matter.
        labels: int64 [B, N], 0 where no object is.

    Returns:
        The sum over coordinates and objects by the number of objects; 0, with a graph, where the batch has none.
    """
    losses = functional.smooth_l1_loss(boxes, target_boxes, reduction="none").sum(dim=2)
    return losses.masked_fill(labels <= 0, 0.0).sum() / matched_objects(labels)


def masked_mse_loss(patches: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Squared error of patches that were hidden (He et al. 2022, masked autoencoders).

    Args:
        patches: float [B, N, D], as predicted.
        targets: float [B, N, D].
        mask: [B, N], 1 (true) where a patch was hidden.

    Returns:
        The mean over the values of the hidden patches; 0, with a graph, where none was hidden.
    """
    losses = functional.mse_loss(patches, targets, reduction="none").mean(dim=2)
    return losses.masked_fill(mask == 0, 0.0).sum() / (mask != 0).sum().clamp_min(1)
