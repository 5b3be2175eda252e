"""Losses of when an event happens, where some samples left before it."""

from __future__ import annotations

import torch
from torch.nn import functional

from .rows import mean_of_rows


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
    return mean_of_rows(sums - log_risks, events > 0)


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
