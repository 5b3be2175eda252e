"""`check --run`: a generated trainer as it stands, trained beside a bare loop; the line that answers for a fault."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run, schema

TRAINER = "train/small_trainer.py"

MODEL = """\
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.hidden = nn.Linear(10, hidden)
        self.out = nn.Linear(hidden, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x)))
"""


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the generated project of `made` is kept, once there is one."""
    return tmp_path_factory.mktemp("made") / "project"


@pytest.fixture
def made(made_once: Path, project: Path, trainergen: Run) -> Path:
    """A project with one generated trainer, whose model's loss is a mean over samples."""
    if not made_once.exists():
        write_tree(project, {"model.py": MODEL})
        answer = trainergen("new", "--model", "model.py:Small", "--batch", "(float32[8,10], int64[8] < 3)", "--yes")
        assert answer.exit == 0, answer.stdout
        shutil.copytree(project, made_once)
    else:
        shutil.copytree(made_once, project, dirs_exist_ok=True)
    return project


def edit(path: Path, old: str, new: str) -> int:
    """The line of the replaced text."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_a_sound_trainer_passes_every_probe_and_nothing_is_written(made: Path, trainergen: Run) -> None:
    before = read_tree(made)
    answer = trainergen("check", "--run", TRAINER, "--json")
    assert answer.exit == 0, answer.stdout
    jsonschema.validate(answer.data, schema("check"))
    (run,) = answer.data["result"]["runs"]
    passed = {each["probe"] for each in run["probes"] if each["status"] == "passed"}
    assert {"loss", "gradients", "parameters_moved", "eval_is_pure", "refusals", "same_seed", "round_trip"} <= passed
    assert {"memory", "accumulation", "config", "weights"} <= passed
    assert answer.data["result"]["findings"] == [] and read_tree(made) == before
    assert trainergen("check", "--run", "small").stdout.startswith("  ok ")


FAULTS = {
    "TG052": ("loss_is_detached", "        return loss\n", "        return loss.detach()\n"),
    "TG103": (
        "graph_is_kept",
        "        return loss\n",
        "        self._kept = getattr(self, '_kept', 0) + loss\n        return loss\n",
    ),
    "TG125": (
        "batches_weigh_the_same",
        "    def compute_loss(",
        "    def _batch_weight(self, batch: object) -> int:\n        return 1\n\n    def compute_loss(",
    ),
}


@pytest.mark.parametrize("code", [pytest.param(code, id=words[0]) for code, words in FAULTS.items()])
def test_a_fault_is_a_finding_at_its_line(made: Path, trainergen: Run, code: str) -> None:
    _, old, new = FAULTS[code]
    edit(made / TRAINER, old, new)
    answer = trainergen("check", "--run", TRAINER, "--json")
    assert answer.exit == 1, answer.stdout
    jsonschema.validate(answer.data, schema("check"))
    findings = answer.data["result"]["findings"]
    assert code in {each["code"] for each in findings}, findings
    first = next(each for each in findings if each["code"] == code)
    assert first["source"] == "run" and first["file"] == TRAINER
    said = trainergen("check", "--run")
    assert f"error[{code}]" in said.stdout and f"--> {TRAINER}:{first['line']}:" in said.stdout
    assert "Nothing was written" not in said.stdout


def test_a_file_that_no_record_knows_says_which_flags_are_missing(made: Path, trainergen: Run) -> None:
    write_tree(made, {"mine/loop.py": "import torch\n"})
    for path in ("mine/loop.py", "mine"):
        answer = trainergen("check", "--run", path)
        assert answer.exit == 4, answer.stdout
        assert "trainergen new --model PATH.py:NAME --loader MODULE:FUNCTION" in answer.stdout
    assert "trainergen check --run SmallTrainer" in answer.stdout
    assert trainergen("check", "--run", "--drift").exit == 2


MINE = """\
import torch
from torch import nn
from torch.nn import functional

from config import BaseTrainerConfig
from train.base_trainer import Trainer


class MineConfig(BaseTrainerConfig):
    @classmethod
    def load(cls):
        return cls(model_save_directory="saved")


