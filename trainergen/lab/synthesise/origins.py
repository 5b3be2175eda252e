"""Where a tensor comes from, written on it: the inputs that it descends from, and which of their dimensions its own are.

For each dimension the input's dimension that it still is, where that is cheap to know; None for one that an operation mixes
or makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import torch
from torch.nn.parameter import is_lazy

if TYPE_CHECKING:
    from ...inspection.batch_spec import Path

Axis: TypeAlias = "tuple[Path, int]"
Axes: TypeAlias = "tuple[Axis | None, ...]"

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
CONVOLUTIONS = {f"conv{rank}d": rank for rank in (1, 2, 3)} | {f"conv_transpose{rank}d": rank for rank in (1, 2, 3)}

_MARK = "_trainergen_origin"
_PERMUTING = ("transpose", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "t", "__get__")


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor that an operation was given.

    Attributes:
        value: the tensor.
        origins: the inputs it descends from; empty for parameters, buffers and constants.
        axes: per dimension the input's dimension that it still is, or None.
    """

    value: torch.Tensor
    origins: frozenset[Path]
    axes: Axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return tuple(self.value.shape)

    def axis(self, index: int) -> int:
        """`index` counted from the front."""
        return index % len(self.shape) if self.shape else 0


def mark(path: Path, tensor: torch.Tensor) -> None:
    """Write on an input where it sits."""
    tensor.__dict__[_MARK] = (frozenset((path,)), tuple((path, axis) for axis in range(tensor.dim())))


def operand(tensor: torch.Tensor) -> Operand:
    """A tensor with what is written on it."""
    origins, axes = tensor.__dict__.get(_MARK, (frozenset(), None))
    if axes is None or len(axes) != tensor.dim():
        axes = (None,) * tensor.dim()
    return Operand(tensor, origins, axes)


def inherit(
    name: str, result: torch.Tensor, given: list[Operand], args: tuple[Any, ...], named: dict[str, Any]
) -> bool:
    """Write on a result where it comes from.

    Args:
        name: of the operation.
        result: what it returned, or wrote into.
        given: the tensors among its arguments.
        args: its arguments by position.
        named: its arguments by name.

    Returns:
        Whether it took an input as anything but a transposition: whoever minds how inputs are used minds that.
    """
    origins = frozenset[Any]().union(*(each.origins for each in given))
    if not origins or (name in _PERMUTING and _permuted(name, given[0], result, args, named)):
        return False
    result.__dict__[_MARK] = (origins, _axes(name, result, [each for each in given if each.origins]))
    return True


def _axes(name: str, result: torch.Tensor, sources: list[Operand]) -> Axes:
    """Dimensions that are still an input's: same place and size, else the only one of that size."""
    shape = tuple(result.shape)
    made = _made(name, len(shape))
    found: list[Axis | None] = []
    for index, size in enumerate(shape):
        if index in made:
            found.append(None)
            continue
        here: Axis | None = None
        for source in sources:
            offset = len(source.shape) - len(shape) if _aligns(name) else 0
            place = index + offset
            level = len(source.shape) == len(shape) or _aligns(name) or index == 0
            fits = 0 <= place < len(source.shape) and source.shape[place] == size
            if level and fits and source.axes[place] is not None:
                here = source.axes[place]
                break
            alike = [each for each, other in enumerate(source.shape) if other == size]
            if len(alike) == 1 and shape.count(size) == 1 and size > 1:
                here = source.axes[alike[0]]
                if here is not None:
                    break
        found.append(here)
    return tuple(found)


def _aligns(name: str) -> bool:
    return name in ("add", "sub", "mul", "div", "__add__", "__radd__", "__mul__", "__rmul__", "__sub__", "where")


def _made(name: str, rank: int) -> set[int]:
    """Dimensions that the operation makes new."""
    if name in ("linear", "matmul", "__matmul__", "mm", "bmm", "einsum", "embedding", "one_hot", *RECURRENT):
        return {rank - 1}
    if name in CONVOLUTIONS:
        return {1}
    return set()


def _permuted(name: str, source: Operand, result: torch.Tensor, args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Transpositions exactly; whether it was one."""
    rank = result.dim()
    if len(source.shape) != rank or sorted(source.shape) != sorted(result.shape):
        return False
    order = list(range(rank))
    numbers = [*args[1:], *named.values()]
    if name == "permute":
        dims = numbers[0] if numbers and isinstance(numbers[0], (tuple, list, torch.Size)) else numbers
        order = [int(each) % rank for each in dims]
    elif name in ("transpose", "swapaxes", "swapdims", "movedim", "moveaxis") and len(numbers) == 2:
        if not all(isinstance(each, int) for each in numbers):
            return False
        one, two = (each % rank for each in numbers)
        if name.startswith("move"):
            order.insert(two, order.pop(one))
        else:
            order[one], order[two] = two, one
    elif (
        name == "t"
        or (name == "__get__" and rank == 2 and tuple(result.shape) != source.shape)
        or (name == "__get__" and rank == 2 and result.stride() != source.value.stride())
    ):
        order.reverse()
    result.__dict__[_MARK] = (source.origins, tuple(source.axes[index] for index in order))
    return True


def has_shape(value: Any) -> TypeGuard[torch.Tensor]:
    """Whether it is a tensor, and no parameter that still waits for its shape."""
    return isinstance(value, torch.Tensor) and not is_lazy(value)
