"""`check --run`: a generated trainer as it stands, trained beside a bare loop; the line that answers for a fault."""

from __future__ import annotations

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


@pytest.fixture
def made(project: Path, trainergen: Run) -> Path:
    """A project with one generated trainer, whose model's loss is a mean over samples."""
    write_tree(project, {"model.py": MODEL})
    answer = trainergen("new", "--model", "model.py:Small", "--batch", "(float32[8,10], int64[8] < 3)", "--yes")
    assert answer.exit == 0, answer.stdout
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
    answer = trainergen("check", "--run", "mine/loop.py")
    assert answer.exit == 4
    assert "trainergen new --model PATH.py:NAME --loader MODULE:FUNCTION" in answer.stdout
    assert "trainergen check --run SmallTrainer" in answer.stdout
    assert trainergen("check", "--run", "--drift").exit == 2
