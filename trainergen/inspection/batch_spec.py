"""The form of a batch as data: a tree of leaves. Grammar, lab, records, docstrings and loader stubs share it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

BATCH = "batch"
"""The symbol of the batch dimension."""

Path: TypeAlias = tuple[str | int, ...]
"""Where a leaf sits in a batch: ``("labels", "class")``, ``(1,)``, ``()`` for a bare tensor."""


@dataclass(frozen=True)
class Leaf:
    """One tensor (or list of strings) of a batch.

    Attributes:
        dtype: torch's name without the prefix (``float32``, ``int64``, ``bool``), ``str`` for a list of strings, ``int`` or
            ``float`` for a Python number, ``object`` for anything else.
        dims: a fixed size or a symbol per dimension, the first usually ``"batch"``.
        sizes: the sizes in the sample, same length as `dims`.
        low: smallest value allowed (given) or seen (measured), inclusive.
        high: upper bound of the values, exclusive for integers, inclusive for floats.
        source: who says so.
        place: where it was said or read: a flag, a file, ``loader data:build``.
    """

    dtype: str
    dims: tuple[int | str, ...]
    sizes: tuple[int, ...]
    low: int | float | None = None
    high: int | float | None = None
    source: Literal["given", "measured", "assumed"] = "given"
    place: str | None = None


@dataclass(frozen=True)
class Branch:
    """A container: `entries` in order, keyed by name (mapping, dataclass, namedtuple) or index (tuple, list)."""

    kind: Literal["mapping", "tuple", "list", "dataclass", "namedtuple"]
    entries: tuple[tuple[str | int, Leaf | Branch], ...]
    type_name: str | None = None  # "module:Class" of a dataclass or namedtuple


Node: TypeAlias = Leaf | Branch


@dataclass(frozen=True)
class BatchSpec:
    """A whole batch: its tree, how many samples the sample had, and where it came from."""

    root: Leaf | Branch
    samples: int = field(default=0)
    place: str | None = None


def leaves(node: Leaf | Branch, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Every leaf with its path, in order."""
    if isinstance(node, Leaf):
        yield path, node
        return
    for key, child in node.entries:
        yield from leaves(child, (*path, key))


def find(node: Leaf | Branch, path: Path) -> Leaf | Branch | None:
    """The node at `path`, or None."""
    for key in path:
        if not isinstance(node, Branch):
            return None
        children = dict(node.entries)
        if key not in children:
            return None
        node = children[key]
    return node


def parse_path(text: str) -> Path:
    """``labels.class`` or ``1`` as a path; digits are indices."""
    return tuple(int(part) if part.isdigit() else part for part in text.split(".")) if text else ()


def spell_path(path: Path) -> str:
    """The inverse of `parse_path`; ``batch`` for the root."""
    return ".".join(str(part) for part in path) or "batch"


def spell_access(node: Leaf | Branch, path: Path, variable: str = "batch") -> str:
    """The Python expression that reads `path` from `variable`: ``batch["labels"]["class"]``, ``batch.image``, ``batch[1]``."""
    for key in path:
        attribute = isinstance(node, Branch) and node.kind in ("dataclass", "namedtuple")
        if attribute:
            variable += f".{key}"
        else:
            variable += f'["{key}"]' if isinstance(key, str) else f"[{key}]"
        node = dict(node.entries)[key] if isinstance(node, Branch) else node
    return variable


def spell_shape(dims: tuple[int | str, ...]) -> str:
    """``[batch, channels, 28, 28]``."""
    return "[" + ", ".join(str(dim) for dim in dims) + "]"
