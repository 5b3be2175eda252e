"""Contract x registry x configuration: generated, proven, the same again, taken back; every pair of parts in some cell."""

from __future__ import annotations

import json
import random
from itertools import combinations, product
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run, schema
from tests.projects import CONFIGS, CONTRACTS, REGISTRIES, possible
from tests.projects import project as project_of

Cell = tuple[str, str, str]

SEED = 20261130
NEW = ("new", "--model", "models.py:DigitsNet", "--json")
QUICK: tuple[Cell, ...] = (
    ("first-shape", "dict", "ini"),
    ("second-shape", "if-elif", "dataclass"),
    ("third-shape", "list", "yaml"),
    ("fourth-shape", "reflection", "json"),
)
"""What is run each time: the three shapes of a customer, and the epoch-level one."""


def cells() -> tuple[Cell, ...]:
    """`QUICK`, and as few more as have each two parts meet somewhere; the same ones for the same parts.

    A Latin square of contracts and registries has each configuration once a row and once a column, where there are no
    more configurations than rows; what the impossible cells leave uncovered is added.
    """
    rng = random.Random(SEED)
    contracts, registries, configs = (rng.sample(sorted(each), len(each)) for each in (CONTRACTS, REGISTRIES, CONFIGS))
    size = max(len(contracts), len(registries), len(configs))
    square = [
        (contract, registry, configs[(row + column) % size % len(configs)])
        for (row, contract), (column, registry) in product(enumerate(contracts), enumerate(registries))
        if possible(contract, registry)
    ]
    chosen = list(QUICK)
    met = {pair for cell in chosen for pair in pairs(cell)}
    rest = [cell for cell in product(contracts, registries, configs) if possible(*cell[:2])]
    for cell in (*square, *rest):
        if not met.issuperset(pairs(cell)):
            chosen.append(cell)
            met.update(pairs(cell))
    return tuple(chosen)


def pairs(cell: Cell) -> set[tuple[tuple[int, str], ...]]:
    """Each two parts that meet in `cell`, with their places in it."""
    return set(combinations(enumerate(cell), 2))


def without_spans(text: str, spans: list[list[int]]) -> bytes:
    """What is left of a file when the recorded pieces are cut out of it."""
    data = text.encode("utf-8")
    for start, end in sorted(spans, reverse=True):
        data = data[:start] + data[end:]
    return data


def test_each_two_parts_meet_in_a_cell() -> None:
    chosen = cells()
    assert len(set(chosen)) == len(chosen) >= 60
    met = {pair for cell in chosen for pair in pairs(cell)}
    for cell in product(CONTRACTS, REGISTRIES, CONFIGS):
        assert not possible(*cell[:2]) or met.issuperset(pairs(cell)), cell


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, id="-".join(cell), marks=() if cell in QUICK else pytest.mark.slow) for cell in cells()],
)
def test_a_cell(project: Path, trainergen: Run, cell: Cell) -> None:
    write_tree(project, dict(project_of(*cell)))
    before = read_tree(project)

    made = trainergen(*NEW)
    assert made.exit == 0, made.stdout
    jsonschema.validate(made.data, schema("new"))
    proof: dict[str, Any] = made.data["result"]["proof"]
    statuses = {probe["probe"]: probe["status"] for probe in proof["probes"]}
    assert "failed" not in statuses.values()
    assert statuses["entry_point"] == "passed" or cell[1] == "none", proof["probes"]

    after = read_tree(project)
    [recorded] = (name for name in after if Path(name).parent == Path(".trainergen") and name.endswith(".json"))
    record = json.loads(_bytes(after[recorded]))
    for path, piece in record["inserted"].items():
        assert _bytes(after[path]) == piece["text"].encode("utf-8")
        assert without_spans(piece["text"], piece["spans"]) == _bytes(before[path]), path
    told = {name for name in after if not name.startswith(".trainergen")} - set(before)
    assert told >= set(record["created"])
    changed = {name for name in before if after[name] != before[name]}
    assert changed == set(record["inserted"])

    again = trainergen(*NEW)
    assert again.exit == 0, again.stdout
    assert {each["verb"] for each in again.data["result"]["files"]} == {"identical"}
    assert read_tree(project) == after

    assert trainergen("undo", "--json").exit == 0
    assert read_tree(project) == before


def _bytes(entry: tuple[int, bytes | str | None]) -> bytes:
    assert isinstance(entry[1], bytes)
    return entry[1]
