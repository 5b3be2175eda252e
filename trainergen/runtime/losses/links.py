"""Losses of pairs: which nodes are linked, which items were chosen."""

from __future__ import annotations

import torch
from torch.nn import functional


def edge_scores(embeddings: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """The dot product of the two ends' rows of `embeddings` [N, D], for each column of `edges` int64 [2, E]: [E]."""
    return (embeddings[edges[0]] * embeddings[edges[1]]).sum(dim=1)


def link_prediction_loss(embeddings: torch.Tensor, edges: torch.Tensor, non_edges: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of telling edges from pairs that are none by their `edge_scores` (Kipf and Welling 2016, GAE).

    Args:
        embeddings: float [N, D], one row a node.
        edges: int64 [2, E], pairs that are linked.
        non_edges: int64 [2, M], pairs that are not.

    Returns:
        The mean over the edges and the mean over the others, half each.
    """
    linked, apart = edge_scores(embeddings, edges), edge_scores(embeddings, non_edges)
    return (functional.softplus(-linked).mean() + functional.softplus(apart).mean()) / 2


def bpr_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Bayesian personalised ranking (Rendle et al. 2009): what was chosen scores above what was not.

    Args:
        scores: float [E].
        labels: [E], 1 for pairs that were seen, 0 for sampled ones that were not.

    Returns:
        The mean of ``-log sigmoid(seen - unseen)`` over all such couples of the batch; 0, with a graph, without any.
    """
    chosen = labels > 0
    couples = chosen.unsqueeze(1) & ~chosen.unsqueeze(0)
    losses = functional.softplus(scores.unsqueeze(0) - scores.unsqueeze(1))
    return losses.masked_fill(~couples, 0.0).sum() / couples.sum().clamp_min(1)
