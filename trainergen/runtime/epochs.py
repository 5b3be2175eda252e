"""The side of `Trainer` around an epoch: how a run begins, what an epoch's end decides, how a run ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .callbacks import Callback
from .contract import BatchT, ConfigT
from .errors import TrainingTerminated
from .evaluation import TrainerEvaluation
from .feeding import EpochFeed
from .guards import warn_of_what_never_comes
from .pace import memory
from .reporting import describe
from .schedulers import Cadence
from .seeding import restore_random_state

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")


class TrainerEpochs(TrainerEvaluation[BatchT, ConfigT]):
    """Everything that happens once a run or once an epoch."""

    scheduler: LRScheduler | None
    history: list[dict[str, Any]]
    callbacks: list[Callback]
    feed: EpochFeed[BatchT]
    pending_random_state: dict[str, Any] | None
    _cadence: Cadence | None

    @property
    def _whole(self) -> Trainer[Any, Any]:
        return cast("Trainer[Any, Any]", self)  # what listens is shown the trainer, of which this is a side

    def _begin(self) -> None:
        warn_of_what_never_comes(self._whole)
        if self._ranks is not None:
            self._ranks.begin()
        self.on_train_begin()
        for callback in self.callbacks:
            callback.on_train_begin(self._whole)
        if self.pending_random_state is not None:  # last: the hooks may have drawn random numbers
            restore_random_state(self.pending_random_state)
            self.pending_random_state = None
        self.stop_reason = self.stop_reason or self._limit_reached()
        if self.stop_reason is not None:
            logger.warning("nothing left to train: %s", self.stop_reason)

    def _notify_epoch_start(self) -> None:
        self.feed.begin_epoch()
        self.on_epoch_start()
        for callback in self.callbacks:
            callback.on_epoch_start(self._whole)

    def _conclude_epoch(
        self, train_metrics: dict[str, float], eval_metrics: dict[str, float] | None, seconds: float
    ) -> None:
        self.epoch += 1
        record = {
            "epoch": self.epoch,
            "step": self.step,
            "train": train_metrics,
            "validation": eval_metrics,
            "learning_rate": self.learning_rate,
            "seconds": seconds,
            "loader_wait_share": self.feed.wait_share,
            "memory": memory(self.device),
        }
        self.history.append(record)
        value = self.monitor.read(record)
        is_best = value is not None and self.early_stopping.update(value)
        self._step_scheduler(value)
        stop = self.on_epoch_end(train_metrics, eval_metrics)
        for callback in self.callbacks:
            callback.on_epoch_end(self._whole, record)
        if self._ranks is not None:
            stop = self._ranks.distribution.any(stop)
        if stop:
            self.stop_reason = "stopped by on_epoch_end"
        elif self.early_stopping.should_stop:
            waited = self.early_stopping.waited
            self.stop_reason = f"stopped early: no better {self.monitor.path} for {waited} validations"
        self.recorder.record_epoch(record, is_best=is_best)
        self.stop_reason = self.stop_reason or self._limit_reached()

    def _step_scheduler(self, value: float | None) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            if value is not None:
                self.scheduler.step(value)
        elif self.scheduler is not None and self._cadence == "epoch":
            self.scheduler.step()

    def _finish(self) -> None:
        if self.averaging is not None:
            self.averaging.finish(self._whole)
        earlier = self.recorder.final
        self.on_train_end()
        for callback in self.callbacks:
            callback.on_train_end(self._whole)
        self.recorder.ensure_final_weights(earlier)
        if self.dry_run_steps is not None and self.history:
            logger.info("dry run: %d steps, train %s; nothing was kept", self.step, describe(self.history[-1]["train"]))

    def _validation_is_due(self) -> bool:
        if self.val_dataloader is None:
            return False
        number = self.epoch + 1
        limit = self._step_limit()
        is_last = number >= self.config.num_epochs or (limit is not None and self.step >= limit)
        return is_last or number % self.config.validation_interval_epochs == 0

    def _step_limit(self) -> int | None:
        return self.config.max_steps if self.dry_run_steps is None else self.dry_run_steps

    def _limit_reached(self) -> str | None:
        limit = self._step_limit()
        if limit is not None and self.step >= limit:
            return f"{limit} steps done"
        return f"{self.epoch} epochs done" if self.epoch >= self.config.num_epochs else None

    def _leave(self) -> None:
        self.check_finite()
        checkpoint = self.recorder.save_checkpoint()
        logger.warning("asked to end (SIGTERM): %s is what to resume from", checkpoint)
        raise TrainingTerminated(checkpoint)
