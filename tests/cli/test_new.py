"""``trainergen new`` from end to end, in an empty folder and beside loose modules: proven, committed, undone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.conftest import Answer
from tests.forking import run_script

Run = Callable[..., Answer]

DIGITS = '''
    """A small image classifier."""

    import torch
    from torch import nn


    class DigitsNet(nn.Module):
        """Classify 8x8 images of digits."""

        def __init__(self, hidden: int = 32) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.body(image)
    '''
DATA = '''
    """Batches of digits."""

    import torch
    from torch.utils.data import DataLoader, TensorDataset


    def build_loader(batch_size: int = 16, split: str = "train") -> DataLoader:
        """Random images that carry their label in a corner, so that there is something to learn."""
        generator = torch.Generator().manual_seed(0 if split == "train" else 1)
        label = torch.randint(0, 10, (64,), generator=generator)
        image = torch.rand(64, 1, 8, 8, generator=generator)
        image[:, 0, 0, 0] = label / 2
        return DataLoader(TensorDataset(image, label), batch_size=batch_size)
    '''
BATCH = "(float32[8,1,8,8], int64[8] < 10)"
NEW = ("new", "--model", "model.py:DigitsNet")


def schema(command: str) -> dict[str, object]:
    text = resources.files("trainergen").joinpath("schemas", f"{command}-1.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


def test_new_proves_commits_and_undo_gives_the_folder_back(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA, "README.md": "# mine\n"})
    before = read_tree(project)

    answer = trainergen(*NEW, "--loader", "data:build_loader")

    assert answer.exit == 0, answer.stdout
    assert "choose  pattern simple" in answer.stdout
    assert "prove   loss" in answer.stdout
    assert "create  train/digits_net_trainer.py" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("Done in ")
    assert (project / "README.md").read_text() == "# mine\n"
    assert "DigitsNetTrainer" in (project / "train/__init__.py").read_text()
    assert "[train_digits_net]" in (project / "config.ini").read_text()

    undone = trainergen("undo")
    assert undone.exit == 0, undone.stdout
    assert read_tree(project) == before


@pytest.mark.slow
def test_what_was_generated_trains_on_a_terminal(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA})
    assert trainergen(*NEW, "--loader", "data:build_loader").exit == 0

    listed = subprocess.run([sys.executable, "train.py", "--list"], capture_output=True, text=True, check=True)
    assert "DigitsNet" in listed.stdout
    trained = subprocess.run(
        [sys.executable, "train.py", "digitsnet", "train_digits_net.num_epochs=2"], capture_output=True, text=True
    )
    assert trained.returncode == 0, trained.stderr
    runs = list(project.rglob("history.jsonl"))
    assert len(runs) == 1
    assert len(runs[0].read_text().splitlines()) == 2
    assert list(project.rglob("digits_net_*_loss*.pt"))


def test_the_same_again_is_identical_and_touches_nothing(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    assert trainergen(*NEW, "--batch", BATCH).exit == 0
    times = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}

    again = trainergen(*NEW, "--batch", BATCH)

    assert again.exit == 0, again.stdout
    assert "identical" in again.stdout
    assert times == {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}


def test_ours_but_different_is_a_conflict(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    assert trainergen(*NEW, "--batch", BATCH).exit == 0
    before = read_tree(project)

    other = trainergen(*NEW, "--batch", BATCH, "--optimizer", "sgd")

    assert other.exit == 3, other.stdout
    assert read_tree(project) == before


def test_dry_run_prints_diffs_and_writes_nothing(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    before = read_tree(project)
    answer = trainergen(*NEW, "--batch", BATCH, "--dry-run")
    assert answer.exit == 0, answer.stdout
    assert "+++ b/train/digits_net_trainer.py" in answer.stdout
    assert "prove   loss" in answer.stdout
    assert read_tree(project) == before


def test_json_follows_its_schema_and_is_the_same_twice(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    first = trainergen(*NEW, "--batch", BATCH, "--dry-run", "--json")
    jsonschema.validate(first.data, schema("new"))
    assert first.data["ok"] is True
    assert first.data["result"]["trainer"] == "DigitsNetTrainer"

    failed = trainergen("new", "--model", "model.py:Digits", "--batch", BATCH, "--json")
    jsonschema.validate(failed.data, schema("new"))
    assert (failed.exit, failed.data["exit"], failed.data["ok"]) == (2, 2, False)


def test_two_trainers_live_side_by_side_and_leave_one_by_one(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "other.py": DIGITS.replace("DigitsNet", "OtherNet")})
    before = read_tree(project)
    assert trainergen(*NEW, "--batch", BATCH).exit == 0
    alone = read_tree(project)
    second = trainergen("new", "--model", "other.py:OtherNet", "--batch", BATCH)
    assert second.exit == 0, second.stdout
    assert "read    train/base_trainer.py" in second.stdout

    assert trainergen("undo", "OtherNet").exit == 0
    assert read_tree(project) == alone
    assert trainergen("undo", "DigitsNet").exit == 0
    assert read_tree(project) == before


def test_without_a_loader_the_trainer_says_how_to_write_one(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    answer = trainergen(*NEW, "--batch", BATCH)
    assert "no loader was given" in answer.stdout
    ran = run_script(project, "train.py", "DigitsNet")
    assert ran.returncode != 0
    assert "build_dataloaders" in ran.stderr
    assert not list(project.rglob("history.jsonl"))


def test_a_forward_that_takes_the_whole_batch_is_compared_with_what_it_does_not_look_at(
    project: Path, trainergen: Run
) -> None:
    model = DIGITS.replace("image: torch.Tensor)", "batch: dict[str, torch.Tensor])").replace(
        "(image)", '(batch["image"])'
    )
    write_tree(project, {"model.py": model})
    answer = trainergen(*NEW, "--batch", "image: float32[8,1,8,8]; label: int64[8] < 10")
    assert answer.exit == 0, answer.stdout
    assert "forward takes a dict whole" in answer.stdout
    assert "functional.cross_entropy(logits, label)" in (project / "train/digits_net_trainer.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--model", "modle.py:DigitsNet"), 2, "model.py"),
        (("--model", "model.py:DigitNet"), 2, "DigitsNet"),
        (("--model", "model.py:Plain"), 2, "nn.Module"),
        (("--model", "model.py"), 2, ":"),
        (("--model", "broken.py:Net"), 5, "broken.py:1"),
        (("--model", "model.py:DigitsNet", "--pattern", "simpel"), 2, "simple"),
        (("--model", "model.py:DigitsNet", "--optimizer", "adamm"), 2, "adam"),
        (("--model", "model.py:DigitsNet", "--loss", "cross_entrop"), 2, "cross_entropy"),
        (("--model", "model.py:DigitsNet", "--model-arg", "hiden=3"), 2, "hidden"),
        (("--model", "model.py:DigitsNet", "--name", "class"), 2, "class"),
        (("--model", "model.py:Needy"), 4, "--model-arg licence="),
    ],
)
def test_bad_input_says_what_and_how_and_loses_nothing(
    project: Path, trainergen: Run, arguments: tuple[str, ...], code: int, says: str
) -> None:
    more = '\n\n    class Plain:\n        pass\n\n\n    class Needy(nn.Module):\n        def __init__(self, licence: int) -> None:\n            super().__init__()\n            if licence * 7919 % 10007 != 8906:\n                raise ValueError("no such licence")\n            self.layer = nn.Linear(4, 2)\n\n        def forward(self, x):\n            return self.layer(x)\n    '
    write_tree(project, {"model.py": DIGITS.rstrip() + more, "broken.py": "class Net(:\n"})
    before = read_tree(project)
    answer = trainergen("new", *arguments, "--batch", BATCH)
    assert answer.exit == code, answer.stdout
    assert says in answer.stdout
    assert "Nothing was written" in answer.stdout
    assert read_tree(project) == before
