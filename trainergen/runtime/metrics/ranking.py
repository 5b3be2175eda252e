"""Ranking metrics for scores against ground-truth ranks, row by row, with ties and missing ranks."""

from __future__ import annotations

import torch


def ndcg_at_k(scores: torch.Tensor, true_ranks: torch.Tensor, k: int | None = None) -> torch.Tensor:
    """Normalised discounted cumulative gain (Jarvelin and Kekalainen 2002), mean over the rows.

    The gain of an entry is the row's worst rank minus its own (linear, the worst gains nothing); tied scores share
    their gain evenly (McSherry and Najork 2008), as in ``sklearn.metrics.ndcg_score`` with these gains.

    Args:
        scores: float [B, M], higher is better.
        true_ranks: int64 [B, M], 1 = best, ties share the lower rank, 0 = no truth (left out).
        k: positions that count; None for all.

    Returns:
        A 0-d tensor; rows without two different ranks are left out, NaN where none is left.
    """
    _check(scores, true_ranks)
    valid = true_ranks > 0
    scores = scores.detach().double()
    worst = true_ranks.max(dim=1, keepdim=True).values
    gains = torch.where(valid, worst - true_ranks, torch.zeros_like(true_ranks)).double()
    tied = (scores.unsqueeze(2) == scores.unsqueeze(1)) & valid.unsqueeze(1) & valid.unsqueeze(2)
    shared = (tied.double() @ gains.unsqueeze(2)).squeeze(2) / tied.double().sum(dim=2).clamp_min(1)
    achieved = _discounted(shared.gather(1, _order(scores, valid)), k)
    ideal = _discounted(gains.sort(dim=1, descending=True).values, k)
    return _mean(achieved / ideal.clamp_min(torch.finfo(torch.float64).tiny), ideal > 0)


def kendall_tau(scores: torch.Tensor, true_ranks: torch.Tensor) -> torch.Tensor:
    """Kendall's tau-b (Kendall 1945) between scores and true ranks, mean over the rows; 1 is the same order.

    Args:
        scores: float [B, M], higher is better.
        true_ranks: int64 [B, M], 1 = best, ties share the lower rank, 0 = no truth (left out).

    Returns:
        A 0-d tensor; rows in which all scores or all ranks tie are left out, NaN where none is left.
    """
    _check(scores, true_ranks)
    valid = true_ranks > 0
    scores = scores.detach().double()
    pairs = (valid.unsqueeze(1) & valid.unsqueeze(2)).double()
    score_signs = torch.sign(scores.unsqueeze(2) - scores.unsqueeze(1)).nan_to_num(0.0) * pairs
    rank_signs = torch.sign(true_ranks.unsqueeze(1) - true_ranks.unsqueeze(2)).double() * pairs
    agreement = (score_signs * rank_signs).sum(dim=(1, 2))
    product = score_signs.square().sum(dim=(1, 2)) * rank_signs.square().sum(dim=(1, 2))
    return _mean(agreement / product.clamp_min(1).sqrt(), product > 0)


def _order(scores: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    by_score = scores.argsort(dim=1, descending=True, stable=True)
    valid_first = valid.gather(1, by_score).long().argsort(dim=1, descending=True, stable=True)
    return by_score.gather(1, valid_first)


def _discounted(gains: torch.Tensor, k: int | None) -> torch.Tensor:
    positions = torch.arange(gains.shape[1], device=gains.device, dtype=torch.float64)
    discounts = 1 / torch.log2(positions + 2)
    if k is not None:
        discounts = discounts * (positions < k)
    return (gains * discounts).sum(dim=1)


def _mean(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    return torch.where(counted, values, torch.zeros_like(values)).sum() / counted.double().sum()


def _check(scores: torch.Tensor, true_ranks: torch.Tensor) -> None:
    if scores.dim() != 2 or scores.shape != true_ranks.shape:
        shapes = f"{tuple(scores.shape)} and {tuple(true_ranks.shape)}"
        raise ValueError(f"scores and true_ranks must both be [B, M], got shapes {shapes}")
