"""Watches a forward operation by operation: which one fails, on which shapes, and from which input each operand comes.

Hooks see modules only; a `TorchFunctionMode` sees every operation. Where a tensor comes from is written on the tensor:
the inputs it descends from, and for each of its dimensions the input's dimension that it still is, where that is cheap to
know (a dimension that an operation mixes or makes is None).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import torch
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from ...inspection.batch_spec import Path

Axis: TypeAlias = "tuple[Path, int]"
Axes: TypeAlias = "tuple[Axis | None, ...]"

_MARK = "_trainergen_origin"
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_CONVOLUTIONS = {f"conv{rank}d": rank for rank in (1, 2, 3)} | {f"conv_transpose{rank}d": rank for rank in (1, 2, 3)}
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


@dataclass(frozen=True, eq=False)
class Call:
    """One operation: its name, its arguments with tensors as `Operand` (lists and tuples one level deep), its refusal."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    said: str = ""

    def operands(self) -> list[Operand]:
        """Every tensor among the arguments, in order."""
        return list(_operands((*self.args, *self.kwargs.values())))

    def get(self, index: int, name: str, default: Any = None) -> Any:
        """An argument by position or name."""
        return self.args[index] if index < len(self.args) else self.kwargs.get(name, default)

    def spelled(self) -> str:
        """``linear([2, 12, 16], [8, 10])``."""
        shapes = ", ".join(str(list(each.shape)) for each in self.operands()[:6])
        return f"{self.name}({shapes})"


class Misread(Exception):
    """An operation runs, but takes the samples for something else: ``[channels, height, width]``, ``[time, features]``.

    Args:
        what: in words.
        call: the operation.
        ranks: ranks that it would read as meant.
        swapped: whether samples and time have changed places.
    """

    def __init__(self, what: str, call: Call, *, ranks: tuple[int, ...] = (), swapped: bool = False) -> None:
        super().__init__(what)
        self.call = call
        self.ranks = ranks
        self.swapped = swapped


def mark(path: Path, tensor: torch.Tensor) -> None:
    """Write on an input where it sits."""
    tensor.__dict__[_MARK] = (frozenset((path,)), tuple((path, axis) for axis in range(tensor.dim())))


def operand(tensor: torch.Tensor) -> Operand:
    """A tensor with what is written on it."""
    origins, axes = tensor.__dict__.get(_MARK, (frozenset(), None))
    if axes is None or len(axes) != tensor.dim():
        axes = (None,) * tensor.dim()
    return Operand(tensor, origins, axes)


