"""Losses that torch lacks, each a function of tensors to a 0-d tensor with a graph; the docstrings cite their sources.

Those that learn to rank take ``scores`` float [B, M] (higher is better) and ``true_ranks`` int64 [B, M] (1 = best, ties
share the lower rank, 0 = no truth). Entries without truth don't contribute, to value or gradient; a row with fewer than two valid
entries contributes nothing. The result is the mean over the contributing rows: a 0-d tensor with a graph, 0 where no
row is left.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def listnet_loss(scores: torch.Tensor, true_ranks: torch.Tensor) -> torch.Tensor:
    """ListNet (Cao et al. 2007, top-one probabilities): ``-sum_i softmax(-rank)_i log softmax(score)_i`` a row.

    A rank's relevance is its negative; tied ranks get equal probabilities.
    """
    valid, counted = _prepare(scores, true_ranks)
    lowest = torch.finfo(scores.dtype).min
    target = torch.softmax((-true_ranks).to(scores.dtype).masked_fill(~valid, lowest), dim=1)
    log_probability = torch.log_softmax(scores.masked_fill(~valid, lowest), dim=1)
    rows = -(target * log_probability.masked_fill(~valid, 0.0)).sum(dim=1)
    return _mean_of_rows(rows, counted)


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
    return _mean_of_rows(rows, counted)


def pairwise_logistic_loss(scores: torch.Tensor, true_ranks: torch.Tensor) -> torch.Tensor:
    """RankNet (Burges et al. 2005): mean of ``log(1 + exp(score_j - score_i))`` over the pairs with i better than j.

    Tied entries make no pair; a row whose valid entries all tie counts as 0.
    """
    valid, counted = _prepare(scores, true_ranks)
    pairs = (true_ranks.unsqueeze(2) < true_ranks.unsqueeze(1)) & valid.unsqueeze(1) & valid.unsqueeze(2)
    scores = scores.masked_fill(~valid, 0.0)
    losses = functional.softplus(scores.unsqueeze(1) - scores.unsqueeze(2)).masked_fill(~pairs, 0.0)
    rows = losses.sum(dim=(1, 2)) / pairs.sum(dim=(1, 2)).clamp_min(1)
    return _mean_of_rows(rows, counted)


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


def _mean_of_rows(rows: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    return rows.masked_fill(~counted, 0.0).sum() / counted.sum().clamp_min(1)


def kl_to_standard_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL divergence of a diagonal normal distribution to the standard one (Kingma and Welling 2014, appendix B).

    Args:
        mean: float [B, ...].
        log_variance: natural logarithm of the variances, of the same shape.

    Returns:
        ``-1/2 sum(1 + log variance - mean^2 - variance)`` in nats, summed over a sample, the mean over the batch.
    """
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp())
    return divergence.flatten(1).sum(dim=1).mean()


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
    return _mean_of_rows(rows, same.any(dim=1))


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


def pinball_loss(predictions: torch.Tensor, targets: torch.Tensor, levels: tuple[float, ...]) -> torch.Tensor:
    """Quantile loss (Koenker and Bassett 1978): an error costs its level where the target is above, else 1 - level.

    Args:
        predictions: float [..., Q], one column a quantile.
        targets: float [...].
        levels: the Q quantiles' levels, each in (0, 1), in the order of the columns.

    Returns:
        The mean over all columns.
    """
    if predictions.shape != (*targets.shape, len(levels)):
        shapes = f"{tuple(predictions.shape)}, {tuple(targets.shape)}"
        raise ValueError(f"predictions must have the targets' shape and {len(levels)} columns, got shapes {shapes}")
    errors = targets.unsqueeze(-1) - predictions
    level = predictions.new_tensor(levels)
    return torch.maximum(level * errors, (level - 1) * errors).mean()


def cox_loss(log_risks: torch.Tensor, times: torch.Tensor, events: torch.Tensor) -> torch.Tensor:
    """Negative log partial likelihood of the Cox model (Cox 1972; ties after Breslow 1974), the mean over the events.

    Args:
        log_risks: float [B], higher is earlier.
        times: [B], of the event, or until which the sample was watched.
        events: [B], 1 (true) where the event was seen, 0 where the sample left before.

    Returns:
        A 0-d tensor; 0, with a graph, where the batch has no event. Samples at risk are those of the batch.
    """
    at_risk = times.unsqueeze(0) >= times.unsqueeze(1)
    sums = log_risks.unsqueeze(0).expand(at_risk.shape).masked_fill(~at_risk, -torch.inf).logsumexp(dim=1)
    return _mean_of_rows(sums - log_risks, events > 0)


def discrete_survival_loss(logits: torch.Tensor, intervals: torch.Tensor, events: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of hazards in discrete time (Brown 1975; Gensheimer and Narasimhan 2019).

    Args:
        logits: float [B, T], of the hazard in each interval: the probability of the event there for who reached it.
        intervals: int64 [B], the last interval in which the sample was watched, below T.
        events: [B], 1 (true) where the event was in that interval, 0 where the sample outlived it.

    Returns:
        The sum over the intervals that a sample was watched in, the mean over the batch.
    """
    steps = torch.arange(logits.shape[1], device=logits.device).unsqueeze(0)
    last = intervals.unsqueeze(1)
    happened = ((steps == last) & (events > 0).unsqueeze(1)).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, happened, reduction="none")
    return (losses * (steps <= last)).sum(dim=1).mean()


def event_time_loss(probabilities: torch.Tensor, intervals: torch.Tensor, events: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of when an event happens (Lee et al. 2018, DeepHit for one kind of event, without ranking).

    Args:
        probabilities: float [B, T], of the event in each interval; the last also stands for all that is later.
        intervals: int64 [B], the last interval in which the sample was watched, below T.
        events: [B], 1 (true) where the event was in that interval, 0 where it comes later.

    Returns:
        The mean over the batch; a probability below 1e-7 counts as that.
    """
    later = torch.arange(probabilities.shape[1], device=probabilities.device).unsqueeze(0) > intervals.unsqueeze(1)
    own = probabilities.gather(1, intervals.unsqueeze(1)).squeeze(1)
    chances = torch.where(events > 0, own, (probabilities * later).sum(dim=1))
    return -chances.clamp_min(1e-7).log().mean()


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
