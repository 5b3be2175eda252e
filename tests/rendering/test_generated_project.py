"""What is generated passes the checks it promises, and trains: trainers of every pattern in one project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainergen.gates.engine import check_files
from trainergen.gates.facts import Facts
from trainergen.rendering.scaffold import RUFF_LESS

from ..building import write_tree
from ..forking import run_script
from . import plans

BINARY = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parents[2]
GENERATED = ["config", "train", "dataloader", "tests"]


def run(root: Path, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, env=environment, timeout=300)


def passes(root: Path, *command: object, **variables: str) -> str:
    done = run(root, *command, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_tree(tmp_path_factory.mktemp("project"), plans.USER_FILES)
    plans.generate(root, [make() for make in plans.ALL])
    return root


def test_ruff_with_everything_and_black_find_nothing(project: Path) -> None:
    less = ",".join(RUFF_LESS)
    passes(project, BINARY / "ruff", "check", "--no-cache", "--select", "ALL", "--ignore", less, *GENERATED, "train.py")
    passes(project, BINARY / "ruff", "check", "--no-cache", *GENERATED, "train.py")
    passes(project, BINARY / "black", "--check", "-q", *GENERATED, "train.py")


def test_the_gates_find_nothing(project: Path) -> None:
    files = {
        path.relative_to(project).as_posix(): path.read_text()
        for folder in ("config", "train", "dataloader")
        for path in (project / folder).rglob("*.py")
    }
    assert len(files) > 10
    assert check_files(files, Facts(str(project), files)) == []


@pytest.mark.slow
def test_mypy_strict_finds_nothing(project: Path) -> None:
    shutil.copy(project / "train.py", project / "train_script.py")
    passes(project, BINARY / "mypy", "--strict", "config", "train", "dataloader", "train_script.py", "tests")


def test_every_trainer_takes_real_steps(project: Path) -> None:
    said = passes(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert f"{len(plans.ALL) - 1} passed, 1 skipped" in said  # the ranker has no data


@pytest.mark.slow
def test_a_run_leaves_weights_history_and_custom_metrics(project: Path) -> None:
    passes(project, sys.executable, "train.py", "digitsnet", "train_digits_net.num_epochs=1", "--max-steps", "2")
    folder = next((project / "saved_models" / "runs").iterdir())
    record = json.loads((folder / "history.jsonl").read_text().splitlines()[-1])
    assert {"loss", "accuracy", "f1"} <= set(record["validation"])
    assert list((folder / "checkpoints").glob("digits_net_*_loss*.pt"))
    assert not (project / "beauti-run.log").exists() and (project / "logs" / "train.log").exists()


def test_the_list_is_read_without_importing_a_trainer(project: Path) -> None:
    program = "import sys; from train.cli import main; main(['--list']); print(sorted({'torch', 'beautilog'} & set(sys.modules)))"
    lines = passes(project, sys.executable, "-c", program).splitlines()
    assert lines[-1] == "[]"
    assert len(lines) == len(plans.ALL) + 1 and lines[0].split(maxsplit=1) == [
        "DigitsNetTrainer",
        "Cross-entropy over 10 classes for `DigitsNet`.",
    ]
    (project / "train" / "own_loss_trainer.py").rename(project / "hidden")
    try:
        assert "OwnLossTrainer" in passes(project, sys.executable, "train.py", "--list")
    finally:
        (project / "hidden").rename(project / "train" / "own_loss_trainer.py")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["DigitNet"], "DigitsNet"),
        (["DigitsNet", "train_digits_net.model_hiden=3"], "model_hidden"),
        (["DigitsNet", "--max-steps", "0"], "above 0"),
        ([], "NAME"),
    ],
)
def test_the_command_line_says_what_is_wrong(project: Path, arguments: list[str], said: str) -> None:
    done = run_script(project, "train.py", *arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_settings_may_stand_before_and_after_options(project: Path) -> None:
    for words in (("--dry-run", "train_digits_net.num_epochs=1"), ("train_digits_net.num_epochs=1", "--dry-run")):
        done = run_script(project, "train.py", "DigitsNet", *words)
        assert done.returncode == 0, done.stderr
    done = run_script(project, "train.py", "DigitsNet", "--dry-run", "train_digits_net.num_epochs=x")
    assert (done.returncode, done.stderr) == (
        2, "python train.py: error: command line: [train_digits_net] num_epochs: expected an int, got 'x'\n"
    )  # fmt: skip


BAD_BATCHES = """
import json, sys
import torch
from train import get_trainer
from data import RiskBatch

def said(name, batch):
    kind = get_trainer(name)
    trainer = kind.from_config(kind.config_class(device="cpu"), dataloader=[batch])
    try:
        trainer.compute_loss(batch)
    except Exception as problem:
        return [type(problem).__name__, str(problem)]
    return ["", ""]

