"""Ranking: scores of M candidates against their true ranks (1 = best, ties share a rank, 0 = no truth)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import INTEGRAL, Fit, LossOption, Pair, cast, shape_text

TASK = "ranking"
LOSSES = {
    "listnet": "the whole list at once, as a distribution over the first place",
    "listmle": "the whole list at once, as the likelihood of the true order",
    "pairwise_logistic": "every ordered pair of candidates",
}
METRICS = ("ndcg", "kendall_tau")
EPOCH_METRICS = ()
DEFAULT_METRICS = METRICS
METRIC_FUNCTIONS = {"ndcg": "ndcg_at_k", "kendall_tau": "kendall_tau"}
LOSSES_ON_PROBABILITIES = ()
RANK_KEY = "true_ranks"


def fit(pair: Pair) -> Fit | None:
    """``true_ranks`` in the batch, of the scores' shape; any integers of that shape where ranking was asked for."""
    if pair.leaf is None or pair.target is None or pair.feeds or pair.leaf.sizes != pair.output.sizes:
        return None
    if pair.leaf.dtype not in INTEGRAL or len(pair.output.sizes) != 2:
        return None
    named = bool(pair.target) and pair.target[-1] == RANK_KEY
    if not named and not set(pair.asked) & {TASK, *LOSSES}:
        return None
    reason = f"scores {shape_text(pair.output)} against ranks {shape_text(pair.leaf)}"
    options = tuple(LossOption(name, text, (), cast(pair.leaf, "long")) for name, text in LOSSES.items())
    return Fit(score=95 if named else 60, reason=reason, losses=options)


def _mean_over_rows(output: Any, target: Any, row_loss: Callable[[Any, Any], Any]) -> Any:
    """The mean of `row_loss` (scores, ranks of the entries that have one) over rows with two such entries or more."""
    losses = []
    for scores, ranks in zip(output, target, strict=True):
        known = ranks > 0
        if int(known.sum()) >= 2:
            losses.append(row_loss(scores[known], ranks[known]))
    return sum(losses) / len(losses) if losses else (output * 0).sum()


def _listnet(output: Any, target: Any, functional: Any) -> Any:
    """Cao et al. 2007, top-one probabilities; a rank's relevance is its negative."""

    def row(scores: Any, ranks: Any) -> Any:
        truth = functional.softmax(-ranks.to(scores.dtype), dim=0)
        return -(truth * functional.log_softmax(scores, dim=0)).sum()

    return _mean_over_rows(output, target, row)


def _listmle(output: Any, target: Any, _functional: Any) -> Any:
    """Xia et al. 2008: minus the log-likelihood of the true order (Plackett-Luce), ties after Breslow 1974."""

    def row(scores: Any, ranks: Any) -> Any:
        return sum(scores[ranks >= rank].logsumexp(dim=0) - score for score, rank in zip(scores, ranks, strict=True))

    return _mean_over_rows(output, target, row)


def _pairwise_logistic(output: Any, target: Any, functional: Any) -> Any:
    """Burges et al. 2005 (RankNet): mean of softplus(score_j - score_i) over the pairs with i better than j."""

    def row(scores: Any, ranks: Any) -> Any:
        pairs = [
            functional.softplus(scores[worse] - scores[better])
            for better in range(len(ranks))
            for worse in range(len(ranks))
            if int(ranks[better]) < int(ranks[worse])
        ]
        return sum(pairs) / len(pairs) if pairs else (scores * 0).sum()

    return _mean_over_rows(output, target, row)


REFERENCES = {"listnet": _listnet, "listmle": _listmle, "pairwise_logistic": _pairwise_logistic}
