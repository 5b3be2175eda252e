"""The distribution as somebody installs it: the wheel and ``-e``, with torch and without, in interpreters of their own.

Nothing is downloaded: an environment here is a fresh venv whose packages are links to those of the one that tests run in.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import BATCH, DATA, DIGITS

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = Path(sysconfig.get_path("purelib"))
TRAIN = ("torch", "torchgen", "functorch", "matplotlib", "beautilog")
"""What the extra ``[train]`` brings, as far as it can be imported."""

NEW = ("new", "--model", "model.py:DigitsNet")
LOADER = ("--loader", "data:build_loader")


class Environment:
    """A virtual environment with links to our packages, less some of them."""

    def __init__(self, folder: Path, *, without: tuple[str, ...] = ()) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        [self.packages] = folder.glob("lib/python3*/site-packages")
        for entry in PACKAGES.iterdir():
            top = entry.name.partition("-")[0].partition(".")[0]
            ours = top.lstrip("_").lower() == "trainergen" or entry.suffix == ".pth"
            if not ours and top not in (*without, "__pycache__"):
                (self.packages / entry.name).symlink_to(entry)
        (folder / "bin" / "ruff").symlink_to(Path(sys.prefix) / "bin" / "ruff")

    def install(self, *what: str) -> Environment:
        """Install without network and without dependencies."""
        command = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(self.python),
            "install",
            "-q",
            "--no-index",
            "--no-deps",
        ]
        subprocess.run([*command, "--disable-pip-version-check", *what], check=True, cwd=self.folder)
        return self

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """One of its programs."""
        variables = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        program, *arguments = command
        return subprocess.run(
            [self.folder / "bin" / program, *arguments], cwd=cwd, capture_output=True, text=True, env=variables
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(CHECKOUT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [file] = target.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def whole(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What ``pip install trainergen[train]`` gives."""
    return Environment(tmp_path_factory.mktemp("whole") / "venv").install(str(wheel))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What ``pip install trainergen`` gives: no torch."""
    return Environment(tmp_path_factory.mktemp("bare") / "venv", without=TRAIN).install(str(wheel))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A project that is nowhere near the checkout."""
    return write_tree(tmp_path / "project", {"model.py": DIGITS, "data.py": DATA})


def test_the_wheel_holds_what_it_needs_and_asks_for_no_torch(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        fields = message_from_string(archive.read(metadata).decode())
    for file in ("templates/handover.md.j2", "templates/torch/blocks/loss.py.j2", "schemas/new-1.json", "py.typed"):
        assert f"trainergen/{file}" in names
    assert any(name.startswith("trainergen/registry_patches/default/") for name in names)
    assert any(name.endswith("/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "examples/", "benchmarks/")) for name in names)
    required = fields.get_all("Requires-Dist") or []
    always = {re.split(r"[^\w-]", line)[0] for line in required if "extra ==" not in line}
    assert always == {"black", "click", "jinja2", "libcst", "pyyaml", "ruff"}
    train = {re.split(r"[^\w-]", line)[0] for line in required if re.search(r"extra == ['\"]train['\"]", line)}
    assert train == {"torch", "matplotlib", "beautilog"}


def generate_and_train(environment: Environment, project: Path) -> None:
    before = read_tree(project)
    answer = environment.run("trainergen", *NEW, *LOADER, cwd=project)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "prove   loss" in answer.stdout
    listed = environment.run("python", "train.py", "--list", cwd=project)
    assert "DigitsNetTrainer" in listed.stdout, listed.stderr
    trained = environment.run("python", "train.py", "DigitsNet", "--dry-run", cwd=project)
    assert trained.returncode == 0, trained.stderr
    for cache in [*project.rglob("__pycache__")]:
        for file in cache.iterdir():
            file.unlink()
        cache.rmdir()
    for log in project.glob("logs/*.log"):
        log.unlink()
    undone = environment.run("trainergen", "undo", cwd=project)
    assert undone.returncode == 0, undone.stdout
    assert read_tree(project) == before


def imported_from(environment: Environment, cwd: Path) -> Path:
    found = environment.run("python", "-c", "import trainergen; print(trainergen.__file__)", cwd=cwd)
    return Path(found.stdout.strip())


def test_an_installed_wheel_generates_and_trains_outside_the_checkout(whole: Environment, outside: Path) -> None:
    assert imported_from(whole, outside).is_relative_to(whole.packages)
    generate_and_train(whole, outside)
    as_module = whole.run("python", "-m", "trainergen", "list", "templates", cwd=outside)
    assert "torch/blocks/loss.py.j2" in as_module.stdout


def test_an_editable_install_generates_and_trains(tmp_path: Path, outside: Path) -> None:
    environment = Environment(tmp_path / "venv").install("--no-build-isolation", "-e", str(CHECKOUT))
    assert imported_from(environment, outside).is_relative_to(CHECKOUT)
    generate_and_train(environment, outside)


def test_without_torch_everything_but_new_works(bare: Environment, outside: Path) -> None:
    assert bare.run("python", "-c", "import torch", cwd=outside).returncode != 0
    assert "Commands:" in bare.run("trainergen", "--help", cwd=outside).stdout
    listed = bare.run("trainergen", "list", cwd=outside)
    assert listed.returncode == 0 and "multi-tensor" in listed.stdout, listed.stderr
    before = read_tree(outside)
    answer = bare.run("trainergen", *NEW, *LOADER, cwd=outside)
    assert answer.returncode == 4, answer.stdout + answer.stderr
    assert re.search(rf'{re.escape(str(bare.python))} -m pip install "trainergen\[train\]"', answer.stdout)
    assert read_tree(outside) == before
    made = bare.run("trainergen", "init", cwd=outside)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (outside / "train/base_trainer.py").is_file()
    assert bare.run("trainergen", "undo", cwd=outside).returncode == 0
    assert read_tree(outside) == before


def test_another_interpreter_runs_the_users_code(bare: Environment, whole: Environment, outside: Path) -> None:
    answer = bare.run("trainergen", *NEW, *LOADER, "--python", str(whole.python), cwd=outside)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert bare.run("trainergen", "undo", cwd=outside).returncode == 0
    write_tree(outside, {"pyproject.toml": f'[tool.trainergen]\npython = "{whole.folder}"\n'})
    answer = bare.run("trainergen", *NEW, "--batch", BATCH, "--dry-run", cwd=outside)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_an_interpreter_without_our_runtime_takes_a_vendored_one(
    bare: Environment, tmp_path: Path, outside: Path
) -> None:
    lean = Environment(tmp_path / "lean", without=("beautilog", "matplotlib"))
    assert lean.run("python", "-c", "import trainergen", cwd=outside).returncode != 0
    before = read_tree(outside)
    answer = bare.run("trainergen", *NEW, *LOADER, "--python", str(lean.python), cwd=outside)
    assert answer.returncode == 4, answer.stdout + answer.stderr
    assert f'{lean.python} -m pip install "trainergen[train]"' in answer.stdout
    assert "--vendor" in answer.stdout
    assert read_tree(outside) == before

    vendored = bare.run("trainergen", *NEW, *LOADER, "--python", str(lean.python), "--vendor", cwd=outside)
    assert vendored.returncode == 0, vendored.stdout + vendored.stderr
    trained = lean.run("python", "train.py", "DigitsNet", "--max-steps", "2", cwd=outside)
    assert trained.returncode == 0, trained.stderr
    assert list(outside.rglob("digits_net_*_loss*.pt"))
