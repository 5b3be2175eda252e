"""`new`, `project`, `update` and `check` in projects that have trainers already, as their owners left them on a bad day."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run
from tests.projects import project as project_of

MODEL = ("--model", "models.py:DigitsNet")
NEW = ("new", *MODEL)
TRAINER = "train/digits_trainer.py"
SHAPE = ("first-shape", "dict", "yaml")
Files = dict[str, str | bytes]


def files_of(contract: str, registry: str, config: str) -> Files:
    return dict(project_of(contract, registry, config))


@pytest.fixture
def owned(project: Path) -> Path:
    """A project with two trainers, a registry, settings and a program."""
    return write_tree(project, files_of(*SHAPE))


def renamed(files: Files, folder: str) -> Files:
    """The same project as one package of a monorepo, its modules below `folder`."""
    found: Files = {}
    for path, text in files.items():
        assert isinstance(text, str)
        for name in ("models", "data", "settings", "train"):
            text = text.replace(f"from {name} import", f"from {folder}.{name} import")
            text = text.replace(f"from {name}.", f"from {folder}.{name}.")
        found[f"{folder}/{path}"] = text
    return found


def monorepo() -> Files:
    both = renamed(files_of("first-shape", "dict", "dataclass"), "vision")
    both |= renamed(files_of("with-statistics", "dict", "dataclass"), "tabular")
    return {**both, "vision/__init__.py": "", "tabular/__init__.py": ""}


@pytest.mark.slow
def test_two_base_trainers_are_asked_about_and_an_answer_goes_on(project: Path, trainergen: Run) -> None:
    write_tree(project, monorepo())
    before = read_tree(project)
    command = ("new", "--model", "vision/models.py:DigitsNet")
    asked = trainergen(*command, "--yes")
    assert asked.exit == 4, asked.stdout
    for said in ("vision.train.base_trainer:BaseTrainer", "tabular.train.base_trainer:BaseTrainer", "--base-trainer"):
        assert said in asked.stdout
    assert read_tree(project) == before

    told = trainergen(*command, "--base-trainer", "vision.train.base_trainer:BaseTrainer", "--dry-run")
    assert told.exit == 0, told.stdout
    assert "+++ b/vision/train/digits_trainer.py" in told.stdout

    setting = '[tool.trainergen]\nbase-trainer = "vision.train.base_trainer:BaseTrainer"\n'
    write_tree(project, {"pyproject.toml": setting})
    before = read_tree(project)
    set_so = trainergen(*command)
    assert set_so.exit == 0, set_so.stdout
    assert "class DigitsTrainer(BaseTrainer):" in (project / "vision/train/digits_trainer.py").read_text()
    assert "DigitsTrainer" in (project / "vision/train/__init__.py").read_text()
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


@pytest.mark.slow
def test_the_code_wins_over_its_documentation(owned: Path, trainergen: Run) -> None:
    readme = "# Trainers\n\nEvery trainer inherits from `BaseTrainer` and implements `training_step(batch)`.\n"
    write_tree(owned, {"README.md": readme})
    told = trainergen("project")
    assert told.exit == 0, told.stdout
    assert "README.md:3" in told.stdout
    assert "training_step" in told.stdout
    assert "the code wins" in told.stdout
    found = trainergen("project", "--json").data["result"]["contradictions"]
    assert [each["place"] for each in found] == ["README.md:3"]
    made = trainergen(*NEW)
    assert made.exit == 0, made.stdout
    text = (owned / TRAINER).read_text()
    assert "def compute_loss(" in text
    assert "training_step" not in text


def test_a_package_that_is_missing_is_named_and_nothing_is_written(owned: Path, trainergen: Run) -> None:
    base = owned / "train/base_trainer.py"
    base.write_text(base.read_text().replace("import torch\n", "import torch\nimport apex_of_ours\n", 1))
    before = read_tree(owned)
    answer = trainergen(*NEW)
    assert answer.exit in (1, 4, 5), answer.stdout
    assert "apex_of_ours" in answer.stdout
    assert "Nothing was written" in answer.stdout
    assert read_tree(owned) == before


def test_what_only_the_program_lacks_is_said_and_the_rest_is_proven(owned: Path, trainergen: Run) -> None:
    program = owned / "train.py"
    program.write_text(
        program.read_text().replace("import argparse\n", "import argparse\n\nimport tracker_of_ours\n", 1)
    )
    answer = trainergen(*NEW)
    assert answer.exit == 0, answer.stdout
    assert 'prove   TRAINER_REGISTRY["digits"]' in answer.stdout
    assert "needs tracker_of_ours, which is not installed" in answer.stdout


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no way to be less than root here")
def test_a_project_that_one_may_only_read(owned: Path) -> None:
    less = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    if less and subprocess.run([*less, "true"], check=False).returncode:
        pytest.skip("root, and no way to be less")
    folders = (owned, *(path for path in owned.rglob("*") if path.is_dir()))
    for path in folders:
        path.chmod(0o555)
    before = read_tree(owned)
    try:
        words = [*less, sys.executable, "-m", "trainergen", *NEW]
        answer = subprocess.run(words, cwd=owned, capture_output=True, text=True, check=False)
        assert answer.returncode == 6, answer.stdout + answer.stderr
        assert "nothing was written: permission denied" in answer.stdout
        assert f"--> {owned.resolve()}" in answer.stdout
        assert read_tree(owned) == before
    finally:
        for path in folders:
            path.chmod(0o755)


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_what_is_not_committed_yet_is_kept(owned: Path, trainergen: Run) -> None:
    git(owned, "init", "-q")
    git(owned, "add", ".")
    git(owned, "commit", "-qm", "All")
    registry = owned / "train/__init__.py"
    registry.write_text(
        registry.read_text().replace('"""Trainers."""', '"""Trainers; being reworked."""\n# to do: sort')
    )
    write_tree(owned, {"notes.txt": "not yet\n"})
    before = read_tree(owned)
    made = trainergen(*NEW)
    assert made.exit == 0, made.stdout
    assert "being reworked" in registry.read_text()
    assert "DigitsTrainer" in registry.read_text()
    changed = set(git(owned, "status", "--short", "--untracked-files=all").split()) - {"M", "??"}
    assert {"train/__init__.py", "notes.txt", TRAINER, "config/digits.yaml"} <= changed
    assert trainergen("undo").exit == 0
    assert read_tree(owned) == before


LAYOUT = {
    "pyproject.toml": '[project]\nname = "acme"\nversion = "1"\n\n[tool.setuptools.packages.find]\nwhere = ["src"]\n',
    "src/acme/__init__.py": "",
}


def in_src() -> Files:
    """The second shape below ``src/acme``, with relative imports from the package."""
    found: Files = dict(LAYOUT)
    for path, text in files_of("second-shape", "dict", "dataclass").items():
        assert isinstance(text, str)
        inside = "/" in path
        for name in ("models", "data", "settings", "train"):
            text = text.replace(f"from {name} import", f"from {'..' if inside else '.'}{name} import")
        text = text.replace("from ..train import", "from . import")
        found[f"src/acme/{path.replace('train.py', 'main.py') if path == 'train.py' else path}"] = text
    return found


@pytest.mark.slow
def test_a_src_layout_with_relative_imports(project: Path, trainergen: Run) -> None:
    write_tree(project, in_src())
    before = read_tree(project)
    made = trainergen("new", "--model", "src/acme/models.py:DigitsNet")
    assert made.exit == 0, made.stdout
    text = (project / "src/acme/train/digits_trainer.py").read_text()
    assert "from ..models import DigitsNet" in text
    assert "from .base_trainer import BaseTrainer" in text
    assert "src" not in text
    assert "python -m acme.main" in made.stdout
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


MARK = b"\xef\xbb\xbf"


def as_windows(text: str | bytes) -> bytes:
    assert isinstance(text, str)
    return text.encode("utf-8").replace(b"\n", b"\r\n")


@pytest.mark.slow
def test_carriage_returns_and_byte_order_marks_stay(project: Path, trainergen: Run) -> None:
    files = files_of("third-shape", "dict", "ini")
    registry, settings = "train/__init__.py", "config.ini"
    files |= {registry: MARK + as_windows(files[registry]), settings: as_windows(files[settings])}
    write_tree(project, files)
    before = read_tree(project)
    made = trainergen(*NEW)
    assert made.exit == 0, made.stdout
    for path in (registry, settings):
        after = (project / path).read_bytes()
        assert after.startswith(MARK) == (path == registry)
        assert b"\n" not in after.replace(b"\r\n", b"")
        assert after.lower().count(b"digits") > 0
    assert trainergen("undo").exit == 0
    assert read_tree(project) == before


@pytest.mark.slow
def test_a_loader_that_fits_is_found_and_one_that_does_not_is_left_alone(owned: Path, trainergen: Run) -> None:
    data = owned / "data.py"
    kept = data.read_text()
    made = trainergen(*NEW, "--dry-run")
    assert "choose  loader data:digits_loader" in made.stdout
    assert "digits_loader(train=True" in made.stdout
    data.write_text(kept[: kept.index("def digits_loader")])
    unfed = trainergen(*NEW, "--batch", "(float32[8,64], int64[8] < 10)", "--yes")
    assert unfed.exit == 4, unfed.stdout
    assert "--loader" in unfed.stdout
    for loader in ("wine_loader", "diabetes_loader"):
        assert f"choose  loader data:{loader}" not in unfed.stdout
    assert not (owned / TRAINER).exists()


@pytest.fixture
def moved_in(owned: Path, trainergen: Run) -> Iterator[Path]:
    """A project with trainers of its own that has a generated one."""
    made = trainergen(*NEW)
    assert made.exit == 0, made.stdout
    yield owned


@pytest.mark.slow
def test_an_update_and_its_drift_after_the_model_changed(moved_in: Path, trainergen: Run) -> None:
    clean = trainergen("check", "--drift")
    assert clean.exit == 0, clean.stdout
    trainer = moved_in / TRAINER
    mine = '\n    def describe(self) -> str:\n        """Say what this is."""\n        return "ours"\n'
    trainer.write_text(trainer.read_text() + mine)
    models = moved_in / "models.py"
    models.write_text(models.read_text().replace("hidden: int = 32", "hidden: int = 48, dropout: float = 0.1"))
    drift = trainergen("check", "--drift")
    assert drift.exit == 1, drift.stdout
    assert TRAINER in drift.stdout
    done = trainergen("update", "DigitsTrainer")
    assert done.exit == 0, done.stdout
    assert mine in trainer.read_text()
    assert "dropout" in trainer.read_text()
    assert "hidden: 48" in (moved_in / "config/digits.yaml").read_text()
    settled = trainergen("check", "--drift", "--json")
    assert {each["path"] for each in settled.data["result"]["drift"]} == {TRAINER}
    assert not any(each["outdated"] for each in settled.data["result"]["drift"])


def test_undo_after_edits_above_and_below_takes_only_its_own(moved_in: Path, trainergen: Run) -> None:
    registry = moved_in / "train/__init__.py"
    original = project_of(*SHAPE)["train/__init__.py"]
    registry.write_text("# above\n" + registry.read_text() + "\n\nBELOW = 1\n")
    back = trainergen("undo")
    assert back.exit == 0, back.stdout
    assert registry.read_text() == "# above\n" + original + "\n\nBELOW = 1\n"
    assert not (moved_in / TRAINER).exists()
    assert not (moved_in / "config/digits.yaml").exists()
