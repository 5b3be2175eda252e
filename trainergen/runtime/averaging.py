"""Averages of the weights along a training: a moving one (EMA), or an equal one of its last epochs (SWA)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .callbacks import Callback
from .config import BaseTrainerConfig
from .errors import CheckpointError
from .memory import local
from .norm_statistics import estimate_batch_norms
from .reporting import describe

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")


class WeightAverage:
    """An average of a model's parameters and buffers, kept beside them.

    Trained parameters and floating-point buffers are averaged (in float32 where they have less); other buffers, and those
    that hold an infinite value as masks do, are the model's last ones. Of a divided model each rank averages its part.
    A parameter that is added, or trained, later begins with the value that it has then; one that is frozen later keeps
    its average.

    Args:
        model: whose weights.
        share: from how many weights were taken before to the share of the next ones, in (0, 1].
        gather: brings a divided model's parts to where they are changed.

    Attributes:
        count: how many weights were taken.
    """

    def __init__(self, model: nn.Module, share: Callable[[int], float], gather: Callable[[], None]) -> None:
        self.count = 0
        self._model = model
        self._share = share
        self._gather = gather
        self._values: dict[str, torch.Tensor] = {}
        self._parameters: dict[str, nn.Parameter] = {}
        self._averaged_buffers: dict[str, tuple[nn.Module, str]] = {}
        self._copied_buffers: dict[str, tuple[nn.Module, str]] = {}
        self.follow()

    @torch.no_grad()
    def follow(self) -> None:
        """Take up which parameters and buffers the model has now; before the first weights, also their values."""
        self._gather()
        self._parameters = {
            name: each
            for name, each in self._model.named_parameters()
            if (each.requires_grad and each.is_floating_point()) or (self.count and name in self._values)
        }
        self._averaged_buffers, self._copied_buffers = {}, {}
        for path, module in self._model.named_modules():
            for key, buffer in module._buffers.items():
                if buffer is not None:
                    name = f"{path}.{key}" if path else key
                    known = self._averaged_buffers if _can_be_averaged(buffer) else self._copied_buffers
                    known[name] = (module, key)
        before = self._values if self.count else {}
        self._values = {
            name: before[name] if name in before else _wide(value) for name, value in self._present().items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take the present weights into the average; nothing waits for the device."""
        mine: list[torch.Tensor] = []
        theirs: list[torch.Tensor] = []
        for name, value in self._present(copied=False).items():
            mine.append(local(self._values[name]))
            theirs.append(local(value).to(mine[-1].dtype))
        torch._foreach_lerp_(mine, theirs, self._share(self.count))
        self.take_buffers(self._copied_buffers)
        self.count += 1

    @torch.no_grad()
    def take_buffers(self, slots: Mapping[str, tuple[nn.Module, str]] | None = None) -> None:
        """Have the model's buffers as they are; all of them where nothing is said."""
        for name, (module, key) in (self._averaged_buffers | self._copied_buffers if slots is None else slots).items():
            self._values[name].copy_(module._buffers[key])  # type: ignore[arg-type] # follow took those that are there

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the average inside, and its own weights again afterwards, to the bit."""
        self._gather()
        present = self._present()
        with torch.no_grad():
            own = {name: each.detach().clone() for name, each in present.items()}
            for name, each in present.items():
                each.copy_(self._values[name])
        try:
            yield
        finally:
            self._gather()
            with torch.no_grad():
                for name, each in present.items():
                    each.copy_(own[name])

    def values(self) -> dict[str, torch.Tensor]:
        """The average itself, by the names that ``named_parameters`` and ``named_buffers`` have."""
        return self._values

    def load(self, values: Mapping[str, torch.Tensor], count: int) -> None:
        """Go on from `values`, an average of `count` weights.

        Raises:
            CheckpointError: they are another model's.
        """
        known = dict(self._model.named_parameters()) | dict(self._model.named_buffers())
        for name, value in values.items():
            shape = tuple(known[name].shape) if name in known else None
            if shape != tuple(value.shape):
                found = "the model has no such tensor" if shape is None else f"the model's has {shape}"
                raise CheckpointError(f"the checkpoint's average of {name} has shape {tuple(value.shape)}, {found}")
            self._values[name] = value.to(known[name].device, copy=True)
        self.count = count
        self.follow()

    def _present(self, *, copied: bool = True) -> dict[str, torch.Tensor]:
        # buffers by where they are: a forward pass may put another tensor there
        slots = self._averaged_buffers | self._copied_buffers if copied else self._averaged_buffers
        found: dict[str, torch.Tensor] = dict(self._parameters)
        for name, (module, key) in slots.items():
            found[name] = module._buffers[key]  # type: ignore[assignment]
        return found


class Averaging(Callback):
    """How a trainer averages its weights; `EMA` and `SWA` say when.

    Args:
        average: of the model's weights.
    """

    kind = ""
    ready = False
    """Whether validation and the weight files have the average."""

    def __init__(self, average: WeightAverage) -> None:
        self.average = average

    def after_step(self) -> None:
        """After each optimizer step that was not skipped."""

    def finish(self, trainer: Trainer[Any, Any]) -> None:
        """After the last epoch, before the final weights are saved."""

    def applied(self) -> AbstractContextManager[None]:
        """The average inside the model, where it is ready."""
        return self.average.applied() if self.ready else nullcontext()

    def state_dict(self, *, values: bool) -> dict[str, Any]:
        """What a checkpoint needs; without `values` where these are saved elsewhere, in parts."""
        return {
            "kind": self.kind,
            "count": self.average.count,
            "values": dict(self.average.values()) if values else None,
        }

    def load_state_dict(self, state: Mapping[str, Any] | None) -> None:
        """Go on from `state_dict`; from None, or another kind, begin with the present weights.

        Raises:
            CheckpointError: it is another model's.
        """
        if state is None or state["kind"] != self.kind:
            logger.warning("the checkpoint has no %s of the weights: it begins with the present ones", self.kind)
            self.average.count = 0
            self.average.follow()
        elif state["values"] is not None:
            self.average.load(state["values"], state["count"])
        else:
            self.average.count = state["count"]


class EMA(Averaging):
    """A moving average, after each optimizer step: the weights' share is ``1 - min(decay, (1 + n) / (10 + n))``.

    n is the number of steps before: the decay is warmed up, so that the first weights are soon forgotten (as
    TensorFlow's ``ExponentialMovingAverage`` with ``num_updates`` does; also used in EfficientNet, Tan and Le 2019).
    """

    kind = "ema"
    ready = True

    def after_step(self) -> None:
        """Take the new weights in."""
        self.average.update()


class SWA(Averaging):
    """An equal average of the weights at the ends of the last epochs (Izmailov et al. 2018).

    Args:
        average: of the model's weights.
        start_epoch: the first epoch that counts, from 1.
    """

    kind = "swa"

    def __init__(self, average: WeightAverage, start_epoch: int) -> None:
        super().__init__(average)
        self._start = start_epoch

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:  # noqa: ARG002
        """Take the epoch's last weights in."""
        if record["epoch"] >= self._start:
            self.average.update()

    def finish(self, trainer: Trainer[Any, Any]) -> None:
        """Estimate the batch norms' statistics for the average, and see how good it is."""
        if self.average.count == 0:
            logger.warning("no epoch came as far as swa_start_epoch %d: the final weights are no average", self._start)
            return
        with self.average.applied():
            estimate_batch_norms(trainer)
            self.average.take_buffers()
        self.ready = True
        metrics = None if trainer.val_dataloader is None else trainer.evaluate()
        if metrics is not None:
            logger.info("average of %d epochs: validation %s", self.average.count, describe(metrics))
        trainer.recorder.note(average={"kind": self.kind, "epochs": self.average.count, "validation": metrics})


def averaging_of(config: BaseTrainerConfig, model: nn.Module, gather: Callable[[], None]) -> Averaging | None:
    """The average that `config` asks for, or None.

    Args:
        config: the settings.
        model: whose weights, where they will be trained.
        gather: brings a divided model's parts to where they are changed.
    """
    if config.ema_decay is not None:
        decay = config.ema_decay
        return EMA(WeightAverage(model, lambda count: 1 - min(decay, (1 + count) / (10 + count)), gather))
    if config.swa_start_epoch is not None:
        return SWA(WeightAverage(model, lambda count: 1 / (count + 1), gather), config.swa_start_epoch)
    return None


def _can_be_averaged(value: torch.Tensor) -> bool:
    return value.is_floating_point() and bool(value.isfinite().all())


def _wide(value: torch.Tensor) -> torch.Tensor:
    """A copy, in float32 where small changes would be lost otherwise."""
    kept = value.detach()
    narrow = kept.is_floating_point() and kept.element_size() < 4
    return kept.to(torch.float32, copy=True) if narrow else kept.clone()
