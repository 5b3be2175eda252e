"""Reshaping, joining and splitting: sizes that have to divide, agree or add up."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ..origins import Operand
from ..trace import Call
from ..wishes import Divide, Recast, Rerank, Resize, Same, Wish
from .rules import is_operand, rule


@rule("view", "reshape", "unflatten", "expand", "view_as", "reshape_as", "expand_as")
def _reshaped(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    if not is_operand(x):
        return
    if call.name == "unflatten":
        dim, sizes = call.get(1, "dim"), call.get(2, "sizes")
        if isinstance(dim, int) and sizes is not None:
            product = math.prod(each for each in sizes if isinstance(each, int) and each > 0)
            wish: Wish = Divide(x, dim, product) if -1 in sizes else Resize(x, dim, product)
            yield wish
        return
    rest = call.args[1:] or tuple(call.kwargs.values())
    if len(rest) == 1 and isinstance(rest[0], (list, tuple, torch.Size)):
        rest = tuple(rest[0])
    elif rest and isinstance(rest[0], Operand):
        rest = rest[0].shape
    sizes = tuple(each for each in rest if isinstance(each, int))
    if call.name.startswith("expand"):
        if len(sizes) < len(x.shape) or "leading" in call.said:
            yield Rerank(x, (len(sizes),))
        for axis, size in enumerate(reversed(sizes)):
            if axis < len(x.shape) and size > 0 and x.shape[-1 - axis] not in (1, size):
                yield Resize(x, len(x.shape) - 1 - axis, size)
                yield Resize(x, len(x.shape) - 1 - axis, 1)
        return
    product = math.prod(each for each in sizes if each > 0)
    if not sizes or product < 1:
        return
    total = math.prod(x.shape)
    order = sorted(range(len(x.shape)), key=lambda axis: (x.axes[axis] is None, -axis))
    for axis in order:
        other = total // max(x.shape[axis], 1)
        if -1 in sizes:
            factor = product // math.gcd(product, other)
            if factor > 1 and x.shape[axis] % factor:
                yield Divide(x, axis, factor)
        elif other and product % other == 0 and product // other != x.shape[axis]:
            yield Resize(x, axis, product // other)
    yield Rerank(x, (len(x.shape) + 1, len(x.shape) - 1))


@rule("permute")
def _permute(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    order = call.args[1:] or tuple(call.kwargs.values())
    if len(order) == 1 and isinstance(order[0], (list, tuple)):
        order = tuple(order[0])
    if is_operand(x) and len(order) != len(x.shape):
        yield Rerank(x, (len(order),))


@rule("cat", "concat", "concatenate", "stack", "hstack", "vstack")
def _joined(call: Call) -> Iterator[Wish]:
    parts = call.operands()
    if len(parts) < 2:
        return
    stacked = call.name == "stack"
    most = max(len(each.shape) for each in parts)
    if any(len(each.shape) != most for each in parts):
        ranked = sorted(parts, key=lambda each: len(each.shape))
        for each in ranked:
            if len(each.shape) != most and each.origins:
                yield Rerank(each, (most,))
        for each in ranked:
            if len(each.shape) == most and each.origins:
                yield Rerank(each, (len(ranked[0].shape),))
        return
    dim = call.get(1, "dim", call.kwargs.get("axis", 0))
    joined = None if stacked or not isinstance(dim, int) or not most else dim % most
    first = next((each for each in parts if not each.origins), parts[0])
    for other in parts:
        for axis in range(most):
            if axis != joined and first.shape[axis] != other.shape[axis]:
                yield Same(first, axis, other, axis)


@rule("pack_padded_sequence", "repeat_interleave", "split", "split_with_sizes", "tensor_split", "chunk")
def _parted(call: Call) -> Iterator[Wish]:
    x = call.get(0, "input")
    sizes = call.get(1, "split_size_or_sections", call.kwargs.get("split_size"))
    dim = call.get(2, "dim", 0)
    if (
        is_operand(x)
        and isinstance(sizes, (list, tuple))
        and isinstance(dim, int)
        and all(isinstance(each, int) for each in sizes)
    ):
        yield Resize(x, dim, sum(sizes))
    for each in call.operands()[1:]:
        if each.value.is_floating_point():
            yield Recast(each, "int")
        if len(each.shape) > 1:
            yield Rerank(each, (1,))
