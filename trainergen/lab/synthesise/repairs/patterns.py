"""An einops pattern that refuses a tensor states rank and sizes: ``b c (h p1) (w p2) -> b (h w) (p1 p2 c)``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import torch

from ..failure import Failure
from ..origins import Operand, operand
from ..wishes import Divide, Rerank, Resize, Wish

_PATTERN = re.compile(r"pattern \"([^\"]+)\"")
_GROUP = re.compile(r"\(([^)]*)\)|(\S+)")


def of_pattern(failure: Failure) -> Iterator[Wish]:
    """Rank, sizes and divisibility that the left side asks for."""
    if type(failure.error).__name__ != "EinopsError":
        return
    said = failure.said
    found = _PATTERN.search(said)
    tensor = _tensor(failure)
    if found is None or tensor is None:
        return
    left = [(whole or name).split() for whole, name in _GROUP.findall(found[1].partition("->")[0])]
    known = _lengths(failure, said)
    ellipsis = any(each in (["..."], ["…"]) for each in left)
    groups = [each for each in left if each not in (["..."], ["…"])]
    rank = len(tensor.shape)
    if (rank != len(groups) and not ellipsis) or rank < len(groups):
        yield Rerank(tensor, (len(groups),) if not ellipsis else (len(groups), len(groups) + 1))
        return
    named = [(axis if not ellipsis or axis < _before(left) else axis - len(groups)) for axis in range(len(groups))]
    seen: dict[str, int] = {}
    for axis, group in zip(named, groups, strict=True):
        sizes = [_size(each, known) for each in group]
        size = tensor.shape[axis]
        product = math.prod(each for each in sizes if each)
        if all(sizes) and size != product:
            yield Resize(tensor, axis, product)
        elif product > 1 and size % product:
            yield Divide(tensor, axis, product)
        elif len(group) == 1 and not sizes[0]:
            if seen.get(group[0], size) != size:
                yield Resize(tensor, axis, seen[group[0]])
            seen[group[0]] = size


def _before(left: list[list[str]]) -> int:
    return next(index for index, each in enumerate(left) if each in (["..."], ["…"]))


def _size(name: str, known: dict[str, int]) -> int | None:
    return int(name) if name.isdigit() else known.get(name)


def _lengths(failure: Failure, said: str) -> dict[str, int]:
    """Sizes that the call gave, from einops' own frame or its message."""
    for frame, _ in failure.frames:
        given: Any = frame.f_locals.get("axes_lengths")
        if isinstance(given, dict):
            return {str(key): int(value) for key, value in given.items() if isinstance(value, int)}
    return {name: int(size) for name, size in re.findall(r"'(\w+)': (\d+)", said)}


def _tensor(failure: Failure) -> Operand | None:
    for frame, _ in failure.frames:
        for name in ("tensor", "input", "x"):
            value = frame.f_locals.get(name)
            if isinstance(value, torch.Tensor):
                return operand(value)
    return None
