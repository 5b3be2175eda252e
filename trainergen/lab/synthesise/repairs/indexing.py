"""Indexing, gathering and masking: entries that have to exist."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..origins import Operand
from ..trace import Call
from ..wishes import Bound, Recast, Rerank, Resize, Same, Wish
from .rules import broadcast, is_operand, rule


@rule("getitem")
def _item(call: Call) -> Iterator[Wish]:
    x, index = call.get(0, "self"), call.get(1, "index")
    if not is_operand(x):
        return
    items = index if isinstance(index, list) else [index]
    asked = sum(each is not None and each is not Ellipsis for each in items)
    if asked > len(x.shape):
        yield Rerank(x, (asked,))
        return
    axis = 0
    for place, each in enumerate(items):
        if each is Ellipsis:
            axis = len(x.shape) - sum(other is not None for other in items[place + 1 :])
            continue
        if each is None:
            continue
        if isinstance(each, int) and axis < len(x.shape) and not -x.shape[axis] <= each < x.shape[axis]:
            yield Resize(x, axis, each + 1 if each >= 0 else -each, spelled=True)
        if isinstance(each, Operand):
            if each.value.is_floating_point():
                yield Recast(each, "bool" if each.shape == x.shape[: len(each.shape)] else "ids", x.shape[axis])
            elif each.value.dtype == torch.bool:
                for other, size in enumerate(each.shape):
                    if axis + other < len(x.shape) and x.shape[axis + other] != size:
                        yield Same(x, axis + other, each, other)
            elif "out of bounds" in call.said or "out of range" in call.said:
                yield Bound(each, x.shape[axis])
            yield from (
                wish
                for other in items
                if isinstance(other, Operand) and other is not each
                for wish in broadcast(each, other)
            )
        axis += 1


@rule(
    "gather",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "index_select",
    "index_add",
    "take_along_dim",
    "take",
    "index_copy",
)
def _gathered(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    dim = call.get(1, "dim", 0)
    rest = call.operands()[1:]
    if not is_operand(x) or not rest:
        return
    index = rest[0]
    axis = x.axis(dim) if isinstance(dim, int) else 0
    if index.value.dtype not in (torch.int64, torch.int32):
        yield Recast(index, "ids", x.shape[axis] if x.shape else None)
        return
    if "out of bounds" in call.said or "out of range" in call.said:
        yield Bound(index, x.shape[axis])
    if len(index.shape) != len(x.shape) and "index_" not in call.name:
        yield Rerank(index, (len(x.shape),))
    for other in rest[1:]:
        yield from broadcast(index, other)
        if "index_" in call.name and other.shape and index.shape:
            yield Same(index, 0, other, axis)


@rule("masked_select", "index_put", "masked_scatter")
def _selected(call: Call) -> Iterator[Wish]:
    parts = call.operands()
    if len(parts) > 1:
        yield Recast(parts[1], "bool")
        yield from broadcast(parts[0], parts[1])
