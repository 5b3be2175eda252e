"""Arithmetic on several tensors: sizes that have to agree, values in a domain, kinds."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..origins import Operand
from ..trace import Call
from ..wishes import Bound, Recast, Rerank, Same, Unit, Wish
from .rules import broadcast, is_operand, rule, typed


@rule("matmul", "mm", "bmm", "mv", "addmm", "baddbmm", "rmatmul", "chain_matmul", "dot", "inner", "vdot")
def _product(call: Call) -> Iterator[Wish]:
    pair = call.operands()[-2:]
    if len(pair) < 2:
        return
    if "dtype" in call.said or "scalar type" in call.said:
        yield from typed(call)
    left, right = pair
    if call.name == "bmm":
        for each in pair:
            if len(each.shape) != 3:
                yield Rerank(each, (3,))
    if call.name == "mm":
        for each in pair:
            if len(each.shape) != 2:
                yield Rerank(each, (2,))
    if not left.shape or not right.shape:
        return
    place = max(len(right.shape) - 2, 0)
    if left.shape[-1] != right.shape[place]:
        yield Same(left, len(left.shape) - 1, right, place)
    for axis in range(3, max(len(left.shape), len(right.shape)) + 1):
        if axis <= len(left.shape) and axis <= len(right.shape):
            one, two = left.shape[-axis], right.shape[-axis]
            if one != two and 1 not in (one, two):
                yield Same(left, len(left.shape) - axis, right, len(right.shape) - axis)


@rule("einsum")
def _einsum(call: Call) -> Iterator[Wish]:
    equation = call.get(0, "equation")
    parts = call.operands()
    if not isinstance(equation, str):
        return
    terms = equation.partition("->")[0].replace(" ", "").split(",")
    sizes: dict[str, tuple[Operand, int]] = {}
    pairs = sorted(zip(terms, parts, strict=False), key=lambda pair: bool(pair[1].origins))
    for term, part in pairs:
        letters = term.replace("...", "")
        if len(letters) != len(part.shape) and "..." not in term:
            yield Rerank(part, (len(letters),))
            continue
        for axis, letter in enumerate(letters):
            place = axis if "..." not in term or axis < term.index("...") else axis - len(letters)
            place = part.axis(place)
            known = sizes.setdefault(letter, (part, place))
            if known[0].shape[known[1]] != part.shape[place]:
                yield Same(known[0], known[1], part, place)


@rule(
    *(
        "add",
        "sub",
        "mul",
        "div",
        "radd",
        "rsub",
        "rmul",
        "rdiv",
        "truediv",
        "rtruediv",
        "iadd",
        "imul",
        "isub",
        "where",
    ),
    *("eq", "ne", "lt", "gt", "le", "ge", "and", "or", "pow", "maximum", "minimum", "lerp", "addcmul", "masked_fill"),
    *("subtract", "multiply", "true_divide", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "idiv", "atan2"),
    *(
        "cosine_similarity",
        "pairwise_distance",
        "logical_and",
        "logical_or",
        "binary_cross_entropy",
        "kl_div",
        "bilinear",
    ),
    *("binary_cross_entropy_with_logits", "cdist", "scaled_dot_product_attention", "setitem", "copy", "xor", "ior"),
)
def _elementwise(call: Call) -> Iterator[Wish]:
    parts = call.operands()
    if "between 0 and 1" in call.said or "0 and 1" in call.said:
        yield Unit()
    if "bool" in call.said.lower() and "dtype" not in call.said:
        for each in parts:
            if each.origins and each.value.dtype == torch.bool:
                yield Recast(each, "float")
    if call.name.startswith("masked_fill") and len(parts) > 1 and parts[1].value.dtype != torch.bool:
        yield Recast(parts[1], "bool")
    if call.name.strip("_") in ("and", "or", "xor", "ior", "logical_and"):
        for each in parts:
            if each.value.is_floating_point():
                yield Recast(each, "bool")
    if "dtype" in call.said or "type Float" in call.said or "Long" in call.said:
        yield from typed(call)
    scores = call.name.startswith("binary_cross_entropy") and len(parts) > 1
    if scores and len(parts[0].shape) != len(parts[1].shape):
        yield Rerank(parts[1], (len(parts[0].shape),))
    for first, left in enumerate(parts):
        for right in parts[first + 1 :]:
            yield from broadcast(left, right)


@rule("invert", "bitwise_not")
def _inverted(call: Call) -> Iterator[Wish]:
    for each in call.operands():
        yield Recast(each, "bool")


@rule("cross_entropy", "nll_loss")
def _class_loss(call: Call) -> Iterator[Wish]:
    scores, target = call.get(0, "input"), call.get(1, "target")
    if not is_operand(scores) or not is_operand(target):
        return
    if target.value.dtype != torch.int64:
        yield Recast(target, "ids", scores.shape[1] if len(scores.shape) > 1 else None)
    if "out of bounds" in call.said and len(scores.shape) > 1:
        yield Bound(target, scores.shape[1])
    if len(scores.shape) != len(target.shape) + 1:
        yield Rerank(target, (max(len(scores.shape) - 1, 1),))
    elif scores.shape[0] != target.shape[0]:
        yield Same(target, 0, scores, 0)
    else:
        for axis in range(1, len(target.shape)):
            if scores.shape[axis + 1] != target.shape[axis]:
                yield Same(target, axis, scores, axis + 1)


@rule("sqrt", "log", "multinomial", "bernoulli", "log1p", "arccos", "arcsin")
def _domain(call: Call) -> Iterator[Wish]:
    yield Unit(call.operands()[0] if call.operands() else None)


@rule(
    "softmax",
    "mean",
    "log_softmax",
    "dropout",
    "norm",
    "std",
    "var",
    "normalize",
    "gelu",
    "sigmoid",
    "tanh",
    "exp",
    "relu",
)
def _on_floats(call: Call) -> Iterator[Wish]:
    yield from typed(call)
