"""Are a batch's metrics plain numbers, or do they keep the graph of every step alive?"""

from __future__ import annotations

import torch

from .session import Fault, Measurement, Session

NAME = "metrics"


def measure(session: Session) -> Measurement:
    """Read what the last batch left to be logged: floats, or detached tensors of one value."""
    faults = []
    metrics = session.metrics()
    for name, value in metrics.items():
        if isinstance(value, torch.Tensor):
            if value.requires_grad:
                text = f"the metric {name} carries the graph of its step: memory grows until the epoch ends"
                faults.append(Fault("graph", name, text, "detach it"))
            if value.numel() != 1:
                text = f"the metric {name} has shape {list(value.shape)}, not []"
                faults.append(Fault("shape", name, text, "reduce it to one value"))
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            text = f"the metric {name} is a {type(value).__name__}, not a number"
            faults.append(Fault("type", name, text, "give a float or a detached tensor of one value"))
    title = f"{len(metrics)} batch metrics, all detached numbers" if not faults else faults[0].text
    return Measurement(NAME, title, tuple(faults), {"metrics": len(metrics)})
