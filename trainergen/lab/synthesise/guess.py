"""A guess at a batch as plain data: what each argument is, with named sizes. Frozen: a repair makes another guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ...inspection.batch_spec import BATCH, Path

Dim: TypeAlias = int | str
"""A size, or the name of one: equal names are equal sizes."""

Form = Literal["free", "sorted", "lengths", "prefix", "packed_sizes", "symmetric", "offsets", "binary", "boxes"]
"""How values are drawn: freely; rising (graph membership); lengths with the longest present; a mask whose first entries
are true; the batch sizes of a packed sequence; a symmetric matrix (adjacency); where each bag of ids begins; 0 or 1; corners of boxes."""

BoxKind = Literal["mapping", "tuple", "list", "dataclass", "namedtuple"]

COUNTS = (BATCH, "nodes", "edges", "graphs")
"""Names of sizes that count samples or parts of a graph, never a property of the model."""

SPATIAL = ("height", "width", "depth")


@dataclass(frozen=True)
class Slot:
    """One tensor (or number, or list of strings).

    Attributes:
        dtype: as in `Leaf.dtype`.
        dims: sizes or names of sizes.
        low: smallest value; None together with `high` for a standard normal distribution (0 or 1 for integers).
        high: exclusive for integers, inclusive for floats; a name where the bound is a size of the batch.
        form: how values are drawn.
        why: the evidence, one phrase.
        given: whether an annotation or the project fixes it.
        fixed: axes whose size the code spells out, so that a larger one that runs means nothing.
        sure: whether name or annotation fix the kind: repairs change it later than what is only likely.
    """

    dtype: str
    dims: tuple[Dim, ...] = ()
    low: int | float | None = None
    high: int | float | str | None = None
    form: Form = "free"
    why: str = "a guess"
    given: bool = False
    sure: bool = False
    fixed: tuple[int, ...] = ()

    @property
    def integral(self) -> bool:
        """Whether it holds whole numbers in a tensor."""
        return self.dtype.startswith(("int", "uint")) and self.dtype != "int"


@dataclass(frozen=True)
class Box:
    """A container of slots, see `Branch`; with `repeat` a list of that many entries, all like the one that is given."""

    kind: BoxKind
    entries: tuple[tuple[str | int, Node], ...]
    type_name: str | None = None
    repeat: Dim | None = None


Node: TypeAlias = Slot | Box


@dataclass(frozen=True)
class Aim:
    """What the last change was after, so that the next failure at the same place tells how the size got there.

    Attributes:
        site: of the failure.
        where: the dimension that was changed; None for the sides of an image.
        size: of the input before the change, in its dimension.
        seen: the operand's size then.
        wanted: what it should have been.
    """

    site: str
    size: int
    seen: int
    wanted: int
    where: tuple[Path, int] | None = None


@dataclass(frozen=True)
class Guess:
    """A whole call of forward.

    Attributes:
        arguments: in call order; ``*0``, ``*1`` for a ``*inputs``.
        sizes: of the names in the dims.
        cost: how implausible it has become: the search takes the cheapest first.
        aim: see `Aim`.
        note: what the last repair did, for ``--explain``.
    """

    arguments: tuple[tuple[str, Node], ...]
    sizes: tuple[tuple[str, int], ...]
    cost: float = 0.0
    aim: Aim | None = None
    note: str = ""

    def size(self, dim: Dim) -> int:
        """Of a dimension, as a number."""
        return dim if isinstance(dim, int) else dict(self.sizes)[dim]

    def shape(self, slot: Slot) -> tuple[int, ...]:
        """Of a slot, as numbers."""
        known = dict(self.sizes)
        return tuple(dim if isinstance(dim, int) else known[dim] for dim in slot.dims)

    def slots(self) -> Iterator[tuple[Path, Slot]]:
        """Every slot with its path, arguments first."""
        for name, node in self.arguments:
            yield from _slots(node, (name,))

    def find(self, path: Path) -> Slot | None:
        """The slot at `path`."""
        return dict(self.slots()).get(path)

    def with_slot(self, path: Path, node: Node) -> Guess:
        """With another slot (or a container) at `path`."""
        return replace(
            self,
            arguments=tuple(
                (name, _put(child, path[1:], node) if name == path[0] else child) for name, child in self.arguments
            ),
        )

    def with_dim(self, path: Path, axis: int, dim: Dim) -> Guess:
        """With another dimension in one slot; a reason that names the former size is none any more."""
        slot = self.find(path)
        assert slot is not None
        dims = list(slot.dims)
        former, dims[axis] = dims[axis], dim
        why = f"{dim} fits" if str(former) in slot.why.split() else slot.why
        return self.with_slot(path, replace(slot, dims=tuple(dims), why=why))

    def with_sizes(self, **sizes: int) -> Guess:
        """With other values of named sizes."""
        return replace(self, sizes=tuple((dict(self.sizes) | sizes).items()))

    def counts(self) -> set[str]:
        """Names of sizes in use, those of lists included."""
        named = {dim for _, slot in self.slots() for dim in slot.dims if isinstance(dim, str)}
        return named | {dim for _, node in self.arguments for dim in _repeats(node) if isinstance(dim, str)}

    def key(self) -> tuple[object, ...]:
        """Equal for guesses that make the same call."""
        used = {dim for _, slot in self.slots() for dim in (*slot.dims, slot.high) if isinstance(dim, str)} | {"batch"}
        arguments = tuple((name, _bare(node)) for name, node in self.arguments)
        return (arguments, tuple(sorted((name, size) for name, size in self.sizes if name in used)))


def _bare(node: Node) -> tuple[object, ...]:
    """What a node makes, without the reasons for it."""
    if isinstance(node, Slot):
        return node.dtype, node.dims, node.low, node.high, node.form
    return node.kind, node.type_name, node.repeat, tuple((key, _bare(child)) for key, child in node.entries)


def _repeats(node: Node) -> Iterator[Dim]:
    if isinstance(node, Box):
        if node.repeat is not None:
            yield node.repeat
        for _, child in node.entries:
            yield from _repeats(child)


def _slots(node: Node, path: Path) -> Iterator[tuple[Path, Slot]]:
    if isinstance(node, Slot):
        yield path, node
        return
    for key, child in node.entries:
        yield from _slots(child, (*path, key))


def _put(node: Node, path: Path, new: Node) -> Node:
    if not path or isinstance(node, Slot):
        return new
    entries = [(key, _put(child, path[1:], new) if key == path[0] else child) for key, child in node.entries]
    if path[0] not in dict(node.entries):
        entries.append((path[0], new))
    return replace(node, entries=tuple(entries))


def spell(guess: Guess) -> str:
    """The guess in the batch grammar, ``x: float32[2, 3, 32, 32]; mask: bool[2, 12]``."""
    return "; ".join(f"{name}: {_spell(node, guess)}" for name, node in guess.arguments)


def _spell(node: Node, guess: Guess) -> str:
    if isinstance(node, Box):
        inner = [(key, _spell(child, guess)) for key, child in node.entries]
        if node.repeat is not None:
            return "[" + ", ".join(inner[0][1] for _ in range(guess.size(node.repeat))) + "]"
        if node.kind == "tuple":
            return "(" + "".join(f"{text}, " for _, text in inner).rstrip(" ") + ")"
        if node.kind == "list":
            return "[" + ", ".join(text for _, text in inner) + "]"
        fields = "; ".join(f"{key}: {text}" for key, text in inner)
        prefix = "namedtuple " if node.kind == "namedtuple" else ""
        return "{" + fields + "}" if node.kind == "mapping" else f"{prefix}{node.type_name}({fields})"
    text = node.dtype
    if node.dims:
        known = dict(guess.sizes)
        text += "[" + ", ".join(f"{dim}={known[dim]}" if isinstance(dim, str) else str(dim) for dim in node.dims) + "]"
    low, high = node.low, guess.size(node.high) + (node.form == "lengths") if isinstance(node.high, str) else node.high
    if low is None or high is None:
        return text
    if node.integral or node.dtype == "int":
        return f"{text} < {high}" if low == 0 else f"{text} in [{low}, {high})"
    return f"{text} in [{low}, {high}]"
