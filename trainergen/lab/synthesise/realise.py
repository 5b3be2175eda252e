"""Makes other guesses of a wish: which input dimension has to change so that an operand gets the size it should have.

Dimensions are solved by what usually relates them: equal, additive (one more token), proportional, the square or cube of
an image's side (also with a class token more), and, after a second failure at one place, by the line through both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .guess import COUNTS, SPATIAL, Aim, Dim, Guess, Slot
from .origins import Operand
from .wishes import Bound, Divide, Grow, Recast, Rerank, Resize, Same, Swap, Unit, Wish

if TYPE_CHECKING:
    from ...inspection.batch_spec import Path

_LARGEST = 1 << 17
_SIDES = (28, 32, 64, 16, 24, 48, 96, 128, 224, 8, 84, 40, 36, 56, 160, 192, 256, 227, 299)
"""Sides of images that models are written for, when nothing can be solved."""


def realise(wish: Wish, guess: Guess, site: str) -> Iterator[Guess]:
    """Guesses that may fulfil the wish, the likely ones first and cheaper.

    Args:
        wish: what should be.
        guess: the call that failed.
        site: where it failed.
    """
    if isinstance(wish, Resize):
        yield from _resize(wish, guess, site)
    elif isinstance(wish, Divide):
        size = wish.operand.shape[wish.operand.axis(wish.axis)]
        for count, wanted in enumerate((-(-size // wish.factor), size // wish.factor, size // wish.factor + 2)):
            if wanted > 0 and wanted * wish.factor != size:
                for each in _resize(Resize(wish.operand, wish.axis, wanted * wish.factor), guess, site):
                    yield replace(each, cost=each.cost + 0.2 * count)
    elif isinstance(wish, Rerank):
        yield from _rerank(wish, guess)
    elif isinstance(wish, Recast):
        for path in _paths(wish.operand, guess):
            yield from recast(guess, path, wish.kind, wish.rows)
    elif isinstance(wish, Bound):
        for path in _paths(wish.operand, guess):
            yield from _bound(guess, path, wish)
    elif isinstance(wish, Same):
        yield from _same(wish, guess, site)
    elif isinstance(wish, Swap):
        yield from _swap(wish, guess)
    elif isinstance(wish, Grow):
        yield from _grow(guess, wish.shrink)
    elif isinstance(wish, Unit):
        touched = _paths(wish.operand, guess) if wish.operand else [path for path, _ in guess.slots()]
        for path in touched:
            slot = guess.find(path)
            if slot is not None and slot.dtype.startswith("float") and slot.dims and (slot.low, slot.high) != (0, 1):
                yield _edit(guess.with_slot(path, replace(slot, low=0, high=1)), 0.2, f"{path[-1]} in [0, 1]")


def _paths(operand: Operand, guess: Guess) -> list[Path]:
    """The inputs that an operand comes from, in argument order."""
    return [path for path, _ in guess.slots() if path in operand.origins]


def _edit(guess: Guess, cost: float, note: str, aim: Aim | None = None) -> Guess:
    return replace(guess, cost=guess.cost + cost, note=note, aim=aim)


def resized(
    guess: Guess, path: Path, axis: int, size: int, cost: float, aim: Aim | None = None, *, alone: bool = False
) -> Iterator[Guess]:
    """The guess with another size at one dimension: by the name it shares with others first, then alone."""
    slot = guess.find(path)
    if slot is None or not 0 < size <= _LARGEST or axis >= len(slot.dims):
        return
    dim = slot.dims[axis]
    note = f"{path[-1]}[{axis}] = {size}"
    if isinstance(dim, int):
        if dim != size:
            yield _edit(guess.with_dim(path, axis, size), cost, note, aim)
        return
    if guess.size(dim) == size:
        return
    if dim == "batch":
        yield _edit(guess.with_dim(path, axis, size), cost + 2.0, note, aim)
        return
    if alone:
        yield _edit(guess.with_dim(path, axis, size), cost, note, aim)
        return
    if dim in SPATIAL and len(slot.dims) == 5:  # channels after time: a video
        yield _edit(guess.with_dim(path, axis, size), cost, note, aim)
        cost += 0.1
    if dim in SPATIAL:
        sides = {name: size for name in SPATIAL if name in dict(guess.sizes)}
        yield _edit(guess.with_sizes(**sides), cost, f"sides of {size}", aim)
    yield _edit(guess.with_sizes(**{dim: size}), cost + 0.3 * (dim in SPATIAL), f"{dim} = {size}", aim)
    shared = sum(dim in other.dims for _, other in guess.slots())
    if shared > 1:
        yield _edit(guess.with_dim(path, axis, size), cost + 0.2, note, aim)


def _resize(wish: Resize, guess: Guess, site: str) -> Iterator[Guess]:
    axis = wish.operand.axis(wish.axis)
    if not wish.operand.shape:
        return
    seen, wanted = wish.operand.shape[axis], wish.wanted
    if seen == wanted or wanted < 1:
        return
    origin = wish.operand.axes[axis]
    if wish.features:
        yield from _as_features(wish, guess, axis)
    if origin is not None and wish.spelled:
        yield from _spelled(guess, origin[0], origin[1], wanted)
    elif origin is not None:
        yield from resized(guess, origin[0], origin[1], wanted, 0.05)
    far = 0.6 if origin is not None else 0.0
    solved = list(_solved(guess, site, seen, wanted))
    yield from solved
    for path in _paths(wish.operand, guess):
        slot = guess.find(path)
        assert slot is not None
        rank = len(slot.dims)
        likely = rank - (len(wish.operand.shape) - axis)  # counted from the back: samples and time may have been merged
        alone = wish.features and rank == 5
        for place in reversed(range(rank)):
            if (path, place) == origin or slot.dims[place] in COUNTS:
                continue
            size = guess.size(slot.dims[place])
            aim = Aim(site, size, seen, wanted, (path, place))
            less = 0.1 * (place != likely)
            if size == seen:
                yield from resized(guess, path, place, wanted, 0.1 + far)
            else:
                yield from resized(guess, path, place, size + wanted - seen, 0.4 + far + less, aim, alone=alone)
            if size * wanted % seen == 0 and size != seen:
                yield from resized(guess, path, place, size * wanted // seen, 0.35 + far + less, aim, alone=alone)
            elif not solved and isinstance(slot.dims[place], int) and size > 1:
                yield from resized(guess, path, place, size // 2, 0.5 + far + less, aim)
        if not solved:
            yield from _sides(guess, slot, path, Aim(site, 0, seen, wanted), far)


def _spelled(guess: Guess, path: Path, axis: int, size: int) -> Iterator[Guess]:
    slot = guess.find(path)
    if slot is None or axis >= len(slot.dims) or slot.dims[axis] in COUNTS:
        return
    dims = (*slot.dims[:axis], size, *slot.dims[axis + 1 :])
    fixed = replace(slot, dims=dims, fixed=tuple({*slot.fixed, axis}))
    yield _edit(guess.with_slot(path, fixed), 0.05, f"{path[-1]}[{axis}] = {size}")


def _as_features(wish: Resize, guess: Guess, axis: int) -> Iterator[Guess]:
    """Channels last (or first), or features behind, where a weight wants its features where sides or time stand."""
    origin = wish.operand.axes[axis]
    if origin is None:
        return
    path, place = origin
    slot = guess.find(path)
    if slot is None or place >= len(slot.dims):
        return
    dims = slot.dims
    if dims[place] == "length" and place == len(dims) - 1 and not slot.integral:
        behind = replace(slot, dims=(*dims, wish.wanted))
        yield _edit(guess.with_slot(path, behind), 0.12, f"{path[-1]} with features behind")
        yield _edit(guess.with_dim(path, place, wish.wanted), 0.04, f"{path[-1]}[{place}] = {wish.wanted}")
    if len(dims) < 3:
        return
    if place == len(dims) - 1 and dims[place] in SPATIAL and len(dims) == len(wish.operand.shape) and not slot.sure:
        flat = replace(slot, dims=(dims[0], wish.wanted))
        yield _edit(guess.with_slot(path, flat), 0.04, f"{path[-1]} as {wish.wanted} features")
    if place == len(dims) - 1 and isinstance(dims[place], str) and isinstance(dims[1], int) and dims[0] in COUNTS:
        moved: tuple[Dim, ...] = (dims[0], *dims[2:], wish.wanted)
        yield _edit(guess.with_slot(path, replace(slot, dims=moved)), 0.05, f"{path[-1]} with channels last")
    elif place == 1 and isinstance(dims[-1], int) and isinstance(dims[1], str):
        moved = (dims[0], wish.wanted, *dims[1:-1])
        yield _edit(guess.with_slot(path, replace(slot, dims=moved)), 0.05, f"{path[-1]} with channels first")


def _solved(guess: Guess, site: str, seen: int, wanted: int) -> Iterator[Guess]:
    """By the line through this failure and the one before at the same place: sizes, their squares or cubes."""
    aim = guess.aim
    if aim is None or aim.site != site or aim.wanted != wanted or not aim.size:
        return
    sides = [name for name in SPATIAL if any(name in slot.dims for _, slot in guess.slots())]
    slot = guess.find(aim.where[0]) if aim.where else None
    if aim.where is not None and (slot is None or aim.where[1] >= len(slot.dims)):
        return
    now = guess.size(slot.dims[aim.where[1]]) if slot and aim.where else guess.size(sides[0]) if sides else 0
    if not now or now == aim.size:
        return
    for power in (1,) if aim.where else (max(len(sides), 1), 1):
        before, after, goal = (value ** (1 / power) for value in (aim.seen, seen, wanted))
        if abs(after - before) < 1e-9:
            continue
        exact = now + (goal - after) * (now - aim.size) / (after - before)
        for count, size in enumerate(dict.fromkeys((round(exact), math.ceil(exact), math.floor(exact)))):
            cost, new = 0.05 + 0.1 * count, replace(aim, size=now, seen=seen)
            if aim.where is not None:
                yield from resized(guess, *aim.where, size, cost, new)
            elif 0 < size <= 2048 and size != now:
                yield _edit(guess.with_sizes(**dict.fromkeys(sides, size)), cost, f"sides of {size}", new)


def _sides(guess: Guess, slot: Slot, path: Path, aim: Aim, far: float) -> Iterator[Guess]:
    """Sides of an image from the number of its patches, or of the features it was flattened to."""
    sides = [dim for dim in slot.dims if dim in SPATIAL]
    if not sides:
        return
    side = guess.size(sides[0])
    power = len(sides)
    found: dict[int, float] = {}
    for more in (0, 1, 2):
        if aim.seen > more and aim.wanted > more:
            exact = side * ((aim.wanted - more) / (aim.seen - more)) ** (1 / power)
            near = round(exact)
            found.setdefault(near, 0.1 + 0.1 * more if abs(exact - near) < 1e-6 else 0.3 + 0.2 * more)
    for count, each in enumerate(_SIDES):
        found.setdefault(each, 0.9 + 0.1 * count)
    for size, cost in found.items():
        if size != side and 0 < size <= 2048:
            changed = guess.with_sizes(**{str(dim): size for dim in sides})
            yield _edit(changed, cost + far, f"{path[-1]} with sides of {size}", replace(aim, size=side))


def dims_for(rank: int, slot: Slot, *, channels_first: bool = False, channels: int | None = None) -> tuple[Dim, ...]:
    """Usual dimensions of a rank: ``[batch, channels, height, width]``, ``[batch, length, features]``, ids per sample."""
    count: Dim = slot.dims[0] if slot.dims and slot.dims[0] in COUNTS else "batch"
    numbers = [dim for dim in slot.dims if isinstance(dim, int)]
    width: Dim = channels or (numbers[-1] if numbers else 16)
    if slot.integral or slot.dtype in ("bool", "str"):
        return ((), (count,), (count, "length"), (count, 4, "length"), (count, width, "height", "width"))[min(rank, 4)]
    if rank == 3 and channels_first:
        return (count, width, "length")
    usual: tuple[tuple[Dim, ...], ...] = (
        (),
        (count,),
        (count, width),
        (count, "length", width),
        (count, width, "height", "width"),
        (count, width, "depth", "height", "width"),
        (count, 4, width, "depth", "height", "width"),
    )
    return usual[min(rank, 6)]


def _rerank(wish: Rerank, guess: Guess) -> Iterator[Guess]:
    have = len(wish.operand.shape)
    paths = _paths(wish.operand, guess)
    for count, rank in enumerate(wish.ranks):
        if rank == have:
            continue
        changed = guess
        for path in paths:
            slot = guess.find(path)
            assert slot is not None
            new = len(slot.dims) + rank - have
            if not 0 <= new <= 6 or (new == 0 and len(slot.dims) > 1):
                continue
            exact = wish.channels_first and new == rank
            dims = dims_for(new, slot, channels_first=exact, channels=wish.channels if exact else None)
            one = guess.with_slot(path, replace(slot, dims=dims))
            changed = changed.with_slot(path, replace(slot, dims=dims))
            cost = 0.1 + 0.2 * count + 0.3 * slot.sure
            if new == 4 and not slot.integral and not exact:
                series = (dims[0], 4, "length", dims[1])
                other = guess.with_slot(path, replace(slot, dims=series))
                yield _edit(other, cost + 0.4, f"{path[-1]} of {new} dimensions, features last")
            yield _edit(one, cost, f"{path[-1]} of {new} dimensions")
        if len(paths) > 1:
            yield _edit(changed, 0.3 + 0.2 * count, f"{len(paths)} inputs of other ranks")


def recast(guess: Guess, path: Path, kind: str, rows: int | None = None) -> Iterator[Guess]:
    """The guess with an input of another kind."""
    slot = guess.find(path)
    if slot is None:
        return
    extra = 0.5 if slot.sure else 0.0
    bare = replace(slot, low=None, high=None, form="free")
    if kind == "float" and rows and slot.integral and slot.dims[-1:] == ("length",):
        for cost, dims in ((0.1, (*slot.dims[:-1], rows)), (0.15, (*slot.dims, rows))):
            wide = replace(bare, dtype="float32", dims=dims)
            yield _edit(guess.with_slot(path, wide), cost + extra, f"{path[-1]} as features")
        extra += 0.2
    if kind == "float" and not slot.dtype.startswith("float"):
        yield _edit(guess.with_slot(path, replace(bare, dtype="float32")), 0.1 + extra, f"{path[-1]} as floats")
    elif kind == "bool" and slot.dtype != "bool":
        yield _edit(guess.with_slot(path, replace(bare, dtype="bool")), 0.1 + extra, f"{path[-1]} as bool")
    elif kind == "complex" and not slot.dtype.startswith("complex"):
        yield _edit(guess.with_slot(path, replace(bare, dtype="complex64")), 0.1 + extra, f"{path[-1]} as complex")
    elif kind == "number" and slot.dtype != "int":
        yield _edit(guess.with_slot(path, Slot("int", (), 1, why=slot.why)), 0.4 + extra, f"{path[-1]} as a number")
    elif kind == "strings" and slot.dtype != "str":
        yield _edit(guess.with_slot(path, Slot("str", ("batch",), why=slot.why)), 0.4 + extra, f"{path[-1]} as text")
    elif kind in ("ids", "int") and not slot.integral:
        ids = replace(bare, dtype="int64", low=0, high=rows or 2)
        if len(slot.dims) >= 3 and isinstance(slot.dims[-1], int):
            shorter = replace(ids, dims=slot.dims[:-1])
            yield _edit(guess.with_slot(path, shorter), 0.1 + extra, f"{path[-1]} as ids")
            yield _edit(guess.with_slot(path, ids), 0.4 + extra, f"{path[-1]} as ids")
        elif len(slot.dims) == 2 and isinstance(slot.dims[-1], int) and rows:
            text = replace(ids, dims=(slot.dims[0], "length"))
            yield _edit(guess.with_slot(path, text), 0.1 + extra, f"{path[-1]} as ids")
            yield _edit(guess.with_slot(path, replace(ids, dims=slot.dims[:1])), 0.5 + extra, f"{path[-1]} as ids")
        else:
            yield _edit(guess.with_slot(path, ids), 0.1 + extra, f"{path[-1]} as ids")


def _bound(guess: Guess, path: Path, wish: Bound) -> Iterator[Guess]:
    slot = guess.find(path)
    if slot is None:
        return
    if slot.dtype.startswith("float"):
        if not slot.given and wish.operand.shape == guess.shape(slot):  # all of it is cast, not a column of many
            yield from recast(guess, path, "ids", wish.below)
        if (slot.low, slot.high) != (0, 1):
            yield _edit(guess.with_slot(path, replace(slot, low=0, high=1)), 0.2, f"{path[-1]} in [0, 1]")
        return
    if not slot.integral:
        return
    now = guess.size(slot.high) if isinstance(slot.high, str) else int(slot.high or 2)
    value = wish.operand.value
    most = int(value.max()) if value.numel() and not value.dtype.is_complex else now
    for cost, high in enumerate(dict.fromkeys((wish.below, now - (most - wish.below + 1), now // 2, 1))):
        if 0 < high < now:
            yield _edit(
                guess.with_slot(path, replace(slot, low=0, high=high)), 0.05 + 0.15 * cost, f"{path[-1]} < {high}"
            )
    if (slot.low or 0) < wish.low:
        yield _edit(guess.with_slot(path, replace(slot, low=wish.low)), 0.2, f"{path[-1]} from {wish.low}")


def _same(wish: Same, guess: Guess, site: str) -> Iterator[Guess]:
    left_axis, right_axis = wish.left.axis(wish.left_axis), wish.right.axis(wish.right_axis)
    left, right = wish.left.axes[left_axis], wish.right.axes[right_axis]
    if left is not None and right is not None and left != right:
        for (path, axis), (other, place) in ((left, right), (right, left)):
            slot, source = guess.find(path), guess.find(other)
            if slot is None or source is None:
                continue
            dim = source.dims[place]
            if slot.dims[axis] not in (dim, "batch") and (dim != "batch" or axis == 0):
                twice = 0.5 * (isinstance(dim, str) and dim in slot.dims and dim != "nodes")
                yield _edit(guess.with_dim(path, axis, dim), 0.1 + twice, f"{path[-1]}[{axis}] as {other[-1]}[{place}]")
    counts = [axis is not None and _is_batch(guess, *axis) for axis in (left, right)]
    odd = 1.0 * (counts[0] != counts[1])  # samples against something else: a rank is wrong, not a size
    sides = ((wish.left, left_axis, wish.right, right_axis), (wish.right, right_axis, wish.left, left_axis))
    fixed = [not each[2].origins for each in sides]
    for (one, one_axis, two, two_axis), certain in zip(sides, fixed, strict=True):
        if one.origins:
            for each in _resize(Resize(one, one_axis, two.shape[two_axis]), guess, site):
                yield replace(each, cost=each.cost + odd + 0.15 * (not certain))


def _is_batch(guess: Guess, path: Path, axis: int) -> bool:
    slot = guess.find(path)
    return slot is not None and axis < len(slot.dims) and slot.dims[axis] == "batch"


def _swap(wish: Swap, guess: Guess) -> Iterator[Guess]:
    """The samples second, in this input and in all that share its samples and the dimension after them."""
    for path in _paths(wish.operand, guess):
        slot = guess.find(path)
        if slot is None or len(slot.dims) < 2 or slot.dims[0] != "batch":
            continue
        pair = slot.dims[:2]
        changed = guess
        for other, each in guess.slots():
            if each.dims[:2] == pair and len(each.dims) == len(slot.dims):
                changed = changed.with_slot(other, replace(each, dims=(pair[1], pair[0], *each.dims[2:])))
        yield _edit(changed, 0.05, f"{path[-1]} with its samples second")
        yield _edit(
            guess.with_slot(path, replace(slot, dims=(pair[1], pair[0], *slot.dims[2:]))),
            0.3,
            f"{path[-1]} alone with its samples second",
        )


def _grow(guess: Guess, shrink: bool) -> Iterator[Guess]:
    used = {dim for _, slot in guess.slots() for dim in slot.dims if isinstance(dim, str)}
    sides = [name for name in SPATIAL if name in used]
    for names in (sides, ["length"] if "length" in used else []):
        for count, factor in enumerate((2, 4, 8)):
            if names:
                side = guess.size(names[0])
                size = side // factor if shrink else side * factor
                if 0 < size <= 1024:
                    changed = guess.with_sizes(**dict.fromkeys(names, size))
                    yield _edit(changed, 0.2 + 0.2 * count, f"{names[0]} = {size}")
