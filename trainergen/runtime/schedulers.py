"""When a learning-rate scheduler steps: on a plateau's validation, once an optimizer step, or once an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from .config import BaseTrainerConfig

SchedulerT = TypeVar("SchedulerT", bound=LRScheduler)
Cadence = Literal["validation", "step", "epoch"]


def per_step(scheduler: SchedulerT) -> SchedulerT:
    """Mark `scheduler` as one that steps once a real optimizer step, and return it.

    OneCycleLR, CyclicLR and this module's own need no mark. The mark is the attribute ``trainergen_per_step``.
    """
    scheduler.trainergen_per_step = True  # type: ignore[attr-defined]
    return scheduler


def cadence(scheduler: LRScheduler) -> Cadence:
    """When `scheduler` steps: once a ``validation`` with the monitored value, once a ``step``, or once an ``epoch``."""
    if isinstance(scheduler, ReduceLROnPlateau):
        return "validation"
    if isinstance(scheduler, (OneCycleLR, CyclicLR)) or getattr(scheduler, "trainergen_per_step", False):
        return "step"
    return "epoch"


def build_plateau(optimizer: Optimizer, config: BaseTrainerConfig) -> LRScheduler | None:
    """ReduceLROnPlateau with the ``scheduler_*`` settings; None where `scheduler_patience` is None."""
    if config.scheduler_patience is None:
        return None
    return ReduceLROnPlateau(
        optimizer,
        mode=config.scheduler_mode,
        factor=config.scheduler_factor,
        patience=config.scheduler_patience,
        threshold=config.scheduler_threshold,
        cooldown=config.scheduler_cooldown,
        min_lr=config.scheduler_min_lr,
    )


def batches_an_epoch(dataloader: Iterable[Any]) -> int | None:
    """How many batches `dataloader` says it gives, or None where it does not know."""
    try:
        return len(dataloader)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return None


def planned_steps(config: BaseTrainerConfig, dataloader: Iterable[Any]) -> int | None:
    """Optimizer steps of a whole run (an epoch's short last window counts), or None where the loader has no length."""
    batches = batches_an_epoch(dataloader)
    if batches is None:
        return config.max_steps
    steps = config.num_epochs * math.ceil(batches / config.accumulation_steps)
    return steps if config.max_steps is None else min(steps, config.max_steps)


class WarmupCosine(LRScheduler):
    """Linear warm-up over `warmup_fraction` of the run, then a half cosine down to `final_fraction` of the rate.

    The cosine is SGDR's (Loshchilov and Hutter 2017, eq. 5, one cycle). Steps once an optimizer step. `build_scheduler`
    does not know how long a run is: the trainer says so through `bind` before the first step.

    Args:
        optimizer: whose rates it sets.
        warmup_fraction: in [0, 1).
        final_fraction: of the base rate, in [0, 1].
        total_steps: where known already.
    """

    trainergen_per_step = True

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_fraction: float = 0.1,
        final_fraction: float = 0.0,
        total_steps: int | None = None,
    ) -> None:
        if not 0 <= warmup_fraction < 1 or not 0 <= final_fraction <= 1:
            raise ValueError(f"warmup_fraction {warmup_fraction} or final_fraction {final_fraction} is out of range")
        self.warmup_fraction = warmup_fraction
        self.final_fraction = final_fraction
        self.total_steps = total_steps
        super().__init__(optimizer)

    def bind(self, total_steps: int) -> None:
        """Take the planned number of optimizer steps, and set the first rate accordingly."""
        self.total_steps = total_steps
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = list(rates)

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The rate of each parameter group at the present step."""
        return [float(rate) * self._factor(self.last_epoch) for rate in self.base_lrs]

    def _factor(self, step: int) -> float:
        if self.total_steps is None:
            if step > 0:
                raise RuntimeError("WarmupCosine does not know the run's length: call bind(total_steps) first")
            return 1.0
        warmup = round(self.total_steps * self.warmup_fraction)
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, self.total_steps - warmup))
        return self.final_fraction + (1 - self.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


def bind_scheduler(scheduler: LRScheduler | None, config: BaseTrainerConfig, dataloader: Iterable[Any]) -> None:
    """Tell a scheduler with a ``bind`` method (and no length yet) how many optimizer steps are planned.

    Raises:
        ValueError: the loader has no length and `max_steps` is None.
    """
    bind = getattr(scheduler, "bind", None)
    if bind is None or getattr(scheduler, "total_steps", None) is not None:
        return
    steps = planned_steps(config, dataloader)
    if steps is None:
        name = type(scheduler).__name__
        raise ValueError(f"{name} needs the run's length, and the loader has none: set max_steps")
    bind(steps)
