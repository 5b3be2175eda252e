"""Splits of a data set that do not leak: plain, by group, stratified, by time; once, or in folds.

Every function takes a sized data set (N samples) and gives `torch.utils.data.Subset`s of it, whose ``indices`` can be
looked at. The same seed gives the same split on every machine; no random generator of the process is touched. Groups,
labels and times are given one a sample: a sequence, a tensor or an array of shape (N,).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import torch
from torch.utils.data import Subset

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

SIDES = (0.8, 0.1, 0.1)
"""Training, validation, test."""


class SizedDataset(Protocol[T_co]):
    """What can be split: a map-style data set, a list, ..."""

    def __len__(self) -> int:
        """N, the number of samples."""

    def __getitem__(self, index: int, /) -> T_co:
        """Sample `index`, 0 to N - 1."""


def split(dataset: SizedDataset[T], fractions: Sequence[float] = SIDES, *, seed: int = 0) -> list[Subset[T]]:
    """Split at random; each side is within one sample of its fraction.

    Args:
        dataset: N samples that are independent of each other; else see `split_by_group` and `split_by_time`.
        fractions: of each side, above 0, 1 together.
        seed: which of the possible splits.

    Returns:
        A subset a fraction. Each sample is in exactly one.

    Raises:
        ValueError: fractions that are none, or so few samples that a side would be empty.
    """
    count = _size(dataset)
    sizes = _whole_parts(count, _checked(fractions))
    _refuse_empty(sizes, count, "samples")
    order = _shuffled(range(count), _generator(seed))
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return _subsets(dataset, [sorted(order[end - size : end]) for size, end in zip(sizes, ends, strict=True)])


def split_by_group(
    dataset: SizedDataset[T], groups: Iterable[Hashable], fractions: Sequence[float] = SIDES, *, seed: int = 0
) -> list[Subset[T]]:
    """Split so that a group (a patient, a user, a recording) is on one side alone.

    No side has more than its fraction and one group less a sample; which groups it has is left to `seed`.

    Args:
        dataset: N samples.
        groups: (N,), the group of each sample.
        fractions: as in `split`.
        seed: as in `split`.

    Returns:
        A subset a fraction. Each sample is in exactly one.

    Raises:
        ValueError: fewer groups than sides, a sample without a group (None, NaN), or as in `split`.
    """
    count = _size(dataset)
    shares = _checked(fractions)
    members = _by_value(groups, count, "groups")
    sides = _groups_on_sides(members, [count * share for share in shares], seed)
    return _subsets(dataset, sides)


def split_stratified(
    dataset: SizedDataset[T], labels: Iterable[Hashable], fractions: Sequence[float] = SIDES, *, seed: int = 0
) -> list[Subset[T]]:
    """Split so that each class is on each side with its share, within one sample.

    Args:
        dataset: N samples.
        labels: (N,), the class of each sample.
        fractions: as in `split`.
        seed: as in `split`.

    Returns:
        A subset a fraction. Each sample is in exactly one. A class so rare that its share of a side is below one sample
        may be absent there.

    Raises:
        ValueError: a class with fewer samples than there are sides, a sample without a class, or as in `split`.
    """
    count = _size(dataset)
    shares = _checked(fractions)
    members = _by_value(labels, count, "labels")
    _refuse_rare(members, len(shares), "sides")
    return _subsets(dataset, _classes_on_sides(members, shares, seed))


def split_by_time(
    dataset: SizedDataset[T], times: Iterable[Any], fractions: Sequence[float] = SIDES, *, gap: Any = None
) -> list[Subset[T]]:
    """Split so that each side is later than the one before, with a gap between them.

    Samples of the same time stay together. Where `gap` is given, the last samples before a cut are in no side, so that
    each sample of a side is more than `gap` later than each of the side before: targets that look ahead, or windows that
    overlap, would leak otherwise.

    Args:
        dataset: N samples, in any order.
        times: (N,), numbers, or anything that is ordered and subtracts (``datetime``).
        fractions: of the samples before gaps are taken out; the cuts are the nearest between two different times.
        gap: in the unit of a difference of `times` (``timedelta`` for ``datetime``); None for no gap.

    Returns:
        A subset a fraction, each in the order of time. Each sample is in one at most, without a gap in exactly one.

    Raises:
        ValueError: a side would be empty, a time is missing (None, NaN), `gap` is negative, or as in `split`.
    """
    count = _size(dataset)
    moments = _values(times, count, "times")
    order = sorted(range(count), key=moments.__getitem__)
    cuts = _cuts([moments[index] for index in order], _checked(fractions))
    return _subsets(dataset, _with_gaps(order, moments, cuts, gap))


def folds(
    dataset: SizedDataset[T],
    count: int,
    *,
    groups: Iterable[Hashable] | None = None,
    labels: Iterable[Hashable] | None = None,
    seed: int = 0,
) -> list[tuple[Subset[T], Subset[T]]]:
    """Folds of a cross-validation: each sample is validated on in exactly one.

    Args:
        dataset: N samples.
        count: of folds, 2 or more.
        groups: (N,), to keep groups together, as `split_by_group` does.
        labels: (N,), to have each class in each fold with its share, as `split_stratified` does.
        seed: which of the possible folds.

    Returns:
        `count` pairs of training and validation subset. Without groups validation subsets differ by a sample at most;
        with labels by no more than that in each class.

    Raises:
        ValueError: fewer samples (groups, samples of a class) than folds; both `groups` and `labels`.
    """
    size = _size(dataset)
    _refuse_one_fold(count)
    if groups is not None and labels is not None:
        raise ValueError("folds: groups and labels can't both be kept; give groups, which a leak would depend on")
    shares = [1 / count] * count
    if groups is not None:
        parts = _groups_on_sides(_by_value(groups, size, "groups"), [size * share for share in shares], seed)
    elif labels is not None:
        members = _by_value(labels, size, "labels")
        _refuse_rare(members, count, "folds")
        parts = _classes_on_sides(members, shares, seed)
    else:
        parts = [list(each.indices) for each in split(dataset, shares, seed=seed)]
    return [
        (_subset(dataset, [index for other in parts if other is not part for index in other]), _subset(dataset, part))
        for part in parts
    ]


def folds_by_time(
    dataset: SizedDataset[T], times: Iterable[Any], count: int, *, gap: Any = None
) -> list[tuple[Subset[T], Subset[T]]]:
    """Folds that train on the past and validate on what follows (a window that grows).

    The samples are cut into ``count + 1`` parts of equal size, in the order of time; fold k validates on part k + 1 and
    trains on all before it.

    Args:
        dataset: N samples, in any order.
        times: as in `split_by_time`.
        count: of folds, 2 or more.
        gap: as in `split_by_time`, between training and validation.

    Returns:
        `count` pairs of training and validation subset, each in the order of time.

    Raises:
        ValueError: as `split_by_time`.
    """
    size = _size(dataset)
    _refuse_one_fold(count)
    moments = _values(times, size, "times")
    order = sorted(range(size), key=moments.__getitem__)
    cuts = _cuts([moments[index] for index in order], [1 / (count + 1)] * (count + 1))
    found = []
    for start, end in pairwise(cuts[1:]):
        past, future = _with_gaps(order, moments, [0, start, end], gap)
        found.append((_subset(dataset, past), _subset(dataset, future)))
    return found


def _groups_on_sides(members: dict[Hashable, list[int]], targets: Sequence[float], seed: int) -> list[list[int]]:
    """Each group, in random order, to the side that lacks most; the last ones to sides that have none."""
    _refuse_empty([1 if number < len(members) else 0 for number in range(len(targets))], len(members), "groups")
    sides: list[list[int]] = [[] for _ in targets]
    order = _shuffled(list(members), _generator(seed))
    for number, group in enumerate(order):
        candidates = [side for side, indices in enumerate(sides) if not indices]
        if len(candidates) < len(order) - number:
            candidates = list(range(len(sides)))
        chosen = max(candidates, key=lambda side: targets[side] - len(sides[side]))
        sides[chosen] += members[group]
    return [sorted(side) for side in sides]


def _classes_on_sides(members: dict[Hashable, list[int]], shares: Sequence[float], seed: int) -> list[list[int]]:
    """Of each class the whole part of its share to each side; what is left to the sides that lack most so far."""
    generator = _generator(seed)
    sides: list[list[int]] = [[] for _ in shares]
    lacking = [0.0] * len(shares)
    for indices in members.values():
        exact = [len(indices) * share for share in shares]
        sizes = [_floor(each) for each in exact]
        lacking = [before + each - size for before, each, size in zip(lacking, exact, sizes, strict=True)]
        left_over = [side for side, each in enumerate(exact) if not math.isclose(each, sizes[side], abs_tol=1e-9)]
        left_over.sort(key=lambda side: lacking[side], reverse=True)
        for side in left_over[: len(indices) - sum(sizes)]:
            sizes[side] += 1
            lacking[side] -= 1
        order, start = _shuffled(indices, generator), 0
        for side, size in enumerate(sizes):
            sides[side] += order[start : start + size]
            start += size
    _refuse_empty([len(side) for side in sides], sum(map(len, members.values())), "samples")
    return [sorted(side) for side in sides]


def _cuts(moments: Sequence[Any], shares: Sequence[float]) -> list[int]:
    """Where sides begin in sorted `moments`, and where the last one ends; never inside equal moments."""
    places = [0, *(place for place in range(1, len(moments)) if moments[place - 1] != moments[place]), len(moments)]
    found = [0]
    for number in range(1, len(shares)):
        wanted = len(moments) * sum(shares[:number])
        later = [place for place in places if place > found[-1]]
        room = len(shares) - number  # each later side needs a cut of its own behind this one
        if len(later) <= room:
            raise ValueError(f"{len(places) - 1} different times are too few for {len(shares)} sides: ask for fewer")
        found.append(min(later[: len(later) - room], key=lambda place: abs(place - wanted)))
    return [*found, len(moments)]


def _with_gaps(order: Sequence[int], moments: Sequence[Any], cuts: Sequence[int], gap: Any) -> list[list[int]]:
    sides = [list(order[start:end]) for start, end in pairwise(cuts)]
    if not all(sides):
        raise ValueError("a side would be empty: ask for fewer sides or folds")
    if gap is None:
        return sides
    if gap + gap < gap:  # of any type that adds: there is no zero to compare a timedelta with
        raise ValueError(f"gap must not be negative, got {gap!r}")
    for number, later in enumerate(sides[1:]):
        first = moments[later[0]]
        sides[number] = [index for index in sides[number] if first - moments[index] > gap]
        if not sides[number]:
            raise ValueError(f"gap {gap!r} leaves nothing of side {number + 1}: make it smaller, or the side larger")
    return sides


def _whole_parts(count: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that sum to `count`, each within one of its share: largest remainders."""
    exact = [count * share for share in shares]
    sizes = [_floor(each) for each in exact]
    by_remainder = sorted(range(len(shares)), key=lambda side: sizes[side] - exact[side])
    for side in by_remainder[: count - sum(sizes)]:
        sizes[side] += 1
    return sizes


