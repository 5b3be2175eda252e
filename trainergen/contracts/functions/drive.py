"""How the lab drives a function that trains: its model is kept, its data are the proof's, its loop ends after a batch."""

from __future__ import annotations

import copy
import importlib
import io
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from ..driving import Enough, OneBatch
from ..driving_opening import refresh
from ..driving_results import frozen, moved, weight_files, weights_in

RESPONSIBLE: dict[str, tuple[str, ...]] = {}
"""Probe -> methods that answer for it: a function answers for all of them."""


class Successive(torch.optim.Optimizer):
    """The optimizers of all calls as one: it holds the last one's groups and state, and its hooks see each of them step.

    A rate that is given to its groups between two calls is what the next one steps with.
    """

    def __init__(self) -> None:  # nothing of torch's: it never steps by itself
        self.param_groups: list[dict[str, Any]] = []
        self.state: Any = {}
        self._hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        self._rates: list[Any] = []

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As torch's own."""
        handle = RemovableHandle(self._hooks)
        self._hooks[handle.id] = hook
        return handle

    def stepping(self, optimizer: torch.optim.Optimizer, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """`optimizer`, the one of this call, is about to step."""
        given = [group.get("lr") for group in self.param_groups]
        if given != self._rates and len(given) == len(optimizer.param_groups):
            for group, rate in zip(optimizer.param_groups, given, strict=True):
                group["lr"] = rate
        self.param_groups, self.state = optimizer.param_groups, optimizer.state
        self._rates = [group.get("lr") for group in self.param_groups]
        for hook in tuple(self._hooks.values()):
            hook(optimizer, arguments, keywords)


class FunctionSession:
    """One function as probes see a trainer (`runtime.probes.session.Session`).

    Each step is a call of the function. It makes its model by the name that it imports, which gives the session's, and
    an optimizer of its own, which has seen no step then; `optimizer` stands for all of these.

    Args:
        function: what trains.
        config: its configuration; None to let it read its own.
        words: see `ContractFacts.as_words`.
        batches: as `open` gets them.
        folder: where weight files go, as far as the function lets itself be told.
        seed: of what the model begins with.
    """

    clip_norm: float | None = None

    def __init__(
        self,
        function: Callable[..., Any],
        config: Any,
        words: Mapping[str, Any],
        batches: Mapping[str, list[Any]],
        folder: Path,
        seed: int,
    ) -> None:
        self.function = function
        self.config = config
        self.words = words
        self.optimizer = Successive()
        self._batches = batches
        self._folder = folder
        self._module = importlib.import_module(function.__module__)
        self._built: nn.Module | None = None
        self._device: torch.device | None = None
        self._losses: list[float] = []
        self._loss = vars(self._module)[words["loss"]]
        torch.manual_seed(seed)
        with self._standing_in(batches["train"][0], ends=True, before=True):
            self._call()

    @property
    def model(self) -> nn.Module:
        """The function's, of its first call."""
        assert self._built is not None  # the first call made it
        return self._built

    def step(self, batch: Any) -> float | None:
        """The function's first batch of its first epoch."""
        self._losses.clear()
        with self._standing_in(batch, ends=True):
            self._call()
        return self._losses[0] if self._losses else None

    def evaluate(self) -> dict[str, float]:
        """Nothing: what it measures beside, it keeps to itself."""
        return {}

    def state(self) -> bytes:
        """The model."""
        buffer = io.BytesIO()
        torch.save(self.model.state_dict(), buffer)
        return buffer.getvalue()

    def load_state(self, state: bytes) -> None:
        """As `state` gave it."""
        # Of our own making a moment ago; a model's extra state may be of any type.
        self.model.load_state_dict(torch.load(io.BytesIO(state), map_location="cpu", weights_only=False))

    def loss(self, batch: Any) -> object | None:
        """What its loss function gives."""
        device = self._device or next(self.model.parameters()).device
        given = [self.config] if "config" in self._loss.__code__.co_varnames[:4] else []
        loss: object = self._loss(self.model, moved(batch, device) if self._device is None else batch, device, *given)
        return loss

    def metrics(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def finish(self) -> Path | None:
        """The weight file that a call leaves whose epochs have one batch, and whose steps change nothing."""
        before = weight_files(self._folder)
        with (
            self._standing_in(copy.deepcopy(self._batches["train"][0]), ends=False),
            frozen(self.model),
        ):
            self._call()
        found = sorted(weight_files(self._folder) - before, key=lambda each: each.stat().st_mtime_ns)
        for path in reversed(found):
            if (weights := weights_in(path, self.model)) is not None:
                plain = self._folder / "plain.pt"
                plain.parent.mkdir(parents=True, exist_ok=True)
                torch.save(weights, plain)
                return plain
        return found[-1] if found else None

    def pretend(self, device: torch.device) -> bool:
        """The device is an argument of its loss function."""
        self._device = device
        return True

    def _call(self) -> None:
        slots = self.words["slots"]
        values = {"config": self.config, "run_directory": str(self._folder)}
        given = {name: values[slot] for name, slot in slots.items() if values.get(slot) is not None}
        with suppress(Enough):
            self.function(**given)

    @contextmanager
    def _standing_in(self, batch: Any, *, ends: bool, before: bool = False) -> Iterator[None]:
        """The module's names for model, data and loss are the session's; with `before` it ends ahead of its first step."""
        names, module = vars(self._module), self._module
        kept = {name: names[name] for name in (self.words["model"], self.words["loss"], *self.words["loaders"])}
        make = kept[self.words["model"]]

        def model(*given: Any, **named: Any) -> nn.Module:
            if self._built is None:
                self._built = make(*given, **named)
            return self._built

        asked: list[Any] = []

        def loader(*given: Any, **named: Any) -> Any:
            asked.append((given, named))
            if len(asked) == 1:
                return OneBatch(batch, None, ends=ends)
            other = (self._batches.get("validation") or self._batches["train"])[0]
            return OneBatch(copy.deepcopy(other), None, ends=False)

        def loss(*given: Any, **named: Any) -> Any:
            result = self._loss(*given, **named)
            if self.model.training:
                self._losses.append(float(result.detach()))
            return result

        def stepping(optimizer: torch.optim.Optimizer, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            self.optimizer.stepping(optimizer, arguments, keywords)
            if before:
                raise Enough

        hook = register_optimizer_step_pre_hook(stepping)
        try:
            setattr(module, self.words["model"], model)
            setattr(module, self.words["loss"], loss)
            for name in self.words["loaders"]:
                setattr(module, name, loader)
            yield
        finally:
            hook.remove()
            for name, value in kept.items():
                setattr(module, name, value)


def open(  # noqa: A001 - the name every contract's drive has
    trainer_class: Callable[..., Any],
    config: Any,
    batches: Mapping[str, list[Any]],
    seed: int,
    *,
    run_directory: Path,
    device: str,  # noqa: ARG001 - a function chooses its own
    build: Mapping[str, Any],
) -> FunctionSession:
    """A staged function on the proof's batches; see `driving_opening.open_session`."""
    refresh(trainer_class)
    return FunctionSession(trainer_class, config, build["contract"], batches, run_directory, seed)
