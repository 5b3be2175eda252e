"""Watches a forward operation by operation: which one fails, on which shapes, and from which input each operand comes.

Hooks see modules only; a `TorchFunctionMode` sees every operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from .origins import CONVOLUTIONS, RECURRENT, Axis, Operand, has_shape, inherit, operand
from .values import TooLarge

if TYPE_CHECKING:
    from ...inspection.batch_spec import Path

_MOST_INDEXED = 1 << 28
"""Elements that an index may choose: 1 GB of floats, more than a model small enough to be tried has a use for."""


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
        if name == "__setitem__" and len(args) == 3 and has_shape(args[2]):
            self._inherit(name, args[0], (args[0], args[2]), {})
        if has_shape(result):
            self.reached += 1
            self._inherit(name, result, args, named)
        elif isinstance(result, (tuple, list)):
            self.reached += name != "__get__"
            for each in result:
                if has_shape(each):
                    self._inherit(name, each, args, named)
        return result

    def _look(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Refuse what takes the samples for something else; note tables."""
        first = args[0] if args else next(iter(named.values()), None)
        if not has_shape(first):
            return
        if name in CONVOLUTIONS:
            rank, axes = CONVOLUTIONS[name], operand(first).axes
            if first.dim() == rank + 1 and axes[0] is not None and self._is_batch(axes[0]):
                raise Misread(f"{name} takes the samples for channels", _call(name, args, named), ranks=(rank + 2,))
            kernel = named.get("weight", args[1] if len(args) > 1 else None)
            if has_shape(kernel) and first.dim() == rank + 2 and max(kernel.shape[2:]) > 1:
                least = min(first.shape[2:])
                self.smallest = least if self.smallest is None else min(self.smallest, least)
        elif name in RECURRENT:
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
        elif name in ("cross_entropy", "nll_loss") and len(args) > 1 and has_shape(args[1]) and first.dim() > 1:
            if not args[1].is_floating_point():
                self._table(args[1], int(first.shape[1]))
        elif name == "ctc_loss" and len(args) > 1 and has_shape(args[1]):
            self._table(args[1], int(first.shape[-1]))
        elif name.rstrip("_") in ("scatter", "scatter_add", "gather", "index_select") and len(args) > 2:
            dim, index = args[1], args[2]
            if isinstance(dim, int) and has_shape(index) and first.dim():
                self._table(index, int(first.shape[dim]))
        elif name in ("__getitem__", "__setitem__") and len(args) > 1:
            index = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
            if isinstance(index, torch.Tensor) and index.dtype in (torch.int64, torch.int32) and first.dim():
                _demand_small(first, args[1])
                if name == "__getitem__" and not operand(first).origins:
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
        if inherit(name, result, given, args, named):
            self._meets(name, result, given)


def _call(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Call:
    return Call(name, _wrapped(args), {key: _wrap(each) for key, each in named.items()})


def _wrapped(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_wrap(each) for each in values)


def _wrap(value: Any) -> Any:
    if has_shape(value):
        return operand(value)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return [operand(each) if has_shape(each) else each for each in value]
    return value


def _tensors(values: tuple[Any, ...]) -> Iterator[torch.Tensor]:
    for value in values:
        if has_shape(value):
            yield value
        elif isinstance(value, (tuple, list)):
            for each in value:
                if has_shape(each):
                    yield each


def _demand_small(indexed: torch.Tensor, index: Any) -> None:
    """Rows chosen by an index of as many dimensions are a product of sizes that no alarm would stop once it is begun."""
    if isinstance(index, torch.Tensor) and index.numel() * math.prod(indexed.shape[1:]) > _MOST_INDEXED:
        raise TooLarge(f"{list(indexed.shape)} indexed by {list(index.shape)}")


def _operands(values: tuple[Any, ...]) -> Iterator[Operand]:
    for value in values:
        if isinstance(value, Operand):
            yield value
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, Operand):
                    yield each
