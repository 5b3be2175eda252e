"""Ranking: scores of M candidates against their true ranks (1 = best, ties share a rank, 0 = no truth)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..seen import INTEGRAL, Seen, assumed_leaf, said
from . import Fit, LossOption, Pair, Proposal, cast, shape_text

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


def propose(seen: Seen) -> Proposal | None:
    """Scores [batch, M] of a model that is said to rank candidates, or under a loss that does."""
    output = seen.main
    if output is None or len(output.sizes) != 2 or output.sizes[1] < 2:
        return None
    words = seen.says(r"\brank(er|ing|s)\b|\blist.?wise|learning.to.rank|\bndcg")
    target = seen.want("target", assumed_leaf("int64", output, low=1, high=output.sizes[1] + 1), key=RANK_KEY)
    if target is None or (words is None and not seen.asks((TASK, *LOSSES))):
        return None
    return Proposal(
        score=78 if words else 40,
        reason=f"scores {said(output)}" + (f": {words}" if words else ""),
        losses=tuple(LossOption(name, text) for name, text in LOSSES.items()),
        assumed=True,
        low=0,
        roles=(seen.output("prediction", output), target),
    )


def fit(pair: Pair) -> Fit | None:
    """``true_ranks`` in the batch, of the scores' shape; any integers of that shape where ranking was asked for."""
    if pair.leaf is None or pair.feeds or pair.leaf.sizes != pair.output.sizes:
        return None
    if pair.leaf.dtype not in INTEGRAL or len(pair.output.sizes) != 2:
        return None
    named = bool(pair.target) and pair.target[-1] == RANK_KEY
    if not named and not set(pair.asked) & {TASK, *LOSSES}:
        return None
    reason = f"scores {shape_text(pair.output)} against ranks {shape_text(pair.leaf)}"
    options = tuple(LossOption(name, text, (), cast(pair.leaf, "long")) for name, text in LOSSES.items())
    return Fit(score=95 if named else 60, reason=reason, losses=options, low=0)


def _mean_over_rows(prediction: Any, target: Any, row_loss: Callable[[Any, Any], Any]) -> Any:
    """The mean of `row_loss` (scores, ranks of the entries that have one) over rows with two such entries or more."""
    losses = []
    for scores, ranks in zip(prediction, target, strict=True):
        known = ranks > 0
        if int(known.sum()) >= 2:
            losses.append(row_loss(scores[known], ranks[known]))
    return sum(losses) / len(losses) if losses else (prediction * 0).sum()


def _listnet(functional: Any, *, prediction: Any, target: Any) -> Any:
    """Cao et al. 2007, top-one probabilities; a rank's relevance is its negative."""

    def row(scores: Any, ranks: Any) -> Any:
        truth = functional.softmax(-ranks.to(scores.dtype), dim=0)
        return -(truth * functional.log_softmax(scores, dim=0)).sum()

    return _mean_over_rows(prediction, target, row)


def _listmle(functional: Any, *, prediction: Any, target: Any) -> Any:  # noqa: ARG001 - as every reference
    """Xia et al. 2008: minus the log-likelihood of the true order (Plackett-Luce), ties after Breslow 1974."""

    def row(scores: Any, ranks: Any) -> Any:
        return sum(scores[ranks >= rank].logsumexp(dim=0) - score for score, rank in zip(scores, ranks, strict=True))

    return _mean_over_rows(prediction, target, row)


def _pairwise_logistic(functional: Any, *, prediction: Any, target: Any) -> Any:
    """Burges et al. 2005 (RankNet): mean of softplus(score_j - score_i) over the pairs with i better than j."""

    def row(scores: Any, ranks: Any) -> Any:
        pairs = [
            functional.softplus(scores[worse] - scores[better])
            for better in range(len(ranks))
            for worse in range(len(ranks))
            if int(ranks[better]) < int(ranks[worse])
        ]
        return sum(pairs) / len(pairs) if pairs else (scores * 0).sum()

    return _mean_over_rows(prediction, target, row)


REFERENCES = {"listnet": _listnet, "listmle": _listmle, "pairwise_logistic": _pairwise_logistic}
