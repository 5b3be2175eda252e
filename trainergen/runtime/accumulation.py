"""Several batches, one optimizer step: that of the k-times batch, short last window and unequal weights included."""

from __future__ import annotations

from collections.abc import Iterable

import torch

Weight = int | float | torch.Tensor


class AccumulationWindow:
    """The batches since the last optimizer step.

    Each loss is a mean over its batch, so the loss of the big batch is sum(w_i L_i) / sum(w_i). The last sum is known
    only when the window closes: every loss is multiplied with w_i / w_1 (near 1, which float16 needs), and the
    gradients with w_1 / sum(w_i) before they are clipped. With one batch a step nothing is multiplied.

    On W ranks, whose gradients are averaged, w_1 and the sum are those of all ranks together, and the losses are
    multiplied with W w_i / w_1; so the step is that of the batches of all ranks in one.

    Args:
        size: batches a step.

    Attributes:
        count: batches so far.
        full: whether it is time to step.
        loss_factor: what the last batch's loss is multiplied with before its backward pass; None for nothing.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0
        self.full = False
        self._first: Weight = 1
        self._total: Weight = 0
        self._together: Weight = 0
        self._shared = 0
        self.loss_factor: Weight | None = None

    def add(self, weight: Weight) -> None:
        """Take the next batch's weight, before its backward pass."""
        self.count += 1
        self.full = self.count >= self.size
        if self.size == 1:
            return
        if self.count == 1:
            self._first, self._total = _positive(weight), 0
        self._total = self._total + weight
        self.loss_factor = weight / self._first

    def share(self, own: Weight, everywhere: Weight, world_size: int) -> None:
        """Take what the batch that was added last weighs here, and on all ranks; asked again, nothing is added.

        Before its backward pass.
        """
        if self.count == 1:
            self._first, self._together = _positive(everywhere), everywhere
        elif self._shared < self.count:
            self._together = self._together + everywhere
        self._shared = self.count
        self._total = self._together  # not this rank's alone, which `add` counts
        self.loss_factor = own * world_size / self._first

    def normalise(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Turn the summed gradients into those of the big batch."""
        if self.size == 1:
            return
        factor = self._first / _positive(self._total)
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(factor)

    def reset(self) -> None:
        """Begin the next window."""
        self.count = 0
        self.full = False
        self._shared = 0
        self.loss_factor = None


def _positive(weight: Weight) -> Weight:
    # a window whose batches all weigh nothing has zero gradients already: divide them by one, not by zero
    if isinstance(weight, torch.Tensor):
        return torch.where(weight > 0, weight, torch.ones_like(weight))
    return weight if weight > 0 else 1
