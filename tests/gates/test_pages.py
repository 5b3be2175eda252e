"""The documentation's pages are what the gates' files say, and gates of other distributions are found by their entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.building import write_tree
from trainergen.gates.pages import pages

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_are_up_to_date() -> None:
    made = pages()
    there = {path.relative_to(DOCS).as_posix() for path in (DOCS / "rules").glob("*.md")} | {"rules.md"}
    assert there == set(made), "python -m trainergen.gates.pages docs"
    for path, text in made.items():
        assert (DOCS / path).read_text(encoding="utf-8") == text, f"{path}: python -m trainergen.gates.pages docs"


HOUSE = '''\
"""HOUSE01: no lucky numbers."""

import ast

CODE = "HOUSE01"
NAME = "no lucky numbers"
WHAT = "No seed of 42."
WHY = "Everybody's luck is nobody's."
FAILING = "import torch\\ntorch.manual_seed(42)\\n"
PASSING = "import torch\\ntorch.manual_seed(7)\\n"
FIX = "none"
TORCH = ">=1.0"
SOURCE = "the house"


def check(training):
    for _routine, _step, call in training.calls("torch.manual_seed"):
        if isinstance(call.args[0], ast.Constant) and call.args[0].value == 42:
            yield training.finding(CODE, call, "a lucky number", "take another")
'''


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{folder / 'lib'}{os.pathsep}{Path(__file__).parents[2]}",
        "XDG_CACHE_HOME": str(folder / "c"),
    }
    command = [sys.executable, "-m", "trainergen", "check", "--output-format", "concise", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_a_distribution_brings_gates_through_its_entry_points(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "setup.py": "",
            "train.py": "import torch\ntorch.manual_seed(42)\n",
            "lib/house01_luck.py": HOUSE,
            "lib/house-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: house\nVersion: 1.0\n",
            "lib/house-1.0.dist-info/entry_points.txt": "[trainergen.gates]\nluck = house01_luck\n",
        },
    )
    assert check(tmp_path).returncode == 0, "not looked for unless asked"
    found = check(tmp_path, "--extend-select", "HOUSE")
    assert (found.returncode, found.stdout.splitlines()[0]) == (1, "train.py:2:1: HOUSE01 a lucky number")
    (tmp_path / "lib/house01_luck.py").write_text(HOUSE.replace("WHY = \"Everybody's luck is nobody's.\"\n", ""))
    broken = check(tmp_path, "--extend-select", "HOUSE", "--no-cache")
    assert broken.returncode == 2
    assert "gate house01_luck has no WHY" in broken.stdout


def test_every_code_that_can_be_printed_has_a_page() -> None:
    from trainergen.entry_proof import CODE
    from trainergen.gates.comments import UNUSED
    from trainergen.gates.engine import UNREADABLE, load_gates
    from trainergen.gates.measured import MEASURED
    from trainergen.lab.verdict import CODES, TITLES

    printed = {*CODES.values(), CODE, UNUSED, UNREADABLE}
    assert printed <= {*load_gates(), *MEASURED}
    assert {code: each.name for code, each in MEASURED.items() if code.startswith("TG05")} == {
        code: title for code, title in TITLES.items() if code.startswith("TG05")
    }
    shown = subprocess.run(
        [sys.executable, "-m", "trainergen", "explain", *sorted(printed)], capture_output=True, text=True
    )
    assert shown.returncode == 0
    assert all(code in shown.stdout for code in printed)
