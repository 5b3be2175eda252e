"""Operations that prepare a part of the batch or of the output: as generated code, and what they make of a shape."""

from __future__ import annotations

import math

from ..errors import InternalError
from ..families.torch.facts import ENDS, HALVES, OPERATIONS

CASTS = {"float64": "double", "float16": "half", "bfloat16": "bfloat16"}


def operations(prepare: tuple[str, ...], dtype: str) -> str:
    """``("unsqueeze:1", "float")`` as ``.unsqueeze(1).float()``; `dtype` is the model's floating one.

    Raises:
        InternalError: an operation that the control run does not know either.
    """
    parts = [each.partition(":") for each in prepare]
    unknown = [name for name, _, _ in parts if name not in OPERATIONS]
    if unknown:
        raise InternalError(f"no operation {', '.join(unknown)}: there are {', '.join(OPERATIONS)}")
    return "".join(_operation(name, text, dtype) for name, _, text in parts)


def _operation(name: str, text: str, dtype: str) -> str:
    if name in ENDS:
        kept = "1:" if name == "drop_first" else ":-1"
        return f"[{':, ' * int(text)}{kept}]"
    if name in HALVES:
        return f".chunk(2, dim={text})[{HALVES.index(name)}]"
    return f".{CASTS.get(dtype, name) if name == 'float' else name}({text.replace(',', ', ')})"


def prepared_form(
    prepare: tuple[str, ...], dtype: str, dims: tuple[int | str, ...], floating: str
) -> tuple[str, tuple[int | str, ...]]:
    """Dtype and dimensions of a part after the operations in `prepare`; `floating` is the model's dtype."""
    for each in prepare:
        name, _, text = each.partition(":")
        numbers = [int(number) for number in text.split(",")] if text else []
        if name == "unsqueeze":
            dims = (*dims[: numbers[0]], 1, *dims[numbers[0] :])
        elif name == "squeeze":
            dims = (*dims[: numbers[0]], *dims[numbers[0] + 1 :])
        elif name == "permute":
            dims = tuple(dims[axis] for axis in numbers)
        elif name in HALVES:
            dims = tuple(_half(dim) if axis == numbers[0] else dim for axis, dim in enumerate(dims))
        elif name in ENDS:
            dims = tuple(_shorter(dim) if axis == numbers[0] else dim for axis, dim in enumerate(dims))
        elif name == "flatten":
            dims = (*dims[: numbers[0]], _product(dims[numbers[0] :]))
        else:
            dtype = {"float": floating, "long": "int64"}.get(name, name)
    return dtype, dims


def _shorter(dim: int | str) -> int | str:
    return dim - 1 if isinstance(dim, int) else f"{dim}-1"


def _half(dim: int | str) -> int | str:
    return dim // 2 if isinstance(dim, int) else f"{dim}/2"


def _product(dims: tuple[int | str, ...]) -> int | str:
    sizes = [dim for dim in dims if isinstance(dim, int)]
    return math.prod(sizes) if len(sizes) == len(dims) else "*".join(map(str, dims))
