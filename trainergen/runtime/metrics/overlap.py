"""How far predicted regions cover the true ones, a sample at a time: their mean over an epoch is that over its samples."""

from __future__ import annotations

import torch


def mean_dice(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Dice coefficient (Dice 1945), the mean over a sample's classes, then over the samples.

    Args:
        outputs: scores [N, C, ...].
        targets: class numbers [N, ...]; places below 0 are left out.

    Returns:
        A 0-d tensor; of each sample the classes count that occur in its target or its prediction; NaN without any.
    """
    hits, predicted, actual = _of_classes(outputs, targets)
    return _mean(2 * hits, predicted + actual)


def mean_iou(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Intersection over union (Jaccard 1912), the mean over a sample's classes, then over the samples; as `mean_dice`."""
    hits, predicted, actual = _of_classes(outputs, targets)
    return _mean(hits, predicted + actual - hits)


def binary_dice(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """Dice coefficient of one region, the mean over the samples.

    Args:
        outputs: logits [N, ...].
        targets: 0 or 1, of the same shape.
        threshold: an output above it is in the region; 0 is probability one half.

    Returns:
        A 0-d tensor; a sample without a region in either counts 1.
    """
    hits, predicted, actual = _of_region(outputs, targets, threshold)
    return _or_one(2 * hits, predicted + actual).mean()


def binary_iou(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """Intersection over union of one region, the mean over the samples; as `binary_dice`."""
    hits, predicted, actual = _of_region(outputs, targets, threshold)
    return _or_one(hits, predicted + actual - hits).mean()


def _of_classes(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places hit, predicted and true, by sample and class: [N, C] each."""
    classes = outputs.shape[1]
    samples = torch.arange(outputs.shape[0], device=outputs.device)
    truth, guess = targets.reshape(targets.shape[0], -1), outputs.argmax(dim=1).reshape(targets.shape[0], -1)
    counted = truth >= 0
    where = samples.unsqueeze(1).expand_as(truth) * classes
    same = counted & (truth == guess)
    counts = []
    for numbers, kept in ((truth, same), (guess, counted), (truth, counted)):
        found = torch.bincount((where + numbers)[kept], minlength=samples.numel() * classes)
        counts.append(found.reshape(-1, classes).double())
    return counts[0], counts[1], counts[2]


def _of_region(
    outputs: torch.Tensor, targets: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if outputs.shape != targets.shape:
        shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"outputs and targets must have the same shape, got {shapes}")
    guess, truth = outputs.reshape(outputs.shape[0], -1) > threshold, targets.reshape(outputs.shape[0], -1) > 0.5
    return (guess & truth).double().sum(dim=1), guess.double().sum(dim=1), truth.double().sum(dim=1)


def _mean(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Over the classes that occur in a sample, then over the samples with any."""
    present = (denominator > 0).double()
    ratios = (numerator / denominator.clamp_min(1) * present).sum(dim=1) / present.sum(dim=1)
    return ratios.nanmean()


def _or_one(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    return torch.where(denominator > 0, numerator / denominator.clamp_min(1), torch.ones_like(numerator))
