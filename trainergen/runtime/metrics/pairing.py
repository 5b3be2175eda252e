"""Retrieval: is what lies nearest to an embedding what belongs to it?"""

from __future__ import annotations

import torch


def retrieval_recall(
    outputs: torch.Tensor, targets: torch.Tensor | None = None, other: torch.Tensor | None = None
) -> torch.Tensor:
    """Recall at 1: the share of samples whose nearest by the cosine belongs to them; ties count by chance.

    Args:
        outputs: embeddings [B, D]; with neither of the others the similarities themselves, [B, B].
        targets: class numbers [B]: the nearest other of `outputs` should be of the same class (Jegou et al. 2011).
        other: embeddings [B, D]: the nearest of these should be that of the same row.

    Returns:
        A 0-d tensor. With `targets` over the samples that have another of their class, NaN where none has.

    Raises:
        ValueError: similarities that are no square.
    """
    similarities = outputs.detach().double()
    if targets is not None or other is not None:
        rows = torch.nn.functional.normalize(similarities, dim=1)
        columns = rows if other is None else torch.nn.functional.normalize(other.detach().double(), dim=1)
        similarities = rows @ columns.T
    if similarities.dim() != 2 or similarities.shape[0] != similarities.shape[1]:
        raise ValueError(f"similarities must be [B, B], got shape {tuple(similarities.shape)}")
    itself = torch.eye(len(similarities), dtype=torch.bool, device=similarities.device)
    right = itself
    if targets is not None and other is None:
        right = (targets.unsqueeze(0) == targets.unsqueeze(1)) & ~itself
        similarities = similarities.masked_fill(itself, -torch.inf)
    nearest = similarities == similarities.amax(dim=1, keepdim=True)
    hits = (nearest & right).double().sum(dim=1) / nearest.double().sum(dim=1)
    counted = right.any(dim=1)
    return (hits * counted).sum() / counted.double().sum()
