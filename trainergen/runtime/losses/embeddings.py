"""Losses of embeddings: what belongs together is near, what does not is far."""

from __future__ import annotations

import torch
from torch.nn import functional

from .rows import mean_of_rows


def cosine_similarities(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The cosine of the angle between every row of `first` [B, D] and every row of `second` [M, D]: [B, M]."""
    return functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T


def info_nce_loss(queries: torch.Tensor, keys: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE (van den Oord et al. 2018): each query's own key against those of the others in the batch.

    Args:
        queries: float [B, D].
        keys: float [B, D]; row i belongs to query i.
        temperature: what cosine similarities are divided by; small ones look at the nearest others alone.

    Returns:
        The mean cross-entropy of finding the own key; ln B where all keys are alike.
    """
    logits = cosine_similarities(queries, keys) / temperature
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def symmetric_contrastive_loss(logits: torch.Tensor) -> torch.Tensor:
    """CLIP's loss (Radford et al. 2021, figure 3): cross-entropy over rows and over columns, the diagonal being right.

    Args:
        logits: float [B, B], the similarity of the i-th of one kind to the j-th of the other, scaled already.
    """
    own = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def nt_xent_loss(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """NT-Xent of SimCLR (Chen et al. 2020, equation 1): two views of each sample find each other among all 2B.

    Args:
        first: float [B, D], embeddings of one view.
        second: float [B, D], of the other; row i is the same sample.
        temperature: as in `info_nce_loss`.
    """
    views = torch.cat([first, second])
    logits = cosine_similarities(views, views) / temperature
    logits = logits.masked_fill(torch.eye(len(views), dtype=torch.bool, device=views.device), -torch.inf)
    return functional.cross_entropy(logits, torch.arange(len(views), device=views.device).roll(len(first)))


def supervised_contrastive_loss(embeddings: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, equation 2): a sample finds all others of its class.

    Args:
        embeddings: float [B, D].
        labels: class numbers [B].
        temperature: as in `info_nce_loss`.

    Returns:
        The mean over the samples that have another of their class; 0, with a graph, where none has.
    """
    same = (labels.unsqueeze(0) == labels.unsqueeze(1)).fill_diagonal_(False)
    logits = cosine_similarities(embeddings, embeddings) / temperature
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = logits.masked_fill(itself, torch.finfo(logits.dtype).min)  # finite: a batch of one has no others
    log_probabilities = torch.log_softmax(logits, dim=1)
    rows = -(log_probabilities * same).sum(dim=1) / same.sum(dim=1).clamp_min(1)
    return mean_of_rows(rows, same.any(dim=1))


def pair_margin_loss(distances: torch.Tensor, same: torch.Tensor, margin: float) -> torch.Tensor:
    """The contrastive loss of Hadsell, Chopra and LeCun 2006 (equation 4): like pairs near, others beyond the margin.

    Args:
        distances: float [B], at least 0.
        same: [B], 1 where the two belong together, else 0.
        margin: the distance from which pairs that don't belong together cost nothing.
    """
    same = same.to(distances.dtype)
    losses = same * distances.square() + (1 - same) * (margin - distances).clamp_min(0).square()
    return losses.mean() / 2
