"""A batch that gains parts: the form of the whole, and which of its entries are new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .batch_spec import Branch, Leaf, Path


@dataclass(frozen=True)
class Grown:
    """A batch with parts added.

    Attributes:
        root: its form.
        inside: where what was there before is now; () where the parts were put beside its own entries.
        places: where each added part is, in the order given.
    """

    root: Branch
    inside: Path
    places: tuple[Path, ...]


@dataclass(frozen=True)
class Growth:
    """What has to be drawn to make a batch of the grown form out of one of the old.

    Attributes:
        root: the grown form.
        inside: the entry that holds the old batch; None where its own entries stand beside the new ones.
        added: keys of the new entries.
    """

    root: Branch
    inside: str | int | None
    added: tuple[str | int, ...]


def grow(
    root: Leaf | Branch, added: Sequence[tuple[str, Leaf]], *, inputs: str, whole: bool = False, named: bool = False
) -> Grown:
    """`root` with further parts.

    One tensor and one part become the pair (input, part); a mapping gains keys; anything else becomes one entry of a
    mapping, or of a pair where one part is added. A key that is taken gets a suffix: ``label_2``.

    Args:
        root: the form before.
        added: names and forms of the parts.
        inputs: what the old batch is called where it becomes an entry of a mapping.
        whole: the old batch goes into forward as one object: nothing is put into it.
        named: the parts must keep their names: no pair.
    """
    if isinstance(root, Branch) and root.kind == "mapping" and not whole:
        entries = list(root.entries)
        places = [_place(entries, name, leaf) for name, leaf in added]
        return Grown(replace(root, entries=tuple(entries)), (), tuple(places))
    if len(added) == 1 and not named:
        return Grown(Branch("tuple", ((0, root), (1, added[0][1]))), (0,), ((1,),))
    entries = [(inputs, root)]
    places = [_place(entries, name, leaf) for name, leaf in added]
    return Grown(Branch("mapping", tuple(entries)), (inputs,), tuple(places))


def growth(before: Leaf | Branch, after: Leaf | Branch) -> Growth | None:
    """What `grow` added to make `after` of `before`; None where they have the same entries."""
    if not isinstance(after, Branch) or before == after:
        return None
    keys = [key for key, _ in after.entries]
    if isinstance(before, Branch) and before.kind == after.kind == "mapping":
        old = {key for key, _ in before.entries}
        if old <= set(keys):
            new = tuple(key for key in keys if key not in old)
            return Growth(after, None, new) if new else None
    return Growth(after, keys[0], tuple(keys[1:]))


def _place(entries: list[tuple[str | int, Leaf | Branch]], name: str, leaf: Leaf) -> Path:
    taken = {key for key, _ in entries}
    key, number = name, 2
    while key in taken:
        key, number = f"{name}_{number}", number + 1
    entries.append((key, leaf))
    return (key,)
