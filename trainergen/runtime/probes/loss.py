"""Is the loss a tensor that something can be learnt from: one value, real, finite, with a graph?"""

from __future__ import annotations

from typing import Any

import torch

from .session import Fault, Measurement, Session, unmeasured
from .walk import fresh, seed_everything

NAME = "loss"


def measure(session: Session, batch: Any, *, seed: int) -> Measurement:
    """Compute the loss of `batch` without stepping; buffers that move in a forward (BatchNorm) do move."""
    if not session.model.training:  # else as the trainer left it: submodules may have modes of their own
        session.model.train()
    seed_everything(seed)
    loss = session.loss(fresh(batch))
    if loss is None:
        return unmeasured(NAME, "the trainer computes its loss inside its step: not measured by itself")
    if not isinstance(loss, torch.Tensor):
        text = f"the loss is a {type(loss).__name__}, not a tensor"
        return Measurement(NAME, text, (Fault("type", "", text, "return the loss tensor itself"),))
    faults = list(_faults(loss))
    if faults:
        return Measurement(NAME, faults[0].text, tuple(faults))
    value = float(loss.detach())
    return Measurement(NAME, f"the loss is a finite scalar with a graph: {value:.4f}", numbers={"loss": value})


def _faults(loss: torch.Tensor) -> list[Fault]:
    faults = []
    if loss.dim() != 0:
        text = f"the loss has shape {list(loss.shape)}, not []"
        faults.append(Fault("shape", "", text, "reduce it to one value, as .mean() does"))
    if not loss.is_floating_point():
        faults.append(Fault("dtype", "", f"the loss is {loss.dtype}, not a real floating dtype"))
    elif not bool(torch.isfinite(loss.detach()).all()):
        faults.append(Fault("finite", "", "the loss is not finite"))
    if not loss.requires_grad:
        faults.append(
            Fault(
                "graph",
                "",
                "the loss has no graph: nothing can be learnt from it",
                "return the loss itself; put the detached value into self._last_batch_metrics",
            )
        )
    return faults
