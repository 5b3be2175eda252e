"""The test projects are projects: each lists its trainers and trains one by its own entry point."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ..building import write_tree
from ..forking import run_script
from . import CONFIGS, CONTRACTS, REGISTRIES, project

CELLS = (
    [(contract, "dict", "dataclass") for contract in CONTRACTS]
    + [("first-shape", registry, "dataclass") for registry in REGISTRIES if registry != "dict"]
    + [("third-shape", "dict", config) for config in CONFIGS if config != "dataclass"]
    + [("functions", registry, "yaml") for registry in ("decorator", "list", "import-all", "reflection")]
)


@pytest.fixture(scope="module", autouse=True)
def data_are_imported() -> None:
    """What is forked has it: the projects' data come from there, and it takes 2 s to import."""
    importlib.import_module("sklearn.datasets")


@pytest.mark.parametrize(("contract", "registry", "config"), CELLS)
def test_it_trains(contract: str, registry: str, config: str, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "project", dict(project(contract, registry, config)))
    member = CONTRACTS[contract]().member("wine")
    name = f"{member.module}:{member.symbol}" if registry == "none" else "wine"
    listed = run_script(root, "train.py", "--list")
    assert listed.returncode == 0, listed.stderr
    assert sorted(listed.stdout.split()) == ([] if registry == "none" else ["diabetes", "wine"])
    trained = run_script(root, "train.py", name)
    assert trained.returncode == 0, trained.stderr
