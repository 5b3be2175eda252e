"""What a search is about: the model, its forward's arguments, and what is known of both."""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...inspection.model_facts import Argument
from .evidence import Evidence, Hints, gather
from .names import Scene
from .untouched import Stage


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and how it is called.

    Attributes:
        model: built; every run brings it back to how it was.
        forward: its arguments, without ``self``.
        evidence: see there.
        scene: for what names say.
        lazy: whether parameters take their shape from the first batch.
    """

    model: nn.Module
    forward: tuple[Argument, ...]
    evidence: Evidence
    scene: Scene
    lazy: bool

    @contextlib.contextmanager
    def run(self, seed: int) -> Iterator[nn.Module]:
        """The model, for one run that leaves no trace; a lazy one's copy, for it takes shape only once."""
        model = copy.deepcopy(self.model) if self.lazy else self.model
        with (Stage(model) if self.lazy else self._stage).run(seed):
            yield model

    def train(self, model: nn.Module) -> None:
        """Put what `run` gave into train mode; that is user code where a class has a ``train`` of its own."""
        if not self._trains:
            model.train()

    @functools.cached_property
    def _stage(self) -> Stage:
        return Stage(self.model)

    @functools.cached_property
    def _trains(self) -> bool:
        """Whether it is in train mode already, as every run finds it: asking all modules each time would take longer."""
        return all(each.training and type(each).train is nn.Module.train for each in self.model.modules())

    def globals(self) -> dict[str, Any]:
        """Of the module that the class is from."""
        module = sys.modules.get(type(self.model).__module__)
        return vars(module) if module is not None else {}

    def argument(self, name: str) -> Argument | None:
        """By name."""
        return next((each for each in self.forward if each.name == name), None)


def subject_of(model: nn.Module, forward: Sequence[Argument], hints: Hints) -> Subject:
    """The subject of a search."""
    evidence = gather(model, hints)
    names = tuple(each.name for each in forward)
    required = tuple(each.name for each in forward if each.required)
    lazy = any(nn.parameter.is_lazy(each) for each in model.parameters()) or any(
        nn.parameter.is_lazy(each) for each in model.buffers()
    )
    return Subject(model, tuple(forward), evidence, Scene(names, evidence, required), lazy)


def elements(value: Any) -> list[torch.Tensor]:
    """Every tensor in a value: containers, dataclasses, distributions and other objects one level deep."""
    found: list[torch.Tensor] = []
    _collect(value, found, 0)
    return found


def _collect(value: Any, found: list[torch.Tensor], depth: int) -> None:
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif depth > 6 or isinstance(value, (str, bytes, int, float, nn.Module, type)):
        return
    elif isinstance(value, dict):
        for each in value.values():
            _collect(each, found, depth + 1)
    elif isinstance(value, (list, tuple, set)):
        for each in value:
            _collect(each, found, depth + 1)
    elif hasattr(value, "__dict__"):
        for each in vars(value).values():
            _collect(each, found, depth + 1)
