"""Outputs and targets of a whole epoch, for metrics that are no mean of batch values: AUC, F1, R2, RMSE."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch


class EpochScores:
    """Collects detached outputs and targets on their device; computes when the epoch is over.

    Keep one as an attribute of the trainer, `add` in ``compute_loss``, `compute` in ``_collect_epoch_metrics``. The
    trainer resets it when an epoch's training or an evaluation begins, and saves it with its checkpoints.
    """

    def __init__(self) -> None:
        self._outputs: list[torch.Tensor] = []
        self._targets: list[tuple[torch.Tensor, ...]] = []

    def add(self, outputs: torch.Tensor, *targets: torch.Tensor) -> None:
        """Keep a batch; first dimensions may differ from batch to batch, the others may not."""
        self._outputs.append(outputs.detach().clone())
        self._targets.append(tuple(each.detach().clone() for each in targets))

    def compute(self, metric: Callable[..., torch.Tensor]) -> float:
        """`metric` of everything collected, as it was added; NaN where nothing was. Waits for the device."""
        if not self._outputs:
            return math.nan
        return float(metric(torch.cat(self._outputs), *map(torch.cat, zip(*self._targets, strict=True))))

    def reset(self) -> None:
        """Forget everything."""
        self._outputs.clear()
        self._targets.clear()

    def __len__(self) -> int:
        """Samples collected."""
        return sum(outputs.shape[0] for outputs in self._outputs)

    def state_dict(self) -> dict[str, Any]:
        """What an epoch resumed in its middle needs."""
        return {"outputs": list(self._outputs), "targets": list(self._targets)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._outputs, self._targets = list(state["outputs"]), list(state["targets"])
