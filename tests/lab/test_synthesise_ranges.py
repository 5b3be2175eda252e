"""Ranges of ids that hold at every place, and lists and mappings whose entries only the model itself tells."""

from __future__ import annotations

from typing import Dict, List  # noqa: UP035 - as research code has it

import pytest
import torch
from torch import Tensor, nn

from trainergen.inspection.batch_spec import Leaf, leaves

from .test_synthesise import find

ROWS = (40, 9, 6)


class SharedTable(nn.Module):
    """One table for all columns: each has an offset, and only the last column's limit ends the table."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        super().__init__()
        self.table = nn.Embedding(sum(rows), 4)
        self.register_buffer("starts", torch.tensor([sum(rows[:index]) for index in range(len(rows))]))
        self.out = nn.Linear(4 * len(rows), 1)

    def forward(self, x):
        return self.out(self.table(x + self.starts).flatten(1))


class TableAColumnOfAll(nn.Module):
    """As many tables as columns, but each is looked up for all of them, offsets included."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(sum(rows), 4) for _ in rows])
        self.register_buffer("starts", torch.tensor([sum(rows[:index]) for index in range(len(rows))]))

    def forward(self, x):
        seen = [table(x + self.starts) for table in self.tables]
        return (seen[0][:, 1] * seen[1][:, 0] + seen[1][:, 2] * seen[2][:, 1]).sum(1)


@pytest.mark.parametrize("kind", [SharedTable, TableAColumnOfAll])
def test_a_range_of_ids_holds_in_every_column(kind: type[nn.Module]) -> None:
    model = kind(ROWS)
    found = find(model)
    (leaf,) = (leaf for _, leaf in leaves(found.synthesis.batch.root))
    assert isinstance(leaf, Leaf)
    assert leaf.sizes[1:] == (len(ROWS),)
    assert leaf.high == min(ROWS)
    model(torch.full((2, len(ROWS)), min(ROWS) - 1))


class Views(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.eye = nn.Conv2d(3, 8, 3, stride=2)
        self.out = nn.Linear(8, 4)

    def forward(self, shots: List[Tensor]) -> Tensor:  # noqa: UP006
        assert len(shots) == self.count
        return self.out(torch.stack([self.eye(shot).mean((2, 3)) for shot in shots]).amax(0))


class Branches(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Linear(6, 8) for _ in range(count)])
        self.out = nn.Linear(8, 4)

    def forward(self, parts: list[torch.Tensor]) -> Tensor:
        return self.out(sum(branch(part) for branch, part in zip(self.branches, parts, strict=True)))


@pytest.mark.parametrize("count", [3, 5])
@pytest.mark.parametrize("kind", [Views, Branches])
def test_a_list_has_as_many_tensors_as_the_model_has_places_for(kind: type[nn.Module], count: int) -> None:
    value = find(kind(count)).value
    (tensors,) = value.values() if isinstance(value, dict) else (value,)
    assert isinstance(tensors, list)
    assert len(tensors) == count


class Channels(nn.Module):
    """Keys that stand nowhere in the source: they are an argument."""

    def __init__(self, sizes: dict[str, int], width: int = 8) -> None:
        super().__init__()
        self.tables = nn.ModuleDict({f"{name}_table": nn.Embedding(rows, width) for name, rows in sizes.items()})
        self.out = nn.Linear(width, 3)

    def forward(self, codes: Dict[str, Tensor]) -> Tensor:  # noqa: UP006
        total = 0.0
        for name, ids in codes.items():
            total = total + self.tables[f"{name}_table"](ids)
        return self.out(total)


def test_a_mapping_has_the_keys_that_the_model_keeps_parts_under() -> None:
    found = find(Channels({"pitch": 11, "beat": 5}))
    bounds = {path[-1]: leaf.high for path, leaf in leaves(found.synthesis.batch.root)}
    assert bounds == {"pitch": 11, "beat": 5}


class Cast(nn.Module):
    """Ids, in spite of the first layer that is registered: the argument is called as values are."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(8, 3)
        self.inner = nn.ModuleList([nn.Embedding(30, 8)])

    def forward(self, values):
        return self.out(self.inner[0](values.long()).mean(1))


class Mixed(nn.Module):
    """Numbers, with an id in one column."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = nn.Embedding(7, 8)
        self.rest = nn.Linear(4, 8)

    def forward(self, row):
        return self.kind(row[:, 0].long()) + self.rest(row[:, 1:])


@pytest.mark.parametrize(("kind", "wanted"), [(Cast, "int64"), (Mixed, "float32")])
def test_floats_that_are_cast_to_ids_are_ids_unless_they_are_one_column_of_many(
    kind: type[nn.Module], wanted: str
) -> None:
    (leaf,) = (leaf for _, leaf in leaves(find(kind()).synthesis.batch.root))
    assert leaf.dtype == wanted
