"""The table of rules by operation, and what several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ..origins import Operand
from ..trace import Call
from ..wishes import Recast, Rerank, Same, Wish

Rule = Callable[[Call], Iterator[Wish]]
_RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations; ``n`` in a name stands for a digit."""

    def register(function: Rule) -> Rule:
        for name in names:
            _RULES[name] = function
        return function

    return register


def rule_for(name: str) -> Rule | None:
    """The rule of an operation as torch calls it: ``__add__``, ``add_`` and ``add`` are one."""
    plain = name.strip("_")
    return _RULES.get(plain) or _RULES.get(re.sub(r"\d", "n", plain))


def typed(call: Call) -> Iterator[Wish]:
    """Operands of an operation on floats that are none."""
    for each in call.operands():
        if each.origins and not each.value.is_floating_point() and not each.value.is_complex():
            yield Recast(each, "float")


def is_operand(value: Any) -> bool:
    """Whether an argument is a tensor."""
    return isinstance(value, Operand)


def broadcast(left: Operand, right: Operand) -> Iterator[Wish]:
    """Sizes of two tensors, counted from the back, that neither agree nor are 1."""
    for back in range(1, min(len(left.shape), len(right.shape)) + 1):
        one, two = left.shape[-back], right.shape[-back]
        if one == two or 1 in (one, two):
            continue
        small, large = sorted((left, right), key=lambda each: len(each.shape))
        if len(small.shape) != len(large.shape):
            first = [_is_first(each, back) for each in (left, right)]
            if large.origins and (all(large.axes) or first[0] != first[1]):  # samples against something else
                yield Rerank(large, (len(small.shape),))
            if first[0] != first[1]:
                yield Rerank(small, (len(large.shape),))
        yield Same(left, len(left.shape) - back, right, len(right.shape) - back)
        if len(small.shape) != len(large.shape):
            yield Rerank(small, (len(large.shape),))


def _is_first(tensor: Operand, back: int) -> bool:
    """Whether a dimension is the first of an input still: most likely that of the samples."""
    axis = tensor.axes[-back]
    return axis is not None and axis[1] == 0
