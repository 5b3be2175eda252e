"""Weighted means over an epoch without a host sync a step: sums in Python on the CPU, on the device elsewhere."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

Number = float | torch.Tensor


class EpochMeans:
    """Loss and metrics of an epoch, each the mean of its batches weighted by what `_batch_weight` said.

    On the CPU reading a scalar is cheaper than adding tensors, and doubles are exact enough; elsewhere reading would
    stall the device, so sums stay there (float64, float32 on Apple's GPU) and are read together, once.
    A metric that is NaN in a batch (undefined there: no valid row, one class only) does not count in that batch; a
    loss that is NaN does.

    Args:
        device: where the run happens.
        on_host: where the sums are kept; None: on the host for the CPU, else on the device.

    Attributes:
        batches: how many were taken.
        weight: of them all together (samples, or tokens), once `compute` has read it.
    """

    def __init__(self, device: torch.device, *, on_host: bool | None = None) -> None:
        self._device = device
        self._on_host = device.type == "cpu" if on_host is None else on_host
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        self._sums: defaultdict[str, Any] = defaultdict(float)
        self._weights: defaultdict[str, Any] = defaultdict(float)
        self._bad_step: torch.Tensor | None = None
        self.batches = 0
        self.weight: float | None = None

    def add(self, loss: torch.Tensor, metrics: Mapping[str, Number], weight: int | torch.Tensor, step: int) -> bool:
        """Take one batch; False if its loss is known not to be finite (off the CPU `first_bad_step` tells later).

        Raises:
            ValueError: a metric is called ``loss`` or is not a scalar.
        """
        self.batches += 1
        if self._on_host:
            finite = self._add_host("loss", loss.item(), float(weight))
        else:
            finite = self._add_loss(loss, weight, step)
        for name, value in metrics.items():
            if name == "loss":
                raise ValueError("a batch metric is called 'loss', which is the loop's own: give it another name")
            self.add_metric(name, value, weight)
        return finite

    def add_metric(self, name: str, value: Number, weight: int | torch.Tensor) -> bool:
        """Take one value of a metric; False if it is known not to be finite.

        Raises:
            ValueError: it is not a scalar.
        """
        if isinstance(value, torch.Tensor) and value.dim() != 0:
            raise ValueError(f"metric {name!r} must be a number or a 0-d tensor, got shape {tuple(value.shape)}")
        if self._on_host:
            number = value.item() if isinstance(value, torch.Tensor) else float(value)  # float() warns of a graph
            if math.isnan(number):
                self._add_host(name, 0.0, 0.0)
                return False
            return self._add_host(name, number, float(weight))
        value = torch.as_tensor(value, dtype=self._dtype, device=self._device).detach()
        self._add_device(name, value.nan_to_num(0.0, math.inf, -math.inf), weight * ~value.isnan())
        return True

    def first_bad_step(self) -> int | None:
        """The step of the first loss that was not finite, or None. Waits for the device."""
        found = -1 if self._bad_step is None else int(self._bad_step.item())
        return None if found < 0 else found

    def look(self, loss: torch.Tensor) -> tuple[float, int | None]:
        """The value of `loss` and what `first_bad_step` gives. Waits for the device, once."""
        if self._bad_step is None:
            return loss.item(), None
        value, found = torch.stack([loss.detach().to(self._dtype), self._bad_step.to(self._dtype)]).tolist()
        return value, None if found < 0 else int(found)

    def compute(self) -> dict[str, float]:
        """The means, ``loss`` first; NaN for a metric that was defined in no batch. Waits for the device, once.

        Raises:
            ValueError: no batch, or all batches weigh nothing.
        """
        if self.batches == 0:
            raise ValueError("no batch in this epoch")
        names = list(self._sums)
        sums, weights = [self._sums[name] for name in names], [self._weights[name] for name in names]
        if not self._on_host and names:
            sums, weights = torch.stack([*sums, *weights]).view(2, -1).tolist()
        if weights[0] == 0:
            raise ValueError("all batches of this epoch have weight 0: see _batch_weight")
        self.weight = float(weights[0])
        return {
            name: total / weight if weight else math.nan
            for name, total, weight in zip(names, sums, weights, strict=True)
        }

    def state_dict(self) -> dict[str, Any]:
        """What an epoch resumed in its middle needs."""
        return {"sums": dict(self._sums), "weights": dict(self._weights), "batches": self.batches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        convert = float if self._on_host else self._to_device
        self._sums = defaultdict(float, {name: convert(value) for name, value in state["sums"].items()})
        self._weights = defaultdict(float, {name: convert(value) for name, value in state["weights"].items()})
        self.batches = state["batches"]

    def _add_host(self, name: str, number: float, weight: float) -> bool:
        # nothing is added for weight 0: an infinite value would otherwise turn the sum into NaN
        self._sums[name] += number * weight if weight else 0.0
        self._weights[name] += weight
        return math.isfinite(number)

    def _add_loss(self, loss: torch.Tensor, weight: Number, step: int) -> bool:
        value = loss.detach()
        if self._bad_step is None:
            self._bad_step = torch.full((), -1, dtype=torch.int64, device=self._device)
        self._bad_step = torch.where((self._bad_step < 0) & ~value.isfinite(), step, self._bad_step)
        self._add_device("loss", value.to(self._dtype), weight)
        return True

    def _add_device(self, name: str, value: torch.Tensor, weight: Number) -> None:
        if name not in self._sums:
            self._sums[name] = torch.zeros((), dtype=self._dtype, device=self._device)
            self._weights[name] = torch.zeros((), dtype=self._dtype, device=self._device)
        self._sums[name] += value * weight
        self._weights[name] += weight

    def _to_device(self, value: Any) -> torch.Tensor:
        return torch.as_tensor(value, dtype=self._dtype, device=self._device)
