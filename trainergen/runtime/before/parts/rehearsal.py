"""Borrow a trainer: its own hooks and loop, a folder that goes again, and afterwards everything as it was."""

from __future__ import annotations

import collections
import copy
import inspect
import io
import itertools
import logging
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...callbacks import Callback
from ...errors import EmptyDataset, SettingError
from ...recorder import RunRecorder
from ...seeding import preserved_random_state
from ...state import stateful_parts

if TYPE_CHECKING:
    from ...trainer import Trainer

_CONTAINERS = (list, dict, set, collections.deque)
_UNLIMITED = sys.maxsize


@contextmanager
def rehearsal(trainer: Trainer[Any, Any]) -> Iterator[None]:
    """Inside, `trainer` has begun a run that leaves nothing; afterwards it is as before.

    `on_train_begin` and `on_epoch_start` are called, of the trainer and of its callbacks; step listeners (log lines,
    checkpoints) are not. What is written goes to a temporary folder. Restored are weights, buffers, gradients, modes,
    optimizers, schedulers, scores, scaler, counters, history, random generators and whatever attributes the trainer
    had. Not restored is what lies outside of it, such as an iterator that it was given as its loader.

    Raises:
        SettingError: several processes train; each of these measurements is one process's.
    """
    if trainer.distribution is not None:
        raise SettingError("WORLD_SIZE", "is above 1, but this runs on one process: start it without torchrun or srun")
    with preserved_random_state():
        before = _Snapshot(trainer)
        trainer.recorder = RunRecorder(trainer, None, None)
        trainer.dry_run_steps = _UNLIMITED
        trainer._step_listeners = []
        try:
            with _warnings_alone():
                trainer._begin()
                trainer._notify_epoch_start()
            yield
        finally:
            folder = trainer.recorder.directory
            before.restore()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _warnings_alone() -> Iterator[None]:
    """What a run says of itself as it begins would be said once for each look."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        yield
    finally:
        logging.disable(before)


def run_steps(
    trainer: Trainer[Any, Any], batches: Iterable[Any], *, steps: int | None = None, listener: Callback | None = None
) -> dict[str, float]:
    """One epoch of `batches` through the trainer's own loop, inside a `rehearsal`; the epoch's means.

    Args:
        trainer: whose loop it is.
        batches: a window of accumulated ones that they do not fill closes with the last.
        steps: optimizer steps at most.
        listener: told of each step.
    """
    trainer._step_listeners = [] if listener is None else [listener.on_step_end]
    trainer.dry_run_steps = _UNLIMITED if steps is None else trainer.step + steps
    trainer.feed = type(trainer.feed)(batches if isinstance(batches, list) else _Once(batches))
    return trainer._train_epoch()


def first_batches(trainer: Trainer[Any, Any], count: int) -> list[Any]:
    """The first `count` batches of the training loader, fewer if it has no more, as its next epoch will give them.

    No random generator moves.

    Raises:
        EmptyDataset: it gives none.
    """
    generators = [(each, each.get_state()) for each in trainer.feed._generators()]
    with preserved_random_state():
        found = list(itertools.islice(iter(trainer.dataloader), count))
    for generator, state in generators:
        generator.set_state(state)
    if not found:
        raise EmptyDataset("the training loader gives no batch")
    return found


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """The batches of `loader`, epoch after epoch.

    Raises:
        EmptyDataset: it gives none.
    """
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise EmptyDataset("the training loader gives no batch")


def place_of(trainer_class: type, *methods: str) -> str:
    """The first of `methods` that the project itself wrote, with file and line; else the class."""
    for name in methods:
        method = getattr(trainer_class, name, None)
        if method is None or method.__module__.startswith(__package__.rpartition(".before")[0]):
            continue
        try:
            file, (_, line) = inspect.getsourcefile(method), inspect.getsourcelines(method)
        except (OSError, TypeError):
            continue
        return f"{trainer_class.__name__}.{name}, {Path(file or '?').name}:{line}"
    return trainer_class.__name__


class _Once(Iterable[Any]):
    """An iterator as the loop takes loaders."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)


class _Snapshot:
    """Everything that a step can change of a trainer; tensors are kept on the CPU, where they disturb no measurement."""

    def __init__(self, trainer: Trainer[Any, Any]) -> None:
        self._trainer = trainer
        self._attributes = {
            name: copy.copy(value) if isinstance(value, _CONTAINERS) else value for name, value in vars(trainer).items()
        }
        self._private = copy.deepcopy((trainer._norms, trainer._window))
        self._parts = {name: (part, _written(part.state_dict())) for name, part in stateful_parts(trainer).items()}
        self._buffers = [(buffer, buffer.detach().cpu().clone()) for buffer in trainer.model.buffers()]
        self._gradients = [
            (each, None if each.grad is None else each.grad.detach().cpu().clone())
            for each in trainer.model.parameters()
        ]
        self._modes = [(module, module.training) for module in trainer.model.modules()]
        scaler = trainer.precision.scaler
        self._scaler = None if scaler is None else scaler.state_dict()
        self._skipped = trainer.precision.skipped_steps
        self._average = None if trainer.averaging is None else _written(trainer.averaging.state_dict(values=True))
        self._generators = [(each, each.get_state()) for each in trainer.feed._generators()]

    def restore(self) -> None:
        """Bring the trainer back."""
        trainer = self._trainer
        vars(trainer).clear()
        vars(trainer).update(self._attributes)
        trainer._norms, trainer._window = self._private
        for part, state in self._parts.values():
            part.load_state_dict(_read(state))
        if trainer.averaging is not None and self._average is not None:
            trainer.averaging.load_state_dict(_read(self._average))
        with torch.no_grad():
            for buffer, value in self._buffers:  # those that are not persistent are in no state_dict
                buffer.copy_(value)
        for parameter, gradient in self._gradients:
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        for module, mode in self._modes:
            module.training = mode
        if trainer.precision.scaler is not None and self._scaler is not None:
            trainer.precision.scaler.load_state_dict(self._scaler)
        trainer.precision.skipped_steps = self._skipped
        for generator, position in self._generators:
            generator.set_state(position)


def _written(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _read(written: bytes) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(io.BytesIO(written), map_location="cpu", weights_only=False)
    return found
