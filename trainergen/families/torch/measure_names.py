"""Names for the dimensions that may vary: the user's, else by rank and position, unique over the batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ...inspection.batch_spec import BATCH, Leaf, Path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    for group, said, usual in zip(groups, given, plain, strict=True):
        clash = not said and (counts[usual] > 1 or usual in taken)
        name = _prefixed(group[0][0], usual, taken) if clash else usual
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


@dataclass
class Observed:
    """Sizes of the outputs before and during the trials.

    Attributes:
        whole: for the measured batch; printed where nothing varies.
        base: for the small batch of the trials.
        trials: for each trial that worked, the sizes changed and the outputs' sizes then.
        batch_axes: where the outputs count the samples.
        count: samples of the small batch.
        samples: samples of the measured one.
    """

    whole: Mapping[Path, tuple[int, ...]]
    base: Mapping[Path, tuple[int, ...]]
    trials: Sequence[tuple[Mapping[Axis, int], Mapping[Path, tuple[int, ...]]]]
    batch_axes: Mapping[Path, int]
    count: int
    samples: int


def name_outputs(observed: Observed, known: Mapping[Path, Leaf]) -> dict[Path, Dims]:
    """Dims of each output: an input's symbol where a size equals it, ``<symbol>_out`` where it follows otherwise.

    Args:
        observed: what the trials showed.
        known: the inputs, with their symbols.
    """
    return {path: _output_dims(observed, path, known) for path in observed.whole}


def _output_dims(observed: Observed, path: Path, known: Mapping[Path, Leaf]) -> Dims:
    sizes, base = observed.whole[path], observed.base[path]
    dims: list[int | str] = list(sizes)
    if path in observed.batch_axes:
        dims[observed.batch_axes[path]] = BATCH
    elif sizes and base[0] != sizes[0] and base[0] * observed.samples == sizes[0] * observed.count:
        dims[0] = "rows"  # samples times something: [batch * length, classes]
    for changed, seen in observed.trials:
        (where, axis), size = next(iter(changed.items()))
        symbol = known[where].dims[axis]
        if not isinstance(symbol, str):
            continue
        for each, (old, new) in enumerate(zip(base, seen[path], strict=True)):
            if old != new and not isinstance(dims[each], str):
                dims[each] = symbol if (old, new) == (known[where].sizes[axis], size) else f"{symbol}_out"
    return tuple(dims)


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
