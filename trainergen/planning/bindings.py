"""Checks that read a size from the configuration, where a guessed constructor argument decides it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Protocol

from ..inspection.batch_spec import Path
from .plan import Check, ModelArgument, Objective, Setting


class Bound(Protocol):
    """What a family found out about one argument: see ``families.torch.facts.Binding``."""

    @property
    def argument(self) -> str:
        """The constructor's parameter."""

    @property
    def origin(self) -> str:
        """``input``, ``values`` or ``output``."""

    @property
    def path(self) -> Path:
        """Where in the batch, or in the output."""

    @property
    def axis(self) -> int:
        """Of a size."""


def bind_checks(
    checks: tuple[Check, ...],
    objective: Objective,
    bindings: Iterable[Bound],
    arguments: tuple[ModelArgument, ...],
    settings: tuple[Setting, ...],
) -> tuple[Check, ...]:
    """The checks, with the setting's name for every size and bound that an argument of the model decides.

    Args:
        checks: with the sizes that were seen.
        objective: says which output a target belongs to.
        bindings: what was found out about the arguments.
        arguments: of the model, with the settings that feed them.
        settings: with their types: one that may be None bounds nothing.
    """
    whole = {each.name for each in settings if each.annotation == "int"}
    named = {each.name: each.setting for each in arguments if each.setting in whole}
    values = {each.name: int(each.literal) for each in arguments if each.setting in whole}
    found = list(checks)
    for binding in bindings:
        setting = named.get(binding.argument)
        if setting is None:
            continue
        value = values[binding.argument]
        for number, check in enumerate(found):
            if binding.origin == "output":
                follows = binding.path == objective.prediction and check.path == objective.target
                found[number] = _of_output(check, setting, value) if follows else check
            elif check.path == binding.path:
                found[number] = _of_input(check, binding, setting, value)
    return tuple(found)


def _of_input(check: Check, binding: Bound, setting: str, value: int) -> Check:
    if binding.origin == "values":
        return replace(check, high_of=setting) if check.high == value else check
    dims = tuple(setting if axis == binding.axis and dim == value else dim for axis, dim in enumerate(check.dims))
    return replace(check, dims=dims)


def _of_output(check: Check, setting: str, value: int) -> Check:
    """A target's classes, or its columns."""
    dims = tuple(setting if dim == value and axis > 0 else dim for axis, dim in enumerate(check.dims))
    high = setting if check.high == value and check.dtype.startswith(("int", "uint", "integral")) else check.high_of
    return replace(check, dims=dims, high_of=high)


def bound_sizes(checks: Iterable[Check], settings: Collection[str]) -> tuple[str, ...]:
    """Settings that stand for sizes in `checks`, in order of appearance."""
    return tuple(
        dict.fromkeys(dim for check in checks for dim in check.dims if isinstance(dim, str) and dim in settings)
    )
