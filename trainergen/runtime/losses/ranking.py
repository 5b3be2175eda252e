"""Losses that learn to rank.

They take ``scores`` float [B, M] (higher is better) and ``true_ranks`` int64 [B, M] (1 = best, ties share the lower rank,
0 = no truth). Entries without truth don't contribute, to value or gradient; a row with fewer than two valid entries
contributes nothing. The result is the mean over the contributing rows: a 0-d tensor with a graph, 0 where no row is left.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from .rows import mean_of_rows


def listnet_loss(scores: torch.Tensor, true_ranks: torch.Tensor) -> torch.Tensor:
    """ListNet (Cao et al. 2007, top-one probabilities): ``-sum_i softmax(-rank)_i log softmax(score)_i`` a row.

    A rank's relevance is its negative; tied ranks get equal probabilities.
    """
    valid, counted = _prepare(scores, true_ranks)
    lowest = torch.finfo(scores.dtype).min
    target = torch.softmax((-true_ranks).to(scores.dtype).masked_fill(~valid, lowest), dim=1)
    log_probability = torch.log_softmax(scores.masked_fill(~valid, lowest), dim=1)
    rows = -(target * log_probability.masked_fill(~valid, 0.0)).sum(dim=1)
    return mean_of_rows(rows, counted)


def listmle_loss(scores: torch.Tensor, true_ranks: torch.Tensor) -> torch.Tensor:
    """ListMLE (Xia et al. 2008): ``sum_i [log sum_{j: rank_j >= rank_i} exp(score_j) - score_i]`` a row.

    This is the negative log-likelihood of the true order under the Plackett-Luce model. Tied entries stay together in
    each other's sums (Breslow 1974), so that the loss does not depend on the order in which they are listed.
    """
    valid, counted = _prepare(scores, true_ranks)
    lowest = torch.finfo(scores.dtype).min
    # [B, i, j]: j is in i's sum
    not_better = (true_ranks.unsqueeze(1) >= true_ranks.unsqueeze(2)) & valid.unsqueeze(1)
    scores = scores.masked_fill(~valid, 0.0)
    sums = scores.unsqueeze(1).expand(not_better.shape).masked_fill(~not_better, lowest).logsumexp(dim=2)
    rows = (sums - scores).masked_fill(~valid, 0.0).sum(dim=1)
    return mean_of_rows(rows, counted)


def pairwise_logistic_loss(scores: torch.Tensor, true_ranks: torch.Tensor) -> torch.Tensor:
    """RankNet (Burges et al. 2005): mean of ``log(1 + exp(score_j - score_i))`` over the pairs with i better than j.

    Tied entries make no pair; a row whose valid entries all tie counts as 0.
    """
    valid, counted = _prepare(scores, true_ranks)
    pairs = (true_ranks.unsqueeze(2) < true_ranks.unsqueeze(1)) & valid.unsqueeze(1) & valid.unsqueeze(2)
    scores = scores.masked_fill(~valid, 0.0)
    losses = functional.softplus(scores.unsqueeze(1) - scores.unsqueeze(2)).masked_fill(~pairs, 0.0)
    rows = losses.sum(dim=(1, 2)) / pairs.sum(dim=(1, 2)).clamp_min(1)
    return mean_of_rows(rows, counted)


def contributing_rows(true_ranks: torch.Tensor) -> torch.Tensor:
    """How many rows of `true_ranks` [B, M] the losses here are a mean over: the weight of such a batch (0-d, int64)."""
    return ((true_ranks > 0).sum(dim=1) >= 2).sum()


def _prepare(scores: torch.Tensor, true_ranks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if scores.dim() != 2 or scores.shape != true_ranks.shape:
        shapes = f"{tuple(scores.shape)} and {tuple(true_ranks.shape)}"
        raise ValueError(f"scores and true_ranks must both be [B, M], got shapes {shapes}")
    if not scores.is_floating_point() or true_ranks.is_floating_point():
        dtypes = f"{scores.dtype} and {true_ranks.dtype}"
        raise TypeError(f"scores must be floating point and true_ranks integer, got {dtypes}")
    valid = true_ranks > 0
    return valid, valid.sum(dim=1) >= 2
