"""Classification metrics from raw outputs (logits); they equal scikit-learn's with its zero_division=0."""

from __future__ import annotations

import torch


def accuracy(outputs: torch.Tensor, targets: torch.Tensor, padding: int | None = None) -> torch.Tensor:
    """Share of right classes.

    Args:
        outputs: logits [N, C, ...].
        targets: class numbers [N, ...].
        padding: a class number that stands for nothing: its places are not counted.
    """
    right = (outputs.argmax(dim=1) == targets).double()
    if padding is None:
        return right.mean()
    counted = targets != padding
    return (right * counted).sum() / counted.sum()


def perplexity(outputs: torch.Tensor, targets: torch.Tensor, padding: int | None = None) -> torch.Tensor:
    """Exponential of the mean cross-entropy in nats (Jelinek et al. 1977), of one batch.

    That of an epoch is the exponential of the epoch's mean cross-entropy; a mean of this over batches is above it.

    Args:
        outputs: logits [N, C, ...].
        targets: class numbers [N, ...].
        padding: a class number that stands for nothing: its places are not counted.

    Returns:
        A 0-d tensor; NaN where no place is counted.
    """
    surprise = torch.nn.functional.cross_entropy(
        outputs.double(), targets, ignore_index=-100 if padding is None else padding
    )
    return surprise.exp()


def top_k_accuracy(outputs: torch.Tensor, targets: torch.Tensor, k: int = 5) -> torch.Tensor:
    """Share of samples whose class is among the `k` largest logits.

    Args:
        outputs: logits [N, C].
        targets: class numbers [N].
        k: at most C counts.
    """
    best = outputs.topk(min(k, outputs.shape[1]), dim=1).indices
    return (best == targets.unsqueeze(1)).any(dim=1).double().mean()


def binary_accuracy(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """Share of right decisions, element by element (binary and multi-label).

    Args:
        outputs: logits of any shape.
        targets: 0 or 1, same number of elements.
        threshold: an output above it counts as positive; 0 is probability one half.
    """
    _same_size(outputs, targets)
    return ((outputs.reshape(-1) > threshold) == (targets.reshape(-1) > 0.5)).double().mean()


def binary_precision(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """True positives among predicted positives; arguments as in `binary_accuracy`; 0 where nothing is predicted."""
    hits, predicted, _ = _binary_counts(outputs, targets, threshold)
    return _ratio(hits, predicted)


def binary_recall(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """True positives among positives; arguments as in `binary_accuracy`; 0 where there are none."""
    hits, _, actual = _binary_counts(outputs, targets, threshold)
    return _ratio(hits, actual)


def binary_f1(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """Harmonic mean of precision and recall; arguments as in `binary_accuracy`."""
    hits, predicted, actual = _binary_counts(outputs, targets, threshold)
    return _ratio(2 * hits, predicted + actual)


def macro_precision(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean precision of the classes that occur in targets or predictions; outputs [N, C], targets [N]."""
    hits, predicted, actual = _class_counts(outputs, targets)
    return _mean_over_present(_ratio(hits, predicted), predicted + actual)


def macro_recall(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean recall of the classes that occur in targets or predictions; outputs [N, C], targets [N]."""
    hits, predicted, actual = _class_counts(outputs, targets)
    return _mean_over_present(_ratio(hits, actual), predicted + actual)


def macro_f1(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean F1 of the classes that occur in targets or predictions; outputs [N, C], targets [N]."""
    hits, predicted, actual = _class_counts(outputs, targets)
    return _mean_over_present(_ratio(2 * hits, predicted + actual), predicted + actual)


def multilabel_macro_f1(outputs: torch.Tensor, targets: torch.Tensor, threshold: float = 0.0) -> torch.Tensor:
    """Mean F1 of the labels; outputs and targets [N, L], targets 0 or 1; a label that never occurs counts 0."""
    _same_size(outputs, targets)
    positive, actual = outputs > threshold, targets > 0.5
    hits = (positive & actual).double().sum(dim=0)
    return _ratio(2 * hits, positive.double().sum(dim=0) + actual.double().sum(dim=0)).mean()


def roc_auc(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Area under the ROC curve, tied scores counted half (Mann-Whitney U; Hanley and McNeil 1982).

    Args:
        outputs: scores of any shape.
        targets: 0 or 1, same number of elements.

    Returns:
        A 0-d tensor; NaN where only one class occurs.
    """
    _same_size(outputs, targets)
    scores, positive = outputs.reshape(-1).double(), targets.reshape(-1) > 0.5
    _, inverse, counts = torch.unique(scores, sorted=True, return_inverse=True, return_counts=True)
    upper = counts.cumsum(dim=0).double()
    ranks = (upper - (counts.double() - 1) / 2)[inverse]  # mean rank of each tie group
    positives = positive.double().sum()
    negatives = positive.numel() - positives
    wins: torch.Tensor = (ranks * positive).sum() - positives * (positives + 1) / 2
    return wins / (positives * negatives)


def _binary_counts(
    outputs: torch.Tensor, targets: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    _same_size(outputs, targets)
    predicted, actual = outputs.reshape(-1) > threshold, targets.reshape(-1) > 0.5
    return (predicted & actual).double().sum(), predicted.double().sum(), actual.double().sum()


def _class_counts(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    classes = outputs.shape[1]
    predictions = outputs.argmax(dim=1)
    predicted = torch.nn.functional.one_hot(predictions, classes).double()
    actual = torch.nn.functional.one_hot(targets, classes).double()
    return (predicted * actual).sum(dim=0), predicted.sum(dim=0), actual.sum(dim=0)


def _ratio(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    return torch.where(denominator > 0, numerator / denominator.clamp_min(1), torch.zeros_like(numerator))


def _mean_over_present(values: torch.Tensor, occurrences: torch.Tensor) -> torch.Tensor:
    present = (occurrences > 0).double()
    return (values * present).sum() / present.sum()


def _same_size(outputs: torch.Tensor, targets: torch.Tensor) -> None:
    if outputs.numel() != targets.numel():
        shapes = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"outputs and targets must have the same number of elements, got shapes {shapes}")
