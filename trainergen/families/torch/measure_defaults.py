"""Which arguments of a constructor must not be passed at their own default: doing so builds another model, or none.

A sentinel that means "not said", or an argument that is deprecated, says something else once it is passed. Tried on the
meta device, where nothing is initialised, as long as the class can be built there.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ...lab.construct import call_with, live
from ...lab.construct.trying import attempt
from .measure_model import Maker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...inspection.construction import Construction
    from ...lab.protocol import Context

_SCALARS = (bool, int, float, str)
_DATED = (DeprecationWarning, FutureWarning, PendingDeprecationWarning)


@dataclass(frozen=True)
class _Look:
    """What a call gave, as far as two can be compared: the modules as text, parameters and buffers by shape, complaints."""

    modules: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    dated: int


def implicit_defaults(make: Maker, construction: Construction | None, context: Context, seed: int) -> tuple[str, ...]:
    """Arguments that have to be left out where they keep their default, in signature order.

    Args:
        make: the class, and what the user said.
        construction: what the search passed.
        context: the copied tree.
        seed: set before every try.
    """
    found = construction.arguments if construction is not None else ()
    passed = {each.name: live(each.value, context) for each in found if not each.for_proof} | make.given
    kept = {
        name: each.default
        for name, each in inspect.signature(make.function).parameters.items()
        if name not in passed
        and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        and type(each.default) in _SCALARS
    }
    if not kept:
        return ()
    for device in ("meta", "cpu"):
        if (plain := _look(make, passed, device, seed)) is None:
            continue
        if _look(make, passed | kept, device, seed) == plain:
            return ()
        return tuple(
            name for name, default in kept.items() if _look(make, {**passed, name: default}, device, seed) != plain
        )
    return ()


def _look(make: Maker, arguments: Mapping[str, Any], device: str, seed: int) -> _Look | None:
    """What the call gives on a device; None where it fails there."""
    dated: list[warnings.WarningMessage] = []

    def build() -> Any:
        nonlocal dated
        with torch.device(device), warnings.catch_warnings(record=True) as dated:
            warnings.simplefilter("always")
            return call_with(make.function, arguments)

    model = attempt(build, seed=seed).model
    if model is None:
        return None
    shapes = tuple((name, tuple(each.shape)) for name, each in (*model.named_parameters(), *model.named_buffers()))
    return _Look(repr(model), shapes, sum(issubclass(each.category, _DATED) for each in dated))
