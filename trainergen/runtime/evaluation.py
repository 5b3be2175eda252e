"""The side of `Trainer` that looks at data without learning from it, and what both of an epoch's phases share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch

from .contract import BatchT, ConfigT
from .epoch_means import EpochMeans
from .errors import EmptyDataset, NonFiniteLoss
from .exhaustion import out_of_memory_explained
from .metrics import EpochScores
from .precision import Precision
from .prefetch import moved_ahead
from .results import TrainerResults
from .seeding import preserved_random_state


class TrainerEvaluation(TrainerResults[BatchT, ConfigT]):
    """Evaluates; one level above the loop, which calls it once an epoch."""

    val_dataloader: Iterable[BatchT] | None
    dry_run_steps: int | None
    precision: Precision
    means: EpochMeans
    _place: Callable[[Any, torch.device], Any]
    _batch: BatchT | None

    @torch.no_grad()  # not inference_mode: a buffer that moves in eval would become unusable in training
    def evaluate(self, dataloader: Iterable[BatchT] | None = None) -> dict[str, float]:
        """Means and epoch metrics over `dataloader` (None: the validation loader), in eval mode, without gradients.

        Where the weights are averaged (`ema_decay`), the average is evaluated. Modes of all submodules and all random generators are as before afterwards.

        Raises:
            EmptyDataset: no batch in it (a ValueError).
            ValueError: no loader.
            OutOfMemory: a batch needs more memory than there is.
        """
        loader = self.val_dataloader if dataloader is None else dataloader
        if loader is None:
            raise ValueError("there is no validation loader: pass one to evaluate(), or val_dataloader to the trainer")
        loader, device, ahead = self._share(loader), self.device, self.config.prefetch_batches
        modes = [(module, module.training) for module in self.model.modules()]
        training_means, self.means = self.means, EpochMeans(self.device)
        self.model.eval()
        try:
            with (
                out_of_memory_explained(self, evaluating=True),
                self.averaged_weights(),
                preserved_random_state(),
                moved_ahead(loader, lambda batch: self._place(batch, device), device, ahead) as batches,
            ):
                self._start_phase()
                if self._ranks is not None:
                    self._ranks.begin_evaluation()
                for index, batch in enumerate(batches):
                    if self.dry_run_steps is not None and index >= self.dry_run_steps:
                        break
                    moved = self._place(batch, device)
                    self._last_batch_metrics = {}
                    if self._ranks is not None:
                        self._ranks.take(loader, index + 1)
                    loss = self._evaluate_batch(moved)
                    weight = self._batch_weight(moved)
                    if self._ranks is not None:
                        self._ranks.settle()
                        weight = self._ranks.weigh(weight)
                    self.means.add(loss, self._collect_batch_metrics(), weight, self.step)
                return self._phase_metrics("validation loader")
        finally:
            self.means = training_means
            for module, mode in modes:
                module.training = mode

    def _evaluate_batch(self, batch: BatchT) -> torch.Tensor:
        """Forward alone; returns the detached loss."""
        with self.autocast():
            return self._forward_batch(batch).detach()

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which forward runs, as `precision` says; an overridden `_train_batch` uses it as well."""
        return self.precision.autocast

    def check_finite(self) -> None:
        """Raise if a loss since the epoch began was not finite. Waits for the device; on CPU it is known already.

        Raises:
            NonFiniteLoss: naming the step.
        """
        bad_step = self.means.first_bad_step()
        if self._ranks is not None:
            bad_step = self._ranks.first_bad_step(bad_step)
        if bad_step is not None:
            raise self._diverged("the loss is not finite", step=bad_step)

    def _share(self, loader: Iterable[BatchT]) -> Iterable[BatchT]:
        return loader if self._ranks is None else self._ranks.share(loader)

    def _start_phase(self) -> None:
        self.means = EpochMeans(self.device)
        for part in vars(self).values():
            if isinstance(part, EpochScores):
                part.reset()

    def _phase_metrics(self, source: str) -> dict[str, float]:
        if (self.means.batches if self._ranks is None else self._ranks.merge()) == 0:
            raise EmptyDataset(f"the {source} gave no batch", **self._whereabouts())
        metrics = self.means.compute() | self._collect_epoch_metrics()
        return metrics if self._ranks is None else self._ranks.distribution.on_main(lambda: metrics)

    def _whereabouts(self, step: int | None = None) -> dict[str, Any]:
        at = self.step + 1 if step is None else step
        return {"epoch": self.epoch + 1, "step": at, "checkpoint": self.recorder.newest_checkpoint()}

    def _diverged(self, what: str, *, step: int | None = None) -> NonFiniteLoss:
        known = step is None or step == self.step + 1  # off the CPU it is noticed later, with another batch at hand
        saved = self.recorder.save_bad_batch(self._batch) if known else None
        details = {} if saved is None else {"batch": str(saved)}
        return NonFiniteLoss(what, **self._whereabouts(step), details=details)