class Trace(TorchFunctionMode):
    """Counts the operations, keeps the one that failed, and notes what tables the inputs index.

    Attributes:
        reached: operations that ran.
        failure: the last one that raised, with what it raised (the model may have caught it).
        tables: for each input that chooses rows, the fewest rows of a table that it was used on.
        cast: inputs of whole numbers that the model casts to whole numbers: it may be used to floats.
        flattened: inputs of two dimensions that the model flattens before anything else: they are meant to have more.
        numeric: inputs of whole numbers that meet floats outside of tables: as numbers, not as ids.
        smallest: the smallest spatial size that a convolution with a kernel above 1 was given.

    Args:
        is_batch: whether a dimension of an input counts the samples.
    """

    def __init__(self, is_batch: Callable[[Axis], bool]) -> None:
        super().__init__()
        self.reached = 0
        self.failure: tuple[BaseException, Call] | None = None
        self.tables: dict[Path, int] = {}
        self.smallest: int | None = None
        self.cast: set[Path] = set()
        self.numeric: set[Path] = set()
        self.flattened: set[Path] = set()
        self._is_batch = is_batch

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation."""
        del types
        named = kwargs or {}
        name = str(getattr(func, "__name__", func))
        try:
            self._look(name, args, named)
            result = func(*args, **named)
        except BaseException as error:
            if self.failure is None or self.failure[0] is not error:
                self.failure = (error, Call(name, _wrapped(args), {key: _wrap(each) for key, each in named.items()}))
            raise
        if _has_shape(result):
            self.reached += 1
            self._inherit(name, result, args, named)
        elif isinstance(result, (tuple, list)):
            self.reached += name != "__get__"
            for each in result:
                if _has_shape(each):
                    self._inherit(name, each, args, named)
        return result

    def _look(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Refuse what takes the samples for something else; note tables."""
        first = args[0] if args else next(iter(named.values()), None)
        if not _has_shape(first):
            return
        if name in _CONVOLUTIONS:
            rank, axes = _CONVOLUTIONS[name], operand(first).axes
            if first.dim() == rank + 1 and axes[0] is not None and self._is_batch(axes[0]):
                raise Misread(f"{name} takes the samples for channels", _call(name, args, named), ranks=(rank + 2,))
            kernel = named.get("weight", args[1] if len(args) > 1 else None)
            if _has_shape(kernel) and first.dim() == rank + 2 and max(kernel.shape[2:]) > 1:
                least = min(first.shape[2:])
                self.smallest = least if self.smallest is None else min(self.smallest, least)
        elif name in _RECURRENT:
            weights = next(
                (each for each in args if isinstance(each, (list, tuple)) and len(each) > 1 and each[0].dim() == 2),
                None,
            )
            if (
                weights is not None and first.shape[-1] != weights[0].shape[1]
            ):  # torch reads past a packed sequence's end
                raise ValueError(f"{name} takes {weights[0].shape[1]} features")
            if (
                not isinstance(args[-1], bool)
                or len(args) < 8
                or (isinstance(args[1], torch.Tensor) and args[1].dim() == 1)
            ):
                return
            axes = operand(first).axes
            if first.dim() == 2 and axes[0] is not None and self._is_batch(axes[0]):
                raise Misread(f"{name} takes the samples for time", _call(name, args, named), ranks=(3,))
            self._order(name, first, 1 if args[-1] else 0, args, named)
        elif name == "multi_head_attention_forward":
            axes = operand(first).axes
            if first.dim() == 2 and axes[0] is not None and self._is_batch(axes[0]):
                raise Misread("attention takes the samples for a sequence", _call(name, args, named), ranks=(3,))
            self._order(name, first, 0, args, named)
        elif name == "embedding" and len(args) > 1 and isinstance(args[1], torch.Tensor):
            self._table(first, int(args[1].shape[0]))
        elif name in ("flatten", "view", "reshape") and first.dim() == 2 and not self.reached:
            self.flattened |= operand(first).origins
        elif name in ("long", "int", "to", "type"):
            self.cast |= operand(first).origins if first.dtype == torch.int64 else set()
        elif name == "one_hot":
            count = named.get("num_classes", args[1] if len(args) > 1 else -1)
            if isinstance(count, int) and count > 0:
                self._table(first, count)
        elif name in ("cross_entropy", "nll_loss") and len(args) > 1 and _has_shape(args[1]) and first.dim() > 1:
            if not args[1].is_floating_point():
                self._table(args[1], int(first.shape[1]))
        elif name == "ctc_loss" and len(args) > 1 and _has_shape(args[1]):
            self._table(args[1], int(first.shape[-1]))
        elif name.rstrip("_") in ("scatter", "scatter_add", "gather", "index_select") and len(args) > 2:
            dim, index = args[1], args[2]
            if isinstance(dim, int) and _has_shape(index) and first.dim():
                self._table(index, int(first.shape[dim]))
        elif name == "__getitem__" and len(args) > 1 and not operand(first).origins:
            index = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
            if isinstance(index, torch.Tensor) and index.dtype in (torch.int64, torch.int32) and first.dim():
                self._table(index, int(first.shape[0]))

    def _meets(self, name: str, result: torch.Tensor, given: list[Operand]) -> None:
        """Note whole numbers of an input that become floats beside others."""
        if result.is_floating_point() and name in ("cat", "concat", "stack", "mul", "add", "float", "to", "type"):
            for each in given:
                if each.value.dtype == torch.int64:
                    self.numeric |= each.origins

    def _order(self, name: str, first: torch.Tensor, time: int, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Refuse samples where time belongs, if time stands where the samples do."""
        axes = operand(first).axes
        if first.dim() != 3:
            return
        here, there = axes[time], axes[1 - time]
        if here is not None and there is None and self._is_batch(here) and first.shape[1 - time] == 1:
            raise Misread(f"{name} takes the samples for time", _call(name, args, named), ranks=(4,))
        if here is not None and there is not None and self._is_batch(here) and not self._is_batch(there):
            raise Misread(f"{name} takes the samples for time", _call(name, args, named), swapped=True)

    def _table(self, index: torch.Tensor, rows: int) -> None:
        for path in operand(index).origins:
            self.tables[path] = min(rows, self.tables.get(path, rows))

    def _inherit(self, name: str, result: torch.Tensor, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = [operand(each) for each in _tensors((*args, *named.values()))]
        origins = frozenset[Any]().union(*(each.origins for each in given))
        if not origins:
            return
        if name in _PERMUTING and given and _permuted(name, given[0], result, args, named):
            return
        self._meets(name, result, given)
        sources = [each for each in given if each.origins]
        result.__dict__[_MARK] = (origins, _axes(name, result, sources))


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
    if name in ("linear", "matmul", "__matmul__", "mm", "bmm", "einsum", "embedding", "one_hot", *_RECURRENT):
        return {rank - 1}
    if name in _CONVOLUTIONS:
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


def _call(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Call:
    return Call(name, _wrapped(args), {key: _wrap(each) for key, each in named.items()})


def _wrapped(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_wrap(each) for each in values)


def _wrap(value: Any) -> Any:
    if _has_shape(value):
        return operand(value)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return [operand(each) if _has_shape(each) else each for each in value]
    return value


def _tensors(values: tuple[Any, ...]) -> Iterator[torch.Tensor]:
    for value in values:
        if _has_shape(value):
            yield value
        elif isinstance(value, (tuple, list)):
            for each in value:
                if _has_shape(each):
                    yield each


def _has_shape(value: Any) -> TypeGuard[torch.Tensor]:
    """Whether it is a tensor, and no parameter that still waits for its shape."""
    return isinstance(value, torch.Tensor) and not is_lazy(value)


def _operands(values: tuple[Any, ...]) -> Iterator[Operand]:
    for value in values:
        if isinstance(value, Operand):
            yield value
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, Operand):
                    yield each