image, label = torch.rand(8, 1, 8, 8), torch.arange(8)
found = {
    "good": said("DigitsNet", (image, label)),
    "none": said("DigitsNet", None),
    "parts": said("DigitsNet", (image,)),
    "type": said("DigitsNet", ([1.0], label)),
    "rank": said("DigitsNet", (image[0], label)),
    "size": said("DigitsNet", (torch.rand(8, 1, 9, 8), label)),
    "dtype": said("DigitsNet", (image, label.float())),
    "empty": said("DigitsNet", (image[:0], label[:0])),
    "count": said("DigitsNet", (image, label[:7])),
    "range": said("DigitsNet", (image, label + 5)),
    "key": said("Tagger", {"image": torch.zeros(8, 2, 2, 3).byte(), "names": ["a"] * 8}),
    "nested": said("Tagger", {"image": torch.zeros(8, 2, 2, 3).byte(), "names": ["a"] * 8, "labels": {"tag": 1}}),
    "names": said("Tagger", {"image": torch.zeros(8, 2, 2, 3).byte(), "names": ["a"], "labels": {"tags": torch.eye(8)[:, :3]}}),
    "class": said("Risk", {"age": 1}),
    "floating": said("Diabetes", (torch.rand(8, 3).double(), torch.arange(8))),
}
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_wrong_batch_is_refused_with_key_shape_and_dtype(project: Path) -> None:
    found = json.loads(passes(project, sys.executable, "-c", BAD_BATCHES).splitlines()[-1])
    assert found.pop("good") == ["", ""]
    expected = {
        "none": ("TypeError", "batch: expected a tuple of 2 parts, got NoneType"),
        "parts": ("ValueError", "batch: expected 2 parts, got 1"),
        "type": ("TypeError", "batch[0]: expected torch.float32 of shape [batch, 1, 8, 8], got list"),
        "rank": ("ValueError", "batch[0]: expected torch.float32 of shape [batch, 1, 8, 8], got torch.float32 of shape [1, 8, 8]"),
        "size": ("ValueError", "got torch.float32 of shape [8, 1, 9, 8]; dimension 2 must be 8"),
        "dtype": ("TypeError", "batch[1]: expected torch.int64 of shape [batch], got torch.float32 of shape [8]"),
        "empty": ("ValueError", "batch[0]: expected torch.float32 of shape [batch, 1, 8, 8], got torch.float32 of shape [0, 1, 8, 8]"),
        "count": ("ValueError", "batch[1]: expected torch.int64 of shape [batch], got torch.int64 of shape [7]; dimension 0 must be 8"),
        "range": ("ValueError", "batch[1]: expected values from 0 to 9, got 5 to 12 in torch.int64 of shape [8]"),
        "key": ("ValueError", "batch lacks labels; it has image, names"),
        "nested": ("ValueError", 'batch["labels"] lacks tags; it has tag'),
        "names": ("ValueError", 'batch["names"]: expected 8 entries, got 1'),
        "class": ("TypeError", "batch: expected RiskBatch, got dict"),
        "floating": ("TypeError", "batch[1]: expected torch.float16 or torch.bfloat16 or torch.float32 or torch.float64"),
    }  # fmt: skip
    assert set(found) == set(expected)
    for case, (kind, text) in expected.items():
        assert found[case][0] == kind and text in found[case][1], (case, found[case])


@pytest.mark.slow
def test_the_same_plans_give_the_same_bytes_under_any_hash_seed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.rendering import plans; root = Path(sys.argv[1]); "
        "(root / 'data.py').write_text(''); (root / 'model.py').write_text(''); "
        "plans.generate(root, [make() for make in plans.ALL])"
    )
    trees = []
    for seed in ("1", "2"):
        root = tmp_path / seed / "project"
        root.mkdir(parents=True)
        passes(CHECKOUT, sys.executable, "-c", program, root, PYTHONHASHSEED=seed)
        trees.append({path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()})
    assert trees[0] == trees[1] and len(trees[0]) > 20


def test_a_package_that_carries_the_runtime_needs_no_trainergen(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "lab", {**plans.USER_FILES, "train.py": "raise SystemExit('mine')\n"})
    plans.generate(root, [plans.digits("training", vendored=True)], package="training", vendored=True)
    assert (root / "train.py").read_text() == "raise SystemExit('mine')\n"
    assert not (root / "beautilog.ini").exists() and not (root / "logs").exists()
    for path in (root / "training").rglob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.lstrip().startswith(("import ", "from "))]
        assert not [line for line in imports if "trainergen" in line or "beautilog" in line], path
    less = ",".join(RUFF_LESS)
    passes(root, BINARY / "ruff", "check", "--no-cache", "--select", "ALL", "--ignore", less, "training", "tests")
    passes(root, BINARY / "black", "--check", "-q", "training", "tests")
    said = passes(root, sys.executable, "-m", "training", "DigitsNet", "--dry-run", PYTHONPATH="")
    assert "Traceback" not in said and not (root / "saved_models").exists()
    assert "1 passed" in passes(root, sys.executable, "-m", "pytest", "-q", "tests", PYTHONPATH="")


@pytest.mark.slow
@pytest.mark.parametrize(("package", "vendored"), [("training", False), ("", True), ("training", True)])
def test_mypy_strict_finds_nothing_in_the_variants(package: str, vendored: bool, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "lab", plans.USER_FILES)
    plans.generate(root, [plans.digits(package, vendored)], package=package, vendored=vendored)
    passes(root, BINARY / "mypy", "--strict", *([package] if package else ["config", "train"]))
