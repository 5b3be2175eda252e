"""Names for the dimensions that may vary: by the user's description, else by rank and position, unique over the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ...inspection.batch_spec import BATCH, Leaf, Path

Axis: TypeAlias = tuple[Path, int]
Dims: TypeAlias = tuple[int | str, ...]


def name_dims(known: Mapping[Path, Leaf], inputs: Sequence[Path], groups: Sequence[Sequence[Axis]]) -> dict[Path, Dims]:
    """Dims of each input: the symbol of its group where it varies, else its size.

    Args:
        known: the leaves.
        inputs: paths of those that go into forward.
        groups: axes that vary, together with those that must vary with them.
    """
    varying = {axis for group in groups for axis in group}
    given = [_given(known, group) for group in groups]
    plain = [
        said or _usual_name(known[group[0][0]], group[0][1], {axis for path, axis in varying if path == group[0][0]})
        for group, said in zip(groups, given, strict=True)
    ]
    counts = Counter(plain)
    names: dict[Axis, str] = {}
    taken: set[str] = {BATCH, *(said for said in given if said)}
    for group, said, name in zip(groups, given, plain, strict=True):
        if not said and (counts[name] > 1 or name in taken):
            name = _prefixed(group[0][0], name, taken)
        taken.add(name)
        names |= dict.fromkeys(group, name)
    dims: dict[Path, Dims] = {}
    for path in inputs:
        leaf = known.get(path)
        if leaf is not None:
            dims[path] = tuple(
                BATCH if leaf.dims[axis] == BATCH else names.get((path, axis), size)
                for axis, size in enumerate(leaf.sizes)
            )
    return dims


def with_output_symbols(
    whole: Mapping[Path, tuple[int, ...]],
    base: Mapping[Path, tuple[int, ...]],
    observed: Sequence[tuple[Mapping[Axis, int], Mapping[Path, tuple[int, ...]]]],
    batch_axes: Mapping[Path, int],
    count: int,
    samples: int,
    known: Mapping[Path, Leaf],
) -> dict[Path, Dims]:
    """Dims of each output: an input's symbol where the size follows it exactly, ``<symbol>_out`` where it follows in some way.

    Args:
        whole: sizes for the measured batch, what is printed for what does not vary.
        base: sizes for the small batch of the trials.
        observed: for each trial that worked, the sizes changed and the outputs' sizes then.
        batch_axes: where the outputs count the samples.
        count: samples of the small batch.
        samples: of the measured one.
        known: the inputs, with their symbols.
    """
    named: dict[Path, Dims] = {}
    for path, sizes in whole.items():
        dims: list[int | str] = list(sizes)
        if path in batch_axes:
            dims[batch_axes[path]] = BATCH
        elif sizes and count != samples and base[path][0] * samples == sizes[0] * count and base[path][0] != sizes[0]:
            dims[0] = "rows"  # samples times something: [batch * length, classes]
        for changed, seen in observed:
            (where, axis), size = next(iter(changed.items()))
            leaf = known.get(where)
            symbol = leaf.dims[axis] if leaf is not None else None
            if not isinstance(symbol, str) or leaf is None:
                continue
            for each, (old, new) in enumerate(zip(base[path], seen[path], strict=True)):
                if old == new or isinstance(dims[each], str):
                    continue
                dims[each] = symbol if (old, new) == (leaf.sizes[axis], size) else f"{symbol}_out"
        named[path] = tuple(dims)
    return named


def _given(known: Mapping[Path, Leaf], group: Sequence[Axis]) -> str | None:
    """The name that the user's description gives one of the axes."""
    for path, axis in group:
        said = known[path].dims[axis]
        if isinstance(said, str):
            return said
    return None


def _usual_name(leaf: Leaf, axis: int, varying: set[int]) -> str:
    """What the dimension is usually called: ``[batch, channels, height, width]``, ``[batch, length, features]``."""
    integral = leaf.dtype.startswith(("int", "uint"))
    batch = leaf.dims.index(BATCH) if BATCH in leaf.dims else None
    rest = [each for each in range(len(leaf.sizes)) if each != batch]
    position, count = rest.index(axis), len(rest)
    if count == 1:
        return "length" if integral or batch == 1 else "features"
    if count == 2:
        if leaf.dtype == "bool" or integral:
            return (
                ("rows", "columns")[position]
                if leaf.sizes[rest[0]] == leaf.sizes[rest[1]]
                else ("items", "length")[position]
            )
        channels_first = rest[1] in varying and rest[0] not in varying
        return ("channels", "length")[position] if channels_first else ("length", "features")[position]
    if count == 3:
        last = leaf.sizes[rest[2]] in (1, 3, 4) and leaf.sizes[rest[0]] > 4
        return (("height", "width", "channels") if last else ("channels", "height", "width"))[position]
    if count == 4:
        return ("channels", "depth", "height", "width")[position]
    return f"size_{axis}"


def _prefixed(path: Path, name: str, taken: set[str]) -> str:
    key = next((str(part) for part in reversed(path) if isinstance(part, str) and part.isidentifier()), None)
    candidate = f"{key}_{name}" if key else name if name not in taken else f"{name}_2"
    number = 2
    while candidate in taken:
        candidate = f"{key + '_' if key else ''}{name}_{number}"
        number += 1
    return candidate
