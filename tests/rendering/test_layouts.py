"""What ``trainergen new`` writes, for the examples and for odd projects, as their own tools and a careful reader see it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainergen.rendering.scaffold import RUFF_LESS

from ..building import write_tree
from ..conftest import Answer
from .layouts import LAYOUTS, LOADER, PLAIN, Layout

Run = Callable[..., Answer]
BINARY = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in (CHECKOUT / "examples").glob("*/expect.json"))


QUICK = ("dict", "groups", "own loss", "black, ruff and mypy")
"""The layouts of every run; the others are of the long tail."""


def named(layouts: dict[str, Layout]) -> list[Any]:
    return [
        pytest.param(each, id=name, marks=[pytest.mark.slow] * (name not in QUICK)) for name, each in layouts.items()
    ]


def example(folder: Path) -> Layout:
    arguments = json.loads((folder / "expect.json").read_text())["arguments"]
    return Layout(tuple(arguments), {})


def generate(project: Path, trainergen: Run, layout: Layout) -> tuple[list[str], str]:
    """The new files' paths, and the trainer's."""
    write_tree(project, layout.files)
    answer = trainergen("new", *layout.arguments, "--yes", "--json")
    assert answer.exit == 0, answer.stdout
    found = [each["path"] for each in answer.data["result"]["files"] if each["verb"] == "create"]
    (trainer,) = (path for path in found if path.endswith("_trainer.py") and not path.endswith("base_trainer.py"))
    return [path for path in found if "_runtime/" not in path], trainer


def said(project: Path, *command: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [str(BINARY / str(command[0])), *map(str, command[1:])]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, env=environment, timeout=600, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def assert_clean(project: Path, paths: list[str], layout: Layout) -> None:
    """No finding of the project's own linter and formatter; in the default project, none of (almost) all of ruff."""
    python = [path for path in paths if path.endswith(".py")]
    settings = layout.files.get("pyproject.toml", "")
    assert not said(project, "ruff", "check", "--no-cache", "--output-format", "concise", *python)
    if not settings:
        less = ",".join(RUFF_LESS)
        assert not said(project, "ruff", "check", "--no-cache", "-q", "--select", "ALL", "--ignore", less, *python)
    if "ruff" in settings and "black" not in settings:
        assert not said(project, "ruff", "format", "--no-cache", "-q", "--check", *python)
    else:
        assert not said(project, "black", "--check", "-q", *python)


def assert_reads_well(project: Path, paths: list[str], trainer: str) -> None:
    text = (project / trainer).read_text()
    for path in paths:
        if not path.endswith(".py"):
            continue
        written = (project / path).read_text()
        for node in ast.walk(ast.parse(written)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said_first, _, rest = (ast.get_docstring(node) or "").partition("\n")
                assert not said_first.rstrip(".").endswith((" of", " the", " and", " just", " a")), said_first
                assert not rest.strip().startswith(said_first.rstrip(".")[:-1] or "-"), said_first
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert all(text.count(f"{name}(") > 1 for name in defined), "a check that nobody calls"
    assert ("self._scores = " in text) == ("self._scores.add(" in text)
    assert ("self._values_checked = False" in text) == ("if not self._values_checked:" in text)
    assert (text.count("self._last_batch_metrics") > 0) == ("def _collect_batch_metrics" in text)
    (ini,) = (path for path in paths if path.endswith("config.ini"))
    lines = (project / ini).read_text().splitlines()
    settings = [line for line in lines if "=" in line and not line.startswith(("#", ";"))]
    assert {"num_epochs", "learning_rate", "seed"} <= {line.partition(" =")[0] for line in settings}
    assert not [line for line in settings if "#" in line or ";" in line], "a comment on a setting's line"
    assert all(lines[lines.index(line) - 1].startswith("# ") for line in settings), "a setting without its meaning"


@pytest.mark.parametrize("layout", named(LAYOUTS))
def test_a_layout(project: Path, trainergen: Run, layout: Layout) -> None:
    paths, trainer = generate(project, trainergen, layout)
    assert_clean(project, paths, layout)
    assert_reads_well(project, paths, trainer)
    text = (project / trainer).read_text()
    for words in layout.says:
        assert words in text, f"{words!r} is not in\n{text}"
    for words in layout.never:
        assert words not in text, words
    (ini,) = (path for path in paths if path.endswith("config.ini"))
    for words in layout.config:
        assert words in (project / ini).read_text(), words


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example(project: Path, trainergen: Run, folder: Path) -> None:
    shutil.copytree(folder, project, ignore=shutil.ignore_patterns("README.md", "__pycache__"), dirs_exist_ok=True)
    layout = example(folder)
    paths, trainer = generate(project, trainergen, layout)
    assert_clean(project, paths, layout)
    assert_reads_well(project, paths, trainer)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout", named({name: each for name, each in LAYOUTS.items() if each.typed or "pyproject.toml" not in each.files})
)
def test_mypy_strict_finds_nothing(
    project: Path, trainergen: Run, layout: Layout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Under the settings that are there; the user's own files come without a type."""
    paths, _ = generate(project, trainergen, layout)
    cache = tmp_path_factory.getbasetemp() / "mypy"
    ours = [path for path in paths if path.endswith(".py") and not path.startswith("tests/") and path != "train.py"]
    assert not said(project, "mypy", "--cache-dir", cache, *ours)
    if "train.py" in paths:
        shutil.copy(project / "train.py", project / "script.py")
        assert not said(project, "mypy", "--cache-dir", cache, "script.py")


@pytest.mark.slow
def test_pre_commit_finds_nothing_and_downloads_nothing(project: Path, trainergen: Run) -> None:
    generate(project, trainergen, Layout(LOADER, PLAIN))
    environment = {
        **os.environ,
        "PATH": f"{BINARY}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(project / ".git" / "pre-commit"),
        "https_proxy": "http://127.0.0.1:9",
        "PYTHONPATH": str(CHECKOUT),
    }
    for command in (("git", "init", "-q"), ("git", "add", "-A"), ("pre-commit", "run", "--all-files")):
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 4 and "Skipped" not in done.stdout
    ignored = subprocess.run(
        ["git", "check-ignore", "saved_models/x.pt", "logs/train.log", ".trainergen/journal/1.json"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert len(ignored.stdout.splitlines()) == 3


@pytest.mark.slow
def test_the_smoke_test_trains_and_says_where_data_are_missing(project: Path, trainergen: Run) -> None:
    generate(project, trainergen, Layout(LOADER, PLAIN))
    answer = trainergen("new", "--model", "net.py:Small", "--name", "Bare", "--batch", "(float32[8,10], int64[8] < 2)")
    assert answer.exit == 0, answer.stdout
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 passed, 1 skipped" in ran.stdout, ran.stdout
    assert "BareTrainer has no data yet" in ran.stdout
