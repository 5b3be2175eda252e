"""Other choices that a class may be meant with, once one has worked: another rank, other sizes, what None left out."""

from __future__ import annotations

import typing
from dataclasses import replace
from typing import TYPE_CHECKING

from ...inspection.expressions import items_of
from .options import CERTAIN, Option
from .roles import role_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .assignment import Assignment
    from .sizes import Sizes

_FREE = frozenset({"name", "annotation", "source", "config", "repair"})
"""Sources that another guess may replace: not what the user or the project says."""


def variants(first: Assignment, sizes: Sizes) -> Iterator[Assignment]:
    """Starting points that differ from `first` in one respect each, the likeliest first."""
    yield from _filled(first)
    yield from _sized(first)
    yield from _keyed(first)
    rank = [name for name in first.chooser.parameters if first.chooser.role((name,)) == "spatial_rank"]
    if rank:
        for number in (3, 1, 2):
            yield from _resized(first, replace(sizes, rank=number, image=16 if number == 3 else sizes.image))
    yield from _resized(first, replace(sizes, image=64, patch=16, width=64))
    yield from _resized(first, replace(sizes, channels=1, features=8, classes=2))
    yield from _resized(first, replace(sizes, features=2, classes=3))
    yield from _resized(first, replace(sizes, image=224, patch=16, width=64, heads=8))
    yield from _resized(first, replace(sizes, width=64, heads=2, levels=4, depth=4))
    yield from _resized(first, replace(sizes, width=16, heads=2, levels=2, depth=1))


def _filled(first: Assignment) -> Iterator[Assignment]:
    """Modules that are None by default though methods call them: without a look first, or named like the main one."""
    chooser = first.chooser
    values = dict(first.values)
    for name, parameter in chooser.parameters.items():
        if parameter.default is not None or name in values or name in first.given:
            continue
        uses = chooser.reads.get((name,))
        if uses is None or "module" not in uses.kinds:
            continue
        if "none" not in uses.kinds or chooser.role((name,)) == "module":
            chosen = chooser.first((name,))
            if chosen is not None:
                values[name] = chosen.changed(chosen.value, "source", "None by default, but called")
    if len(values) > len(first.values):
        yield replace(first, values=values)


def _sized(first: Assignment) -> Iterator[Assignment]:
    """Sizes that are None by default given: a projection, an embedding, a head that the class leaves out without one."""
    chooser = first.chooser
    values = dict(first.values)
    for name, parameter in chooser.parameters.items():
        if parameter.default is None and name not in values and name not in first.given and role_of(name) in CERTAIN:
            chosen = chooser.first((name,))
            if chosen is not None and isinstance(chosen.value, int):
                values[name] = chosen.changed(chosen.value, "name", f"None by default, {chosen.reason}")
    if len(values) > len(first.values):
        yield replace(first, values=values)


def _keyed(first: Assignment) -> Iterator[Assignment]:
    """Mappings of sizes that are empty by default, with two keys: a part of the model for each."""
    chooser = first.chooser
    values = dict(first.values)
    for name, parameter in chooser.parameters.items():
        free = parameter.default == {} and name not in values and name not in first.given
        if free and typing.get_args(chooser.hints.get(name)) == (str, int):
            number = chooser.sizes.number(role_of(name))
            values[name] = Option({"first": number, "second": number}, "annotation", "empty by default, a part a key")
    if len(values) > len(first.values):
        yield replace(first, values=values)


def _resized(first: Assignment, sizes: Sizes) -> Iterator[Assignment]:
    chooser = first.chooser.with_sizes(sizes)
    values: dict[str, Option] = {}
    for name, option in first.values.items():
        if option.source not in _FREE:
            values[name] = option
            continue
        fresh = chooser.first((name,)) or option
        if type(fresh.value) is not type(option.value):
            same_kind = [each for each in chooser.options((name,)) if type(each.value) is type(option.value)]
            fresh = (same_kind or [fresh])[0]
        before, after = items_of(option.value), items_of(fresh.value)
        if before is not None and after is not None and option.source == "repair" and len(before) != len(after):
            fresh = option  # its length was demanded
        values[name] = option if isinstance(option.value, (str, bool)) or option.value is None else fresh
    yield replace(first, chooser=chooser, values=values)
