"""How the lab drives a trainer of trainergen's own contract: `from_config`, then the loop, batch by batch."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from torch.optim import Optimizer

RESPONSIBLE: dict[str, tuple[str, ...]] = {
    "build": ("build_model", "build_optimizer", "__init__"),
    "loader": ("build_dataloaders",),
    "device": ("_forward_batch", "compute_loss"),
    "loss": ("_forward_batch", "compute_loss"),
    "initial_loss": ("_forward_batch", "compute_loss"),
    "start": ("on_train_begin",),
    "refusals": ("_validate_batch", "_forward_batch", "compute_loss"),
    "optimizer": ("build_optimizer",),
    "memory": ("compute_loss", "_forward_batch", "_train_batch"),
    "accumulation": ("_batch_weight", "_train_batch", "compute_loss"),
    "metrics": ("_collect_batch_metrics", "compute_loss"),
    "gradients": ("_train_batch", "_forward_batch", "compute_loss"),
    "parameters_moved": ("build_optimizer", "_train_batch", "build_scheduler"),
    "same_seed": ("_train_batch", "_forward_batch", "compute_loss"),
    "eval_is_pure": ("evaluate", "_evaluate_batch", "_forward_batch", "compute_loss"),
    "round_trip": ("resume", "_train_batch", "_forward_batch", "compute_loss"),
    "weights": ("on_train_end", "save_weights"),
}
"""Probe -> methods that answer for it, the most likely first."""


class DefaultSession:
    """One trainer as probes see it (`runtime.probes.session.Session`).

    A step is an epoch of one batch: zero_grad, backward, clipping and the step are the loop's own, overridden or not,
    and a window of accumulated batches closes after it.

    Args:
        trainer: as `from_config` made it; `on_train_begin` has run.
        validation: the loader that `evaluate` takes.
    """

    def __init__(self, trainer: Any, validation: list[Any]) -> None:
        self.trainer = trainer
        self.config = trainer.config
        self._validation = validation
        self._train_metrics: dict[str, float] = {}
        self._eval_metrics: dict[str, float] | None = None
        self._epoch_started = False

    @property
    def model(self) -> nn.Module:
        """The trainer's."""
        model: nn.Module = self.trainer.model
        return model

    @property
    def optimizer(self) -> Optimizer | None:
        """The trainer's."""
        optimizer: Optimizer | None = self.trainer.optimizer
        return optimizer

    @property
    def scheduler(self) -> object | None:
        """The trainer's."""
        found: object | None = self.trainer.scheduler
        return found

    @property
    def clip_norm(self) -> float | None:
        """The configured norm. A trainer that steps itself clips as it likes, or not at all."""
        return None if self.trainer.manual_step else self.config.gradient_clip_norm

    def step(self, batch: Any) -> float | None:
        """One batch through the trainer's own epoch."""
        return self.window([batch])

    def window(self, batches: Sequence[Any]) -> float | None:
        """One epoch of `batches`: one step, where the configuration accumulates that many."""
        if not self._epoch_started:
            self.trainer._notify_epoch_start()
            self._epoch_started = True
        self.trainer.feed = type(self.trainer.feed)(list(batches))
        self._train_metrics = self.trainer._train_epoch()
        return float(self._train_metrics["loss"])

    def evaluate(self) -> dict[str, float]:
        """The trainer's evaluation of the session's batch."""
        self._eval_metrics = self.trainer.evaluate(copy.deepcopy(self._validation))  # forward may write into it
        return dict(self._eval_metrics or {})

    @property
    def refuses_weights(self) -> bool:
        """Whether the trainer's own `on_train_begin` says that it raises ValueError."""
        hook = type(self.trainer).on_train_begin
        return "ValueError" in (hook.__doc__ or "")

    def begin(self) -> None:
        """The hook before the first step, once more."""
        self.trainer.on_train_begin()

    def state(self) -> bytes:
        """A checkpoint, as the run's file would hold it."""
        buffer = io.BytesIO()
        torch.save(_runtime(type(self.trainer), "state").capture_state(self.trainer), buffer)
        return buffer.getvalue()

    def load_state(self, state: bytes) -> None:
        """From a checkpoint, read as a resumed run reads it."""
        found = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
        _runtime(type(self.trainer), "state").restore_state(self.trainer, found)

    def loss(self, batch: Any) -> object | None:
        """`_forward_batch` as the loop calls it, but with the batch where it was."""
        with self.trainer.autocast():
            loss: object = self.trainer._forward_batch(batch)
        return loss

    def metrics(self) -> Mapping[str, Any]:
        """What the last batch left."""
        return dict(self.trainer._collect_batch_metrics())

    def finish(self) -> Path | None:
        """End the epoch and the training; the weight file that `on_train_end` saved, by the base's way or by hand."""
        trainer = self.trainer
        # A checkpoint of everything would cost the disk three times the model; `state` proves it in memory.
        trainer.recorder.record_epoch = lambda *_, **__: None
        trainer._conclude_epoch(self._train_metrics, self._eval_metrics, 0.0)
        folders = [Path(trainer.config.model_save_directory), *filter(None, [trainer.run_directory])]
        before = {path for folder in folders for path in folder.rglob("*.pt")}
        earlier: Path | None = trainer.recorder.final
        trainer.on_train_end()
        final: Path | None = trainer.recorder.final
        if final is not None and final != earlier:
            return final
        folders = [Path(trainer.config.model_save_directory), *filter(None, [trainer.run_directory])]
        found = sorted({path for folder in folders for path in folder.rglob("*.pt")} - before)
        return found[-1] if found else None

    def pretend(self, device: torch.device) -> bool:
        """`self.device`, which generated code moves its batches to."""
        self.trainer.device = device
        return True


