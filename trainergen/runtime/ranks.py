"""What a trainer does otherwise where several processes train together; on a single one nothing of this exists."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from .config import BaseTrainerConfig
from .distribution import Distribution, join_processes
from .errors import NonFiniteLoss, SettingError
from .rank_data import only_fills, share_loader
from .rank_metrics import collected, merge_scores, put_collected, put_scores, rank_scores
from .rank_state import rank_seed
from .replicas import Replicas
from .seeding import seed_everything

if TYPE_CHECKING:
    from .trainer import Trainer

T = TypeVar("T")


class Ranks:
    """One trainer's side of a run of several processes.

    Args:
        trainer: whose.
        distribution: the processes.
    """

    def __init__(self, trainer: Trainer[Any, Any], distribution: Distribution) -> None:
        self._trainer = trainer
        self.distribution = distribution
        self.sharded = trainer.config.strategy == "fsdp"
        self._replicas = Replicas()
        if self.sharded:
            from .shards import Shards, is_sharded

            if not is_sharded(trainer.model):
                raise SettingError("strategy", "fsdp divides the model before its optimizer is built: use from_config")
            if trainer.config.precision == "float16":
                raise SettingError(
                    "precision", "float16 has a scaler that does not know of strategy fsdp: use bfloat16"
                )
            self._replicas = Shards()
        self._filling = False
        self._collected: dict[str, Any] = {}
        self._weight: int | torch.Tensor = 1

    def share(self, loader: Iterable[T]) -> Iterable[T]:
        """This rank's part of `loader`."""
        return share_loader(loader, self.distribution.rank, self.distribution.world_size, self._trainer.config.seed)

    def begin(self) -> None:
        """Before the hooks of a run: noise of its own for each rank, where rank 0 has what the seed gives."""
        trainer = self._trainer
        if self.distribution.rank > 0 and trainer.pending_random_state is None:
            seed_everything(rank_seed(trainer.config.seed, self.distribution.rank, trainer.step))

    def begin_epoch(self) -> None:
        """After the hooks of an epoch, which may have frozen or added parameters."""
        self._replicas.follow([part for part in vars(self._trainer).values() if isinstance(part, nn.Module)])

    def begin_evaluation(self) -> None:
        """Evaluate one model: with rank 0's running means, not each rank's own since its last step."""
        self._replicas.before_forward()

    def take(self, loader: Iterable[Any], number: int) -> None:
        """Batch `number` of `loader`, counted from 1, is next: in training the buffers are made equal before it."""
        if self._trainer.model.training:
            self._replicas.before_forward()
        self._filling = only_fills(loader, number)
        if self._filling:
            self._collected = collected(self._trainer)

    def weigh(self, weight: int | torch.Tensor) -> int | torch.Tensor:
        """What the batch taken counts: nothing, if it only keeps the ranks in step."""
        self._weight = weight * 0 if self._filling else weight
        return self._weight

    def settle(self) -> None:
        """After the forward pass: forget what a batch that counts nothing has added to an `EpochScores`."""
        if self._filling:
            put_collected(self._trainer, self._collected)

    def agree(self, loss: torch.Tensor) -> None:
        """Before any rank goes backward: what the batches of all weigh, whether a loss is bad, who is asked to end.

        Raises:
            NonFiniteLoss: on every rank, where one's loss is not finite (on CPU).
        """
        trainer, weight = self._trainer, self._weight
        self.settle()
        bad = loss.device.type == "cpu" and not math.isfinite(loss.item())
        on_device = weight if isinstance(weight, torch.Tensor) and weight.device.type != "cpu" else None
        known = 0.0 if on_device is not None else float(weight)
        together, bad_ranks, asked = self.distribution.total(known, bad, trainer.termination.asked)
        trainer.termination.requested = asked > 0
        if bad:
            raise trainer._diverged(f"the loss is {loss.item()}")
        if bad_ranks:
            raise NonFiniteLoss("the loss is not finite on another rank", **trainer._whereabouts())
        everywhere = together if on_device is None else self.distribution.total_on_device(on_device)
        trainer._window.share(weight, everywhere, self.distribution.world_size)

    def backward(self, loss: torch.Tensor) -> None:
        """Backward through `loss`; in a window's last batch all gradients become the mean over the ranks."""
        self._replicas.backward(loss, average=self._trainer._window.full)

    def whole(self, value: torch.Tensor) -> torch.Tensor:
        """What is told of divided gradients, complete on each rank."""
        if not self.sharded:
            return value
        from .shards import whole

        return whole(value)

    def finish_window(self) -> None:
        """Before the step: a window that the epoch's end has closed is averaged now."""
        self._replicas.finish()

    def mean(self, loss: torch.Tensor) -> float:
        """The mean over all ranks of the last batch's loss, weighted; waits for the device."""
        weight = float(self._weight)
        total, weights = self.distribution.total(loss.item() * weight if weight else 0.0, weight)
        return total / weights if weights else math.nan

    def first_bad_step(self, own: int | None) -> int | None:
        """The first step that was bad on a rank; on CPU all know of it already."""
        if self._trainer.device.type == "cpu":
            return own
        return min((step for step in self.distribution.gather(own) if step is not None), default=None)

    def merge(self) -> int:
        """At the end of training or evaluating an epoch: have every rank have seen all. The number of batches."""
        put_scores(self._trainer, merge_scores(self.distribution.gather(rank_scores(self._trainer))))
        return self._trainer.means.batches


def divided(model: nn.Module, config: BaseTrainerConfig) -> nn.Module:
    """`model`, each rank holding a part of it where ``strategy = fsdp`` asks for that; alone it stays whole."""
    if config.strategy != "fsdp" or join_processes(config.device) is None:
        return model
    from .shards import shard

    return shard(model)
