"""The settings every trainer has, and where they are read from."""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from .errors import SettingError, did_you_mean
from .ini import ConfigParser
from .trackers import check_names

__all__ = ["BaseTrainerConfig", "ConfigParser"]

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "aot_eager")
"""Four modes of torch.compile, and one that traces alone."""


@dataclass(kw_only=True)
class BaseTrainerConfig:
    """Settings of a run. A trainer's own configuration inherits from it and adds its hyperparameters.

    Attributes:
        num_epochs: passes over the training data.
        max_steps: optimizer steps after which training ends, whatever `num_epochs` says; None for no limit.
        batch_size: samples a batch.
        shuffle: whether the training loader shuffles.
        learning_rate: the optimizer's rate.
        weight_decay: decoupled decay of weight matrices (norms, biases and embeddings are left out).
        gradient_clip_norm: largest 2-norm of all gradients together; None or 0 for no clipping.
        accumulation_steps: batches that make one optimizer step.
        precision: ``float32`` leaves the model as it is; the others run forward under autocast.
        matmul_precision: of float32 products on the device, for the whole process: ``high`` allows TF32, ``medium``
            bfloat16 inside (``torch.set_float32_matmul_precision``); None leaves it as it is.
        channels_last: weights of convolutions, and inputs of four and five dimensions, with their channels innermost.
        compile: torch.compile's mode for the model's forward (``aot_eager`` only traces, which needs no compiler); where
            compiling fails, the model runs as it is, and log and manifest say so. None for off.
        recompute_modules: patterns of module names (``blocks.*``); what these keep for backward is computed again there
            instead (gradient checkpointing). Of nested matches the outermost counts.
        ema_decay: decay of an exponential moving average of the weights, warmed up; validation, the best and the final
            weights are then the average's. None for off.
        swa_start_epoch: the epoch, counted from 1, from whose end on weights are averaged equally; their average
            becomes the final weights, with its batch norms' statistics estimated anew. None for off.
        measure_flops: count the first step's floating-point operations, and have throughput and MFU in the manifest.
        device_peak_flops: operations a second that one device could do at most, for MFU; None where it is one that
            `flops.PEAKS` has.
        prefetch_batches: batches that a thread has on the device before they are asked for; 0 for none (docs/data.md).
        device: ``auto`` (CUDA, else Apple's GPU, else CPU), ``cpu``, ``cuda``, ``cuda:1``, ...
        strategy: of several processes (see docs/distributed.md): ``ddp``, each holds the whole model; ``fsdp``, a part.
        seed: of Python, NumPy (where loaded) and torch.
        scheduler_mode: whether the monitored value should fall (``min``) or rise (``max``).
        scheduler_factor: what the learning rate is multiplied with on a plateau.
        scheduler_patience: validations without improvement before that; None for a constant rate.
        scheduler_threshold: relative change that counts as an improvement for the scheduler.
        scheduler_cooldown: validations to wait after a reduction.
        scheduler_min_lr: the rate below which it does not go.
        scheduler_monitor: dotted path into a history record; scheduler, early stopping and the best weights follow it.
        early_stopping_patience: validations without improvement before training ends; None for never.
        early_stopping_min_delta: absolute change that counts as an improvement for early stopping.
        validation_interval_epochs: epochs from one validation to the next.
        log_every_n_steps: optimizer steps from one log line to the next; 0 for none.
        log_every_n_epochs: epochs from one log line to the next; 0 for none.
        checkpoint_every_n_steps: optimizer steps between checkpoints inside an epoch; None for those at its end alone.
        keep_last_checkpoints: resumable checkpoints that stay, two at least; None for all.
        divergence_evaluations: evaluations in a row whose loss is clearly worse than the best, after which training
            stops; None for never.
        gradient_norm_limit: 2-norm of all gradients, before clipping, above which training stops; None for no limit.
        trackers: where values are recorded as well: ``csv``, ``jsonl``, ``mlflow``, ``tensorboard``, ``wandb``; several.
        baseline_run: folder of the run that the manifest compares this one with, by the monitored value; None for none.
        device_hour_price: what an hour of one device costs, for the manifest's ``cost``; None where nobody asks.
        progress_description: text before the progress line; None for the trainer's name.
        model_save_directory: where ``runs/`` is created.

    Raises:
        SettingError: a value is out of range (a ValueError that names the field).
    """

    SECTION: ClassVar[str] = "train"
    CONFIG_FILE: ClassVar[Path | None] = None
    """The config.ini that `load` reads; a project's own base class sets it from its ``__file__``."""

    num_epochs: int = 20
    max_steps: int | None = None
    batch_size: int = 32
    shuffle: bool = True
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    gradient_clip_norm: float | None = 1.0
    accumulation_steps: int = 1
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    matmul_precision: Literal["highest", "high", "medium"] | None = None
    channels_last: bool = False
    compile: Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "aot_eager"] | None = (
        None
    )
    recompute_modules: tuple[str, ...] = ()
    ema_decay: float | None = None
    swa_start_epoch: int | None = None
    measure_flops: bool = False
    device_peak_flops: float | None = None
    prefetch_batches: int = 0
    device: str = "auto"
    strategy: Literal["ddp", "fsdp"] = "ddp"
    seed: int = 0
    scheduler_mode: Literal["min", "max"] = "min"
    scheduler_factor: float = 0.5
    scheduler_patience: int | None = 3
    scheduler_threshold: float = 1e-4
    scheduler_cooldown: int = 0
    scheduler_min_lr: float = 0.0
    scheduler_monitor: str = "validation.loss"
    early_stopping_patience: int | None = 8
    early_stopping_min_delta: float = 0.0
    validation_interval_epochs: int = 1
    log_every_n_steps: int = 50
    log_every_n_epochs: int = 1
    checkpoint_every_n_steps: int | None = None
    keep_last_checkpoints: int | None = 3
    divergence_evaluations: int | None = 3
    gradient_norm_limit: float | None = None
    trackers: tuple[str, ...] = ()
    baseline_run: Path | None = None
    device_hour_price: float | None = None
    progress_description: str | None = None
    model_save_directory: Path = Path("saved_models")

    def __post_init__(self) -> None:
        for name in ("num_epochs", "batch_size", "accumulation_steps", "validation_interval_epochs"):
            self.require(name, at_least=1)
        for name in ("max_steps", "checkpoint_every_n_steps", "early_stopping_patience", "divergence_evaluations"):
            self.require(name, at_least=1, optional=True)
        # One to go on from, and one for where that turns out to be damaged.
        self.require("keep_last_checkpoints", at_least=2, optional=True)
        self.require("gradient_norm_limit", above=0, optional=True)
        for name in ("seed", "prefetch_batches", "log_every_n_steps", "log_every_n_epochs", "scheduler_cooldown"):
            self.require(name, at_least=0)
        self.require("scheduler_patience", at_least=0, optional=True)
        self.require("learning_rate", above=0)
        for name in ("weight_decay", "scheduler_threshold", "scheduler_min_lr", "early_stopping_min_delta"):
            self.require(name, at_least=0)
        self.require("gradient_clip_norm", at_least=0, optional=True)
        self.require("scheduler_factor", above=0, below=1)
        self.require("device_hour_price", at_least=0, optional=True)
        check_names(self.trackers)
        self.require_choice("scheduler_mode", ("min", "max"))
        self.require_choice("strategy", ("ddp", "fsdp"))
        self.require_choice("precision", ("float32", "bfloat16", "float16"))
        self.require_choice("matmul_precision", ("highest", "high", "medium", None))
        self.require_choice("compile", (*COMPILE_MODES, None))
        self.require("ema_decay", above=0, below=1, optional=True)
        self.require("swa_start_epoch", at_least=1, at_most=self.num_epochs, optional=True)
        self.require("device_peak_flops", above=0, optional=True)
        if self.ema_decay is not None and self.swa_start_epoch is not None:
            raise SettingError("swa_start_epoch", "and ema_decay are two averages of the same weights: choose one")
        if self.compile is not None and self.recompute_modules:
            advice = "set torch._functorch.config.activation_memory_budget below 1 instead"
            raise SettingError("recompute_modules", f"and compile, which chooses itself what it recomputes: {advice}")
        if isinstance(self.recompute_modules, str):
            raise SettingError("recompute_modules", f"is a tuple of patterns: write ({self.recompute_modules!r},)")

    @classmethod
    def load(cls, path: Path | str | None = None, overrides: Mapping[str, str] | None = None) -> Self:
        """This class's `SECTION` of a config.ini.

        Args:
            path: the file; else the environment's ``TRAINERGEN_CONFIG``, else `CONFIG_FILE`, else ``config.ini`` in the
                working directory.
            overrides: field name to text, as ``train.py section.key=value`` gives them; they win over the file.

        Raises:
            ConfigError: the file can't be used; the message names file, section, key and line.
        """
        chosen = path or os.environ.get("TRAINERGEN_CONFIG") or cls.CONFIG_FILE or "config.ini"
        return ConfigParser(chosen).read(cls, cls.SECTION, overrides)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_plain`, as a manifest holds it; settings that this class lacks are refused.

        Raises:
            SettingError: a name is no setting of this class, or a value is out of range.
        """
        hints, known = typing.get_type_hints(cls), [field.name for field in dataclasses.fields(cls) if field.init]
        for name in data:
            if name not in known:
                raise SettingError(name, f"is no setting of {cls.__name__}; {did_you_mean(name, known)}")
        return cls(**{name: _typed(value, hints[name]) for name, value in data.items()})

    def as_plain(self) -> dict[str, Any]:
        """The settings as JSON-able data: paths as text, tuples as lists."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}

    def require(
        self,
        name: str,
        *,
        at_least: float | None = None,
        above: float | None = None,
        at_most: float | None = None,
        below: float | None = None,
        optional: bool = False,
    ) -> None:
        """Refuse the field `name` unless it is a finite number in range (or None, where `optional`).

        Raises:
            SettingError: it is not.
        """
        value = getattr(self, name)
        if value is None and optional:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise SettingError(name, f"must be a number{' or None' if optional else ''}, got {value!r}")
        bounds = (
            ("at least", at_least, at_least is None or value >= at_least),
            ("above", above, above is None or value > above),
            ("at most", at_most, at_most is None or value <= at_most),
            ("below", below, below is None or value < below),
        )
        if not math.isfinite(value) or not all(holds for _, _, holds in bounds):
            wanted = " and ".join(f"{word} {limit:g}" for word, limit, _ in bounds if limit is not None)
            raise SettingError(name, f"must be {wanted or 'finite'}, got {value!r}")

    def require_choice(self, name: str, choices: tuple[str | None, ...]) -> None:
        """Refuse the field `name` unless it is one of `choices`.

        Raises:
            SettingError: it is not.
        """
        if getattr(self, name) not in choices:
            raise SettingError(name, f"must be one of {', '.join(map(str, choices))}, got {getattr(self, name)!r}")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _typed(value: Any, annotation: Any) -> Any:
    """`value`, read from JSON, as its annotation has it: text as a path, a list as a tuple, a number as a float."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = [each for each in arguments if each is not type(None)]
        return value if value is None or len(found) > 1 else _typed(value, found[0])
    if isinstance(value, list):
        each = [arguments[0]] * len(value) if len(arguments) == 2 and arguments[1] is Ellipsis else arguments
        return tuple(_typed(item, kind) for item, kind in zip(value, each, strict=True)) if each else tuple(value)
    if annotation is Path:
        return Path(value)
    return float(value) if annotation is float and isinstance(value, int) else value
