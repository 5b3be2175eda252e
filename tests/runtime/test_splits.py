"""Splits that do not leak: what must hold for any data, fractions and seeds, and what can't be asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from trainergen.runtime.splits import folds, folds_by_time, split, split_by_group, split_by_time, split_stratified

QUICK = settings(max_examples=60, deadline=None)
SEEDS = st.integers(0, 2**40)

PLAIN = [[0, 1, 4, 5, 6], [2, 3, 7, 8]]
GROUPED = [[1, 2, 4, 5, 7, 8], [0, 3, 6]]
STRATIFIED = [[0, 1, 2, 4, 6], [3, 5, 7, 8]]
"""What the seeds gave when this was written."""


@st.composite
def fractions(draw: st.DrawFn) -> list[float]:
    weights = draw(st.lists(st.integers(1, 20), min_size=2, max_size=5))
    return [weight / sum(weights) for weight in weights]


def indices(sides: Sequence[Subset[Any]]) -> list[list[int]]:
    return [list(side.indices) for side in sides]


def once(sides: Sequence[Sequence[int]], count: int) -> bool:
    return sorted(index for side in sides for index in side) == list(range(count))


@QUICK
@given(st.integers(5, 200), fractions(), SEEDS)
def test_plain(count: int, shares: list[float], seed: int) -> None:
    assume(count * min(shares) >= 1)
    sides = indices(split(range(count), shares, seed=seed))
    assert once(sides, count)
    for side, share in zip(sides, shares, strict=True):
        assert abs(len(side) - share * count) < 1 + 1e-6


@QUICK
@given(st.lists(st.integers(0, 15), min_size=5, max_size=120), fractions(), SEEDS)
def test_no_group_is_on_two_sides(groups: list[int], shares: list[float], seed: int) -> None:
    assume(len(set(groups)) >= len(shares))
    sides = indices(split_by_group(groups, groups, shares, seed=seed))
    assert once(sides, len(groups)) and all(sides)
    found = [{groups[index] for index in side} for side in sides]
    assert sum(map(len, found)) == len(set(groups))
    largest = max(Counter(groups).values())
    for side, share in zip(sides, shares, strict=True):
        assert len(side) < share * len(groups) + largest


@QUICK
@given(st.lists(st.integers(5, 40), min_size=2, max_size=6), fractions(), SEEDS)
def test_each_class_has_its_share(counts: list[int], shares: list[float], seed: int) -> None:
    labels = [number for number, count in enumerate(counts) for _ in range(count)]
    labels = [labels[index] for index in torch.randperm(len(labels)).tolist()]
    try:
        sides = indices(split_stratified(labels, labels, shares, seed=seed))
    except ValueError as problem:
        assert "too few" in str(problem) and len(labels) * min(shares) < len(shares)
        return
    assert once(sides, len(labels))
    for side, share in zip(sides, shares, strict=True):
        here = Counter(labels[index] for index in side)
        for label, count in enumerate(counts):
            assert abs(here[label] - share * count) < 1 + 1e-6
        assert abs(len(side) - share * len(labels)) < len(shares)


@QUICK
@given(st.lists(st.integers(0, 60), min_size=8, max_size=120), fractions(), st.integers(0, 3))
def test_each_side_is_later_than_the_one_before(times: list[int], shares: list[float], gap: int) -> None:
    assume(len(set(times)) >= 2 * len(shares))
    whole = indices(split_by_time(times, times, shares))
    assert once(whole, len(times)) and all(whole)
    try:
        sides = indices(split_by_time(times, times, shares, gap=gap))
    except ValueError as problem:
        assert "leaves nothing" in str(problem) and gap > 0
        return
    for before, after, all_before in zip(sides, sides[1:], whole, strict=False):
        first = min(times[index] for index in after)
        assert first - max(times[index] for index in before) > gap
        assert [index for index in all_before if first - times[index] > gap] == before  # no more than that is left out
    assert sides[-1] == whole[-1]


def test_times_are_cut_where_the_fractions_say() -> None:
    sides = indices(split_by_time(range(100), torch.arange(100.0).flip(0), (0.7, 0.2, 0.1)))
    assert [len(side) for side in sides] == [70, 20, 10] and sides[2] == list(range(9, -1, -1))
    day = datetime(2026, 1, 1, tzinfo=UTC)
    days = [day + timedelta(days=number) for number in range(10)]
    early, late = indices(split_by_time(days, days, (0.5, 0.5), gap=timedelta(days=2)))
    assert (early, late) == ([0, 1, 2], [5, 6, 7, 8, 9])


@QUICK
@given(st.integers(4, 90), st.integers(2, 6), SEEDS, st.sampled_from(["plain", "groups", "labels"]))
def test_folds_validate_each_sample_once(count: int, number: int, seed: int, kind: str) -> None:
    values = [index * 7 % 13 % 9 for index in range(count)]
    kinds = Counter(values)
    assume(count >= number if kind == "plain" else len(kinds) >= number)
    assume(kind != "labels" or min(kinds.values()) >= number)
    found = folds(range(count), number, seed=seed, **({} if kind == "plain" else {kind: values}))
    assert len(found) == number and once([list(validation.indices) for _, validation in found], count)
    for training, validation in found:
        assert once([training.indices, validation.indices], count) and validation.indices
        there, here = ({values[index] for index in side.indices} for side in (training, validation))
        if kind == "groups":
            assert not there & here
        if kind == "labels":
            counts = Counter(values[index] for index in validation.indices)
            assert all(abs(counts[value] - kinds[value] / number) < 1 + 1e-6 for value in kinds)
    if kind == "plain":
        sizes = {len(validation) for _, validation in found}
        assert max(sizes) - min(sizes) <= 1


def test_folds_by_time_train_on_the_past() -> None:
    times = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    found = folds_by_time(TensorDataset(times), times, 4, gap=3)
    assert [len(validation) for _, validation in found] == [12] * 4
    for training, validation in found:
        assert times[validation.indices].min() - times[training.indices].max() == 4
    assert [len(training) for training, _ in found] == [9, 21, 33, 45]
    for (before, _), (after, _) in pairwise(found):
        assert set(before.indices) < set(after.indices)


def test_a_seed_gives_one_split_everywhere_and_moves_no_generator() -> None:
    before = torch.get_rng_state()
    assert indices(split(range(9), (0.5, 0.5), seed=3)) == PLAIN
    assert indices(split_by_group(range(9), "abcabcabc", (0.6, 0.4), seed=4)) == GROUPED
    assert indices(split_stratified(range(9), "aabbbaaab", (0.5, 0.5), seed=5)) == STRATIFIED
    assert torch.equal(before, torch.get_rng_state())
    assert indices(split(range(50), seed=1)) != indices(split(range(50), seed=2))


def test_any_sized_data_set() -> None:
    data = TensorDataset(torch.arange(20.0), torch.arange(20) % 2)
    training, validation = split_stratified(data, data.tensors[1], (0.8, 0.2))
    points, labels = next(iter(DataLoader(validation, batch_size=4)))
    assert labels.sum() == 2 and len(training) == 16
    assert set(points.tolist()) == {float(index) for index in validation.indices}
    numpy = pytest.importorskip("numpy")
    again = split_stratified(data, numpy.arange(20) % 2, (0.8, 0.2))
    assert indices(again) == indices([training, validation])


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(3))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: split(range(10), (0.5, 0.6)), "sum to 1"),
        (lambda: split(range(10), (1.0,)), "two or more"),
        (lambda: split(range(10), (0.5, float("nan"))), "two or more"),
        (lambda: split(range(2), (0.4, 0.3, 0.3)), "2 samples are too few: side 3 of 3 would be empty"),
        (lambda: split(Stream(), (0.5, 0.5)), "Stream has no length"),
        (lambda: split_by_group(range(4), "aaab", (0.4, 0.3, 0.3)), "2 groups are too few"),
        (lambda: split_by_group(range(4), "aab", (0.5, 0.5)), "groups must be one a sample, 4, got 3"),
        (lambda: split_by_group(range(3), ["a", None, "b"], (0.5, 0.5)), "sample 1 has none"),
        (lambda: split_by_group(range(2), torch.tensor([1.0, float("nan")]), (0.5, 0.5)), "sample 1 has none"),
        (lambda: split_by_group(range(2), torch.ones(2, 3), (0.5, 0.5)), r"shape \(2,\), got a row of 3"),
        (lambda: split_stratified(range(5), "aaaab", (0.5, 0.5)), "class 'b' has 1 samples, too few for 2 sides"),
        (lambda: split_by_time(range(4), [1, 1, 1, 2], (0.4, 0.3, 0.3)), "2 different times are too few for 3"),
        (lambda: split_by_time(range(4), [1, 2, 3, 4], (0.5, 0.5), gap=-1), "must not be negative"),
        (lambda: split_by_time(range(4), [1, 2, 3, 4], (0.5, 0.5), gap=9), "leaves nothing of side 1"),
        (lambda: folds(range(4), 1), "2 folds or more"),
        (lambda: folds(range(4), 5), "4 samples are too few"),
        (lambda: folds(range(4), 2, groups="aabb", labels="abab"), "can't both be kept"),
        (lambda: folds(range(4), 3, labels="aaab"), "class 'b' has 1 samples, too few for 3 folds"),
        (lambda: folds_by_time(range(3), [1, 2, 3], 3), "too few for 4 sides"),
    ],
)
def test_what_can_not_be_is_said(ask: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ask()