def _floor(value: float) -> int:
    return math.floor(value + 1e-9)  # 0.1 * 30 is 3, though 3.0000000000000004 and 2.9999999999999996 both come up


def _checked(fractions: Sequence[float]) -> list[float]:
    shares = [float(share) for share in fractions]
    if len(shares) < 2 or not all(0 < share < 1 for share in shares) or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise ValueError(f"fractions must be two or more numbers above 0 that sum to 1, got {tuple(fractions)}")
    return [share / sum(shares) for share in shares]


def _size(dataset: SizedDataset[T]) -> int:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError) as problem:
        advice = "a stream is split where it is read, by a hash of the group"
        raise ValueError(f"{type(dataset).__name__} has no length, so that it can't be split: {advice}") from problem


def _values(values: Iterable[Any], count: int, name: str) -> list[Any]:
    """One value a sample, as Python has it."""
    convert = getattr(values, "tolist", None)
    found = list(values) if convert is None else convert()
    if len(found) != count:
        raise ValueError(f"{name} must be one a sample, {count}, got {len(found)}")
    for index, value in enumerate(found):
        if isinstance(value, list):
            raise ValueError(f"{name} must have the shape ({count},), got a row of {len(value)} for sample {index}")
        if value is None or value != value:  # noqa: PLR0124 - NaN
            raise ValueError(f"{name}: sample {index} has none ({value}); leave it out, or give it one of its own")
    return found


