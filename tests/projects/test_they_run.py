"""The test projects are projects: each lists its trainers and trains one by its own entry point."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from pathlib import Path

import pytest
import torch  # noqa: F401 - what is forked has it

from ..building import write_tree
from . import CONFIGS, CONTRACTS, REGISTRIES, project

CELLS = (
    [(contract, "dict", "dataclass") for contract in CONTRACTS]
    + [("first-shape", registry, "dataclass") for registry in REGISTRIES if registry != "dict"]
    + [("third-shape", "dict", config) for config in CONFIGS if config != "dataclass"]
    + [("functions", registry, "yaml") for registry in ("decorator", "list", "import-all", "reflection")]
)


def run(root: str, name: str, printed: str) -> None:
    """``python train.py NAME`` in this process, which is a forked one."""
    os.chdir(root)
    sys.path.insert(0, root)
    sys.dont_write_bytecode = True
    with Path(printed).open("w") as sys.stdout:
        for sys.argv in (["train.py", "--list"], ["train.py", name]):
            runpy.run_path("train.py", run_name="__main__")
        sys.stdout.flush()


@pytest.mark.parametrize(("contract", "registry", "config"), CELLS)
def test_it_trains(contract: str, registry: str, config: str, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "project", dict(project(contract, registry, config)))
    member = CONTRACTS[contract]().member("wine")
    name = f"{member.module}:{member.symbol}" if registry == "none" else "wine"
    printed = tmp_path / "printed"
    child = multiprocessing.get_context("fork").Process(target=run, args=(str(root), name, str(printed)))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    listed = printed.read_text().split()
    assert sorted(listed) == ([] if registry == "none" else ["diabetes", "wine"])
