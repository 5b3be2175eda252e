"""The hooks as pre-commit runs them, from a repository and in an environment of their own; the workflow's command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.building import write_tree

from .wheels import wheels

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = ("trainergen", "templates", "registry_patches")
LOOSE = (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
NEEDED = ("hatchling", "black", "click", "jinja2", "libcst", "pyyaml", "ruff")

KEPT = """\
import torch
from torch import nn


def train(model: nn.Module, loader, optimizer, criterion) -> float:
    model.train()
    running = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running += loss
    return running / len(loader)
"""

Git = Callable[..., str]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as a repository that somebody would name in their configuration."""
    folder = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LOOSE:
        shutil.copy(CHECKOUT / name, folder / name)
    committed(folder)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """pre-commit's home is new, and pip has nothing but a folder of wheels."""
    home = tmp_path_factory.mktemp("home")
    return {
        **{key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "PIP_FIND_LINKS": str(wheels(home / "wheels", *NEEDED)),
        "PIP_NO_INDEX": "1",
        "XDG_CACHE_HOME": str(home / "cache"),
    }


def committed(folder: Path) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "all")):
        subprocess.run(["git", *words], cwd=folder, check=True)


def hooked(tmp_path: Path, source: Path, hook: str) -> Path:
    """A repository whose configuration asks for one hook of `source`."""
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=source, capture_output=True, text=True, check=True)
    repo = {"repo": source.as_uri(), "rev": said.stdout.strip(), "hooks": [{"id": hook}]}
    files = {"train.py": KEPT, "notes.txt": "running += loss\n"}
    folder = write_tree(tmp_path / "project", {**files, ".pre-commit-config.yaml": yaml.safe_dump({"repos": [repo]})})
    committed(folder)
    return folder


def run(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["pre-commit", "run", "--all-files", "--color", "never"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)


def test_the_check_fails_until_the_file_is_right_in_an_environment_without_torch(
    tmp_path: Path, source: Path, environment: dict[str, str]
) -> None:
    project = hooked(tmp_path, source, "trainergen-check")
    answer = run(project, environment)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "error[TG103]" in answer.stdout and "--> train.py:13:" in answer.stdout
    installed = {path.name for path in Path(environment["PRE_COMMIT_HOME"]).rglob("site-packages/*")}
    assert "trainergen" in installed and "torch" not in installed
    assert (project / "train.py").read_text() == KEPT
    (project / "train.py").write_text(KEPT.replace("+= loss", "+= loss.detach()"))
    answer = run(project, environment)
    assert answer.returncode == 0, answer.stdout


def test_the_fix_corrects_the_file_and_is_content_the_next_time(
    tmp_path: Path, source: Path, environment: dict[str, str]
) -> None:
    project = hooked(tmp_path, source, "trainergen-fix")
    answer = run(project, environment)
    assert answer.returncode == 1 and "files were modified by this hook" in answer.stdout, answer.stdout
    assert "running += loss.detach()" in (project / "train.py").read_text()
    assert run(project, environment).returncode == 0


def test_the_workflow_annotates_the_line(tmp_path: Path) -> None:
    workflow = yaml.safe_load((CHECKOUT / "docs" / "trainergen-check.yml").read_text())
    (job,) = workflow["jobs"].values()
    (command,) = (step["run"] for step in job["steps"] if step.get("run", "").startswith("trainergen "))
    write_tree(tmp_path, {"train.py": KEPT})
    words = [sys.executable, "-m", *command.split()]
    said = subprocess.run(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True)
    assert said.returncode == 1
    assert said.stdout.startswith(b"::error title=trainergen (TG103),file=train.py,line=13,")