class MineTrainer(Trainer):
    config_class = MineConfig

    @classmethod
    def build_model(cls, config):
        return nn.Linear(4, 3)
LOADERS
    def compute_loss(self, batch):
        return functional.cross_entropy(self.model(batch[0]), batch[1])
"""
LOADERS = """
    @classmethod
    def build_dataloaders(cls, config):
        made = torch.Generator().manual_seed(0)
        return [(torch.randn(6, 4, generator=made), torch.randint(0, 3, (6,), generator=made)) for _ in range(4)], None
"""


def test_a_trainer_without_a_record_is_built_as_its_configuration_says(made: Path, trainergen: Run) -> None:
    write_tree(made, {"mine.py": MINE.replace("LOADERS", LOADERS)})
    before = read_tree(made)
    answer = trainergen("check", "--run", "mine.py", "--json")
    assert answer.exit == 0, answer.stdout
    jsonschema.validate(answer.data, schema("check"))
    (run,) = answer.data["result"]["runs"]
    assert run["trainer"] == "MineTrainer"
    passed = {each["probe"] for each in run["probes"] if each["status"] == "passed"}
    assert passed == {each["probe"] for each in run["probes"]} - {"weights"} and "memory" in passed  # saves none
    assert read_tree(made) == before
    edit(made / "mine.py", "return functional", "self.kept = [*getattr(self, 'kept', []), functional")
    edit(made / "mine.py", "batch[1])\n", "batch[1])]\n        return self.kept[-1]\n")
    found = trainergen("check", "--run", "mine.py", "--json").data["result"]["findings"]
    assert [each["code"] for each in found] == ["TG103"] and found[0]["file"] == "mine.py"


def test_a_trainer_that_has_no_data_says_which_flag_brings_them(made: Path, trainergen: Run) -> None:
    write_tree(made, {"mine.py": MINE.replace("LOADERS", "")})
    answer = trainergen("check", "--run", "mine.py")
    assert answer.exit == 4 and "MineTrainer has no data yet" in answer.stdout
    assert "--loader MODULE:FUNCTION" in answer.stdout


DATA = """\
import torch
from torch.utils.data import DataLoader, TensorDataset


def build_loader(batch_size: int = 8, *, split: str = "train", shuffle: bool = True, seed: int = 0):
    generator = torch.Generator().manual_seed(1)
    samples, labels = torch.randn(60, 10, generator=generator), torch.arange(60) % 3
    rows = slice(0, 40) if split == "train" else slice(40, 60)
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(samples[rows], labels[rows]), batch_size, shuffle=shuffle, generator=order)
"""

LOST = {
    "samples of the validation loader are those": ('split="val"', 'split="train"'),
    "batch_size of the configuration does not reach the validation": (
        "batch_size=config.batch_size, shuffle=False, ",
        "",
    ),
    "seed of the configuration does not reach the training": ("            seed=config.seed,\n", ""),
    "shuffle of the configuration does not reach the training": ("shuffle=config.shuffle", "shuffle=True"),
}


def test_what_does_not_reach_the_loaders_is_found_and_no_more(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": MODEL, "data.py": DATA})
    answer = trainergen("new", "--model", "model.py:Small", "--loader", "data:build_loader", "--yes")
    assert answer.exit == 0, answer.stdout
    assert trainergen("check", "--run", TRAINER).exit == 0
    sound = (project / TRAINER).read_text()
    for said, (old, new) in LOST.items():
        line = edit(project / TRAINER, old, new)
        found = trainergen("check", "--run", TRAINER, "--json").data["result"]["findings"]
        assert [each["code"] for each in found] == ["TG051"], (said, found)
        assert said in found[0]["message"] and found[0]["line"] > line - 20
        (project / TRAINER).write_text(sound)
    refusing = DATA.replace("    order =", "    assert batch_size == 32 and seed == 0\n    order =")
    write_tree(project, {"data.py": refusing})  # other values can't be asked for: nothing is said
    assert trainergen("check", "--run", TRAINER).exit == 0
