"""What a failed operation would have needed, said of its operands: size, rank, kind, range. Repairs make wishes of failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .origins import Operand

Kind = Literal["float", "ids", "bool", "int", "number", "strings", "complex"]
"""``int`` is a tensor of whole numbers that indexes nothing, ``number`` a Python int."""


@dataclass(frozen=True, eq=False)
class Resize:
    """`operand` should have the size `wanted` at `axis`.

    Attributes:
        spelled: the code counts the entries one by one.
        features: a weight says so: what is there are features, not time or sides.
    """

    operand: Operand
    axis: int
    wanted: int
    spelled: bool = False
    features: bool = False


@dataclass(frozen=True, eq=False)
class Divide:
    """The size of `operand` at `axis` should be a multiple of `factor`."""

    operand: Operand
    axis: int
    factor: int


@dataclass(frozen=True, eq=False)
class Rerank:
    """`operand` should have one of `ranks` dimensions; `channels_first` where a convolution asks, `channels` of them."""

    operand: Operand
    ranks: tuple[int, ...]
    channels_first: bool = False
    channels: int | None = None


@dataclass(frozen=True, eq=False)
class Recast:
    """`operand` should be of another kind; `rows` of the table that it indexes."""

    operand: Operand
    kind: Kind
    rows: int | None = None


@dataclass(frozen=True, eq=False)
class Bound:
    """Values of `operand` should lie in [`low`, `below`)."""

    operand: Operand
    below: int
    low: int = 0


@dataclass(frozen=True, eq=False)
class Same:
    """Two dimensions should have one size."""

    left: Operand
    left_axis: int
    right: Operand
    right_axis: int


@dataclass(frozen=True, eq=False)
class Swap:
    """The samples should change places with the dimension after them."""

    operand: Operand


@dataclass(frozen=True)
class Grow:
    """Maps or sequences vanish on the way: everything spatial should be larger (or smaller)."""

    shrink: bool = False


@dataclass(frozen=True)
class Activate:
    """An argument that was left out is needed; empty: any of them."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Unit:
    """Values of the inputs should be probabilities (or positive)."""

    operand: Operand | None = None


@dataclass(frozen=True)
class Contain:
    """A container at an input should have this key, or the input should be a container of this kind.

    Attributes:
        name: the key or attribute; None where only the kind is known.
        kind: how it is read: ``["key"]``, ``.attribute``, ``[0]`` or iterated over.
    """

    name: str | int | None
    kind: Literal["key", "attribute", "index", "iterate"]
    operand: Operand | None = None


Wish: TypeAlias = Resize | Divide | Rerank | Recast | Bound | Same | Swap | Grow | Activate | Unit | Contain