def open(  # noqa: A001 - the name every contract's drive has
    trainer_class: Any,
    config: Any,
    batches: Mapping[str, list[Any]],
    seed: int,
    *,
    run_directory: Path,
    device: str,
) -> DefaultSession:
    """A staged trainer, built as ``python train.py NAME`` builds it, on the proof's batches; `on_train_begin` has run.

    Args:
        trainer_class: found through the registry.
        config: its configuration; device, seed and folder become the proof's.
        batches: ``{"train": [...], "validation": [...]}``; without validation batches an
            evaluation takes the first of train.
        seed: of the run.
        run_directory: the run's folder; weight files go below it.
        device: where the trainer runs.
    """
    trainer = trainer_class.from_config(
        _confined(config, seed, run_directory, device),
        dataloader=batches["train"],
        val_dataloader=batches["validation"] or None,
        run_directory=run_directory,
    )
    trainer._begin()
    return DefaultSession(trainer, batches["validation"] or batches["train"][:1])


def load_config(trainer_class: Any) -> Any:
    """The trainer's configuration, read from config.ini as a run without arguments reads it."""
    return trainer_class.config_class.load()


def own_batches(trainer_class: Any, config: Any, *, run_directory: Path, device: str) -> tuple[Any, Any]:
    """The first training and validation batch (or None) of the loaders that the trainer builds by itself.

    Raises:
        LookupError: a loader gives no batch.
    """
    trainer = trainer_class.from_config(
        _confined(config, config.seed, run_directory, device), run_directory=run_directory
    )
    nothing = object()
    first = next(iter(trainer.dataloader), nothing)
    second = None if trainer.val_dataloader is None else next(iter(trainer.val_dataloader), nothing)
    if first is nothing or second is nothing:
        raise LookupError(f"the {'training' if first is nothing else 'validation'} loader gives no batch")
    return first, second


def own_loaders(trainer_class: Any, config: Any, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """The training loader and the validation loader (or None) that the trainer builds with `values` in its configuration."""
    changed = dataclasses.replace(config, **values)
    _runtime(trainer_class, "seeding").seed_everything(changed.seed)
    loaders: tuple[Any, Any] = trainer_class.build_dataloaders(changed)
    return loaders


def find(registry: ModuleType, name: str) -> Any:
    """The trainer's class by the name that a user types."""
    return registry.get_trainer(name)


def listed(registry: ModuleType) -> list[str]:
    """The keys of the registry, in its order."""
    return list(registry.TRAINER_REGISTRY)


def shown(registry: ModuleType) -> str | None:
    """What ``python train.py --list`` prints; None where the project has no command line of ours."""
    name = f"{registry.__name__}.cli"
    if importlib.util.find_spec(name) is None:
        return None
    main = getattr(importlib.import_module(name), "main", None)
    if main is None:
        return None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main(["--list"])
    return printed.getvalue()


def _confined(config: Any, seed: int, run_directory: Path, device: str) -> Any:
    return dataclasses.replace(config, seed=seed, device=device, model_save_directory=run_directory / "saved")


def _runtime(trainer_class: type, name: str) -> ModuleType:
    """A module of the runtime that the trainer inherits from: the installed one, or the project's vendored copy."""
    base = next(owner for owner in reversed(trainer_class.__mro__) if "training_step" in vars(owner))
    return importlib.import_module(f"{base.__module__.rpartition('.')[0]}.{name}")
