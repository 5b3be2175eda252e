"""The class that trainers inherit: how one is built, and the training loop, readable as one page."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .accumulation import AccumulationWindow
from .averaging import averaging_of
from .callbacks import Callback, listens_to_steps
from .contract import BatchT, ConfigT
from .distribution import join_processes, rank_device
from .early_stopping import EarlyStopping, Monitor
from .epoch_means import EpochMeans
from .epochs import TrainerEpochs
from .errors import TrainingDiverged
from .exhaustion import out_of_memory_explained
from .feeding import EpochFeed
from .guards import NormWatch
from .precision import MAX_SKIPPED_STEPS, Precision
from .preparation import Preparation
from .ranks import Ranks, divided
from .recorder import RunRecorder
from .reporting import reporting_callbacks
from .schedulers import bind_scheduler, cadence
from .seeding import seed_everything
from .termination import Termination


class Trainer(TrainerEpochs[BatchT, ConfigT]):
    """Trains a model: you give `compute_loss`, it owns the loop.

    Args:
        model: moved to the device that the configuration names.
        dataloader: any iterable of batches that can be iterated once an epoch.
        optimizer: over the model's parameters.
        config: the settings.
        val_dataloader: batches to evaluate on, or None.
        scheduler: stepped as `schedulers.cadence` says.
        run_name: the run folder's name below ``<model_save_directory>/runs``; None for ``<snake>_<timestamp>``.
        run_directory: the run's folder itself, instead.
        callbacks: further listeners.
    """

    def __init__(
        self,
        model: nn.Module,
        dataloader: Iterable[BatchT],
        optimizer: Optimizer,
        config: ConfigT,
        *,
        val_dataloader: Iterable[BatchT] | None = None,
        scheduler: LRScheduler | None = None,
        run_name: str | None = None,
        run_directory: Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.config = config
        self.device = rank_device(config.device)
        self.distribution = join_processes(config.device)
        self.model = model.to(self.device)
        self.model.train()  # once: a model whose own train() keeps a part in eval mode has never been asked to
        self._ranks = None if self.distribution is None else Ranks(self, self.distribution)
        self.preparation = Preparation(self)
        self._place = self.preparation.place
        self.dataloader = self._share(dataloader)
        self.val_dataloader = None if val_dataloader is None else self._share(val_dataloader)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.epoch = 0
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self.stop_reason: str | None = None
        self.dry_run_steps: int | None = None
        self.pending_random_state: dict[str, Any] | None = None
        self.precision = Precision(config.precision, self.device)
        self.monitor = Monitor(config.scheduler_monitor, has_validation=val_dataloader is not None)
        self.early_stopping = EarlyStopping(
            config.scheduler_mode, config.early_stopping_patience, config.early_stopping_min_delta
        )
        self.means = EpochMeans(self.device)
        place = partial(self._place, device=self.device)
        self.feed = EpochFeed(self.dataloader, place, self.device, config.prefetch_batches)
        self.recorder = RunRecorder(self, run_name, run_directory)
        self.termination = Termination(alone=self._ranks is None)
        self.averaging = averaging_of(config, self.model, self._gather_parts)
        averaging = [] if self.averaging is None else [self.averaging]
        self._after_step = [each.after_step for each in averaging]
        self.callbacks = [
            *callbacks,
            *averaging,
            *reporting_callbacks(config, type(self).__name__, is_main=self.is_main),
        ]
        self._step_listeners = [callback.on_step_end for callback in self.callbacks if listens_to_steps(callback)]
        self._norms = NormWatch(config.gradient_norm_limit)
        self._batch: BatchT | None = None
        self._window = AccumulationWindow(1 if self.manual_step else config.accumulation_steps)
        self._parameters = self._optimized_parameters()
        self._cadence = None if scheduler is None else cadence(scheduler)
        self._last_batch_metrics: dict[str, float | torch.Tensor] = {}
        bind_scheduler(scheduler, config, self.dataloader)

    # ------------------------------------------------------------------ how a trainer is built

    @classmethod
    def from_config(
        cls,
        config: ConfigT | None = None,
        *,
        model: nn.Module | None = None,
        dataloader: Iterable[BatchT] | None = None,
        val_dataloader: Iterable[BatchT] | None = None,
        **run: Any,
    ) -> Self:
        """A trainer from its configuration alone; each part can be injected.

        Seeds first, then builds in this order: model, loaders, optimizer, scheduler.

        Args:
            config: None for ``config_class.load()``.
            model: instead of `build_model`.
            dataloader: instead of `build_dataloaders`, which is then not called.
            val_dataloader: instead of the built one.
            run: ``optimizer``, ``scheduler``, ``resume`` (``"auto"`` or a path), ``dry_run_steps``, and whatever
                ``__init__`` takes by keyword.
        """
        if config is None:
            config = cast("ConfigT", cls.config_class.load())
        seed_everything(config.seed)
        model = cls.build_model(config) if model is None else model
        model = divided(
            model.to(rank_device(config.device)), config
        )  # before the optimizer: some take the device from parameters
        if dataloader is None:
            dataloader, built = cls.build_dataloaders(config)
            val_dataloader = built if val_dataloader is None else val_dataloader
        resume, dry_run_steps = run.pop("resume", None), run.pop("dry_run_steps", None)
        optimizer: Optimizer | None = run.pop("optimizer", None)
        optimizer = cls.build_optimizer(model, config) if optimizer is None else optimizer
        scheduler = run.pop("scheduler") if "scheduler" in run else cls.build_scheduler(optimizer, config)
        trainer = cls(model, dataloader, optimizer, config, val_dataloader=val_dataloader, scheduler=scheduler, **run)
        trainer.dry_run_steps = dry_run_steps
        if resume is not None:
            trainer.resume(resume)
        return trainer

    # ------------------------------------------------------------------ the loop

    def train(self) -> list[dict[str, Any]]:
        """Train until the epochs or steps are done, patience runs out, or `on_epoch_end` says so.

        Returns:
            The history: one record an epoch, ``{"epoch", "step", "train", "validation", "learning_rate", "seconds",
            "loader_wait_share", "memory"}``: the share (0 to 1) of the training's seconds in which it waited for batches,
            and ``{"process_bytes", "device_bytes", "device_peak_bytes"}`` at the epoch's end, null where unknown.

        Raises:
            NonFiniteLoss: a loss or gradient norm is not finite.
            TrainingDiverged: the loss climbs away from its best, or the gradient norm is above its limit.
            TrainingTerminated: SIGTERM came; a checkpoint is written, ``resume("auto")`` goes on from it.
            EmptyDataset: an epoch without a batch (a ValueError).
            OutOfMemory: a step needs more memory than there is.
        """
        with self.termination.listening(), self.recorder.session(), out_of_memory_explained(self):
            self._begin()
            while self.stop_reason is None:
                started = time.perf_counter()
                self._notify_epoch_start()
                train_metrics = self._train_epoch()
                eval_metrics = self.evaluate() if self._validation_is_due() else None
                self._conclude_epoch(train_metrics, eval_metrics, time.perf_counter() - started)
            self._finish()
        return self.history

    def _train_epoch(self) -> dict[str, float]:
        if not self.model.training:  # not each time: submodules that a hook has put into eval mode stay there
            self.model.train()
        if not self.feed.resumes_inside:
            self._start_phase()
        self._window.reset()
        self._parameters = self._optimized_parameters()  # a hook may have added a group
        if self._ranks is not None:
            self._ranks.begin_epoch()
        if self.averaging is not None:
            self.averaging.average.follow()
        step_limit = self._step_limit()
        for batch in self.feed.batches(self.epoch):
            loss = self.training_step(batch)
            if self._window.count:
                continue
            for listener in self._step_listeners:
                listener(self, loss)
            if self.termination.requested:
                self._leave()
            if step_limit is not None and self.step >= step_limit:
                break
        if self._window.count:  # the epoch's short last window
            self._optimizer_step()
        self.feed.finish()
        self.check_finite()
        return self._phase_metrics("training loader")

    def training_step(self, batch: BatchT) -> torch.Tensor:
        """One batch: zero_grad, forward, backward and, when its window is full, clip and step. The detached loss.

        Raises:
            NonFiniteLoss: the loss is not finite; the weights are those of the step before (on CPU).
        """
        self._batch = batch = self._place(batch, self.device)
        weight = self._batch_weight(batch)
        if self._ranks is not None:
            self._ranks.take(self.dataloader, self.feed.taken)
            weight = self._ranks.weigh(weight)
        if self._window.count == 0 and not self.manual_step:
            self.optimizer.zero_grad(set_to_none=True)
        self._window.add(weight)
        self._last_batch_metrics = {}
        loss = self._train_batch(batch)
        if not self.means.add(loss, self._collect_batch_metrics(), weight, self.step + 1):
            raise self._diverged("the loss is not finite")
        if self._window.full:
            self._optimizer_step()
        return loss

    def _train_batch(self, batch: BatchT) -> torch.Tensor:
        """Forward and backward; returns the detached loss. The loop owns zero_grad, clipping and the step."""
        with self.autocast():
            loss = self._forward_batch(batch)
        self._backward(loss)
        return loss.detach()

    def _backward(self, loss: torch.Tensor) -> None:
        """Backward through `loss`, scaled for mixed precision and weighted for accumulation.

        Raises:
            TypeError, ValueError: the loss is no scalar tensor, or has no graph.
            NonFiniteLoss: it is not finite (on CPU, where looking is cheap).
        """
        if not isinstance(loss, torch.Tensor):
            raise TypeError(f"compute_loss must return a scalar tensor, got {type(loss).__name__}")
        if loss.dim() != 0:
            raise ValueError(f"compute_loss must return a scalar tensor, got shape {tuple(loss.shape)}: reduce it")
        if not loss.requires_grad:
            raise ValueError(
                "the loss has no graph: it was detached, or every parameter is frozen; nothing can be learnt"
            )
        if self._ranks is not None:
            self._ranks.agree(loss)
        elif loss.is_cpu and not math.isfinite(loss.item()):
            raise self._diverged(f"the loss is {loss.item()}")
        if self._window.loss_factor is not None:
            loss = loss * self._window.loss_factor
        if self._ranks is not None:
            self._ranks.backward(self.precision.scale(loss))
        else:
            self.precision.scale(loss).backward()  # type: ignore[no-untyped-call]

    def _optimizer_step(self) -> None:
        stepped = True
        if not self.manual_step:
            if self._ranks is not None:
                self._ranks.finish_window()
            self._window.normalise(self._parameters)
            self.precision.unscale(self.optimizer)
            self.clip_gradients()
            stepped = self.precision.step(self.optimizer)
            if self.precision.skipped_steps >= MAX_SKIPPED_STEPS:
                raise self._diverged(f"{MAX_SKIPPED_STEPS} steps in a row overflowed under float16")
        self._window.reset()
        self.step += 1
        if not stepped:
            return
        if self.scheduler is not None and self._cadence == "step":
            self.scheduler.step()
        for action in self._after_step:
            action()

    def clip_gradients(self) -> None:
        """Clip the optimizer's gradients to `gradient_clip_norm`, and count the norm before that as a metric.

        Raises:
            NonFiniteLoss: the norm is not finite (on CPU; under float16 that is the scaler's business).
            TrainingDiverged: it is above `gradient_norm_limit` (on CPU).
        """
        if not self.config.gradient_clip_norm and self._norms.limit is None:
            return
        norm = clip_grad_norm_(self._parameters, self.config.gradient_clip_norm or math.inf)
        if self._ranks is not None:
            norm = self._ranks.whole(norm)
        known = norm.item() if norm.is_cpu else None  # elsewhere to read it is to wait for the device
        if not self.means.add_metric("gradient_norm", norm if known is None else known, 1):
            if self.precision.scaler is None:
                raise self._diverged("the gradient norm is not finite")
        elif known is not None and self._norms.exceeds(known, self.step + 1):
            raise TrainingDiverged(
                f"the gradient norm is {known:.4g}, above gradient_norm_limit {self._norms.limit:g}",
                **self._whereabouts(),
            )

    def _optimized_parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