def _by_value(values: Iterable[Hashable], count: int, name: str) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for index, value in enumerate(_values(values, count, name)):
        found.setdefault(value, []).append(index)
    return found


def _refuse_rare(members: dict[Hashable, list[int]], needed: int, what: str) -> None:
    for value, indices in members.items():
        if len(indices) < needed:
            advice = "leave the class out, join it with another, or ask for fewer"
            raise ValueError(f"class {value!r} has {len(indices)} samples, too few for {needed} {what}: {advice}")


def _refuse_empty(sizes: Sequence[int], count: int, what: str) -> None:
    if not all(sizes):
        raise ValueError(f"{count} {what} are too few: side {sizes.index(0) + 1} of {len(sizes)} would be empty")


def _refuse_one_fold(count: int) -> None:
    if count < 2:
        raise ValueError(f"count must be 2 folds or more, got {count}")


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _shuffled(items: Sequence[T], generator: torch.Generator) -> list[T]:
    return [items[place] for place in torch.randperm(len(items), generator=generator).tolist()]


def _subset(dataset: SizedDataset[T], indices: list[int]) -> Subset[T]:
    known: Any = dataset  # Subset is annotated for Dataset alone, and asks for __getitem__ alone
    return Subset(known, indices)


def _subsets(dataset: SizedDataset[T], sides: Sequence[list[int]]) -> list[Subset[T]]:
    return [_subset(dataset, side) for side in sides]
