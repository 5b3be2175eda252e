"""Survival metrics: does the order of the risks agree with the order of the events?"""

from __future__ import annotations

import torch


def concordance(log_risks: torch.Tensor, times: torch.Tensor, event: torch.Tensor) -> torch.Tensor:
    """Concordance index (Harrell et al. 1982): share of comparable pairs in which the earlier event has the higher risk.

    A pair is comparable where the sample with the shorter time had its event, or where the times are equal and one of
    the two had it; equal risks count half.

    Args:
        log_risks: [N], higher is earlier.
        times: [N].
        event: [N], 1 (true) where the event was seen.

    Returns:
        A 0-d tensor, 1/2 by chance; NaN where no pair is comparable.
    """
    risks, seen = log_risks.detach().double(), event > 0
    shorter = times.unsqueeze(1) < times.unsqueeze(0)
    outlived = (times.unsqueeze(1) == times.unsqueeze(0)) & ~seen.unsqueeze(0)
    comparable = seen.unsqueeze(1) & (shorter | outlived)
    difference = risks.unsqueeze(1) - risks.unsqueeze(0)
    right = (difference > 0).double() + (difference == 0).double() / 2
    return (right * comparable).sum() / comparable.double().sum()
