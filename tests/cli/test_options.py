"""Every option of ``new`` that changes what is generated, each with its effect in the files, the record and the JSON."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.building import write_tree
from tests.cli.test_new import BATCH, DATA, DIGITS, NEW, Run, schema
from tests.cli.test_surface import LOADER
from tests.forking import run_script

CODER = '''
    """An auto-encoder."""

    import torch
    from torch import nn


    class Coder(nn.Module):
        """Squeeze rows of 64 through a narrow code."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.encode = nn.Linear(64, width)
            self.decode = nn.Linear(width, 64)

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            code = self.encode(image).relu()
            return {"reconstruction": self.decode(code), "sparsity": code.abs().mean()}


    def make_coder(width: int = 6) -> nn.Module:
        """A coder of that width."""
        return Coder(width)
    '''
PARTS = '''
    """A team's own parts."""

    import torch
    from torch import nn
    from torch.nn import functional

    from data import build_loader
    from model import DigitsNet


    def smooth(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cross-entropy with label smoothing."""
        return functional.cross_entropy(logits, target, label_smoothing=0.1)


    def make(hidden: int = 12) -> nn.Module:
        """A narrow net."""
        return DigitsNet(hidden)


    def confidence(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean probability of the right class."""
        return logits.softmax(1).gather(1, target[:, None]).mean()


    def held_out(batch_size: int = 16):
        """Batches to validate on."""
        return build_loader(batch_size, "val")
    '''


@pytest.mark.slow
def test_listed_words_and_literals_reach_config_and_code(project: Path, trainergen: Run) -> None:
    write_tree(project, {"nets/__init__.py": "", "nets/coder.py": CODER})
    asked = (
        *("--model", "nets.coder:Coder", "--batch", "image: float32[8,64]", "--model-arg", "width=8"),
        *("--optimizer", "sgd", "--optimizer-arg", "momentum=0.8", "--scheduler", "cosine", "--metric", "mae"),
        *("--auxiliary", "sparsity=0.01", "--name", "tiny_coder"),
    )
    answer = trainergen("new", *asked)
    assert answer.exit == 0, answer.stdout
    for choice in ("SGD lr=", "scheduler cosine", "metrics mae", "auxiliary sparsity, weight 0.01", "name tiny_coder"):
        assert f"choose  {choice}" in answer.stdout
    ini = (project / "config.ini").read_text()
    for line in ("[train_tiny_coder]", "momentum = 0.8", "sparsity_weight = 0.01", "model_width = 8"):
        assert line in ini.splitlines()
    trainer = (project / "train/tiny_coder_trainer.py").read_text()
    assert "class TinyCoderTrainer(" in trainer
    assert "from nets.coder import Coder" in trainer
    assert "CosineAnnealingLR(" in trainer
    assert "self.config.sparsity_weight * sparsity" in trainer
    assert "metrics.mae(" in trainer
    answers = json.loads((project / ".trainergen/tiny_coder_trainer.json").read_text())["answers"]
    assert answers["model_arguments"] == [["width", 8]]
    assert answers["optimizer_arguments"] == [["momentum", 0.8]]
    assert answers["auxiliaries"] == [["sparsity", 0.01]]

    function = trainergen("new", "--model", "nets/coder.py:make_coder", "--batch", "image: float32[8,64]")
    assert function.exit == 0, function.stdout
    assert "function make_coder" in function.stdout
    trainer = (project / "train/coder_trainer.py").read_text()
    assert "make_coder(width=config.model_width)" in trainer
    listed = subprocess.run([sys.executable, "train.py", "--list"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["TinyCoderTrainer", "CoderTrainer"]


@pytest.mark.slow
def test_parts_of_ones_own_are_imported_and_called(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA, "parts.py": PARTS})
    answer = trainergen(
        *("new", "--model", "model:DigitsNet", *LOADER, "--val-loader", "parts:held_out"),
        *("--factory", "parts:make", "--loss", "parts:smooth", "--metric", "parts:confidence", "--target", "1"),
    )
    assert answer.exit == 0, answer.stdout
    assert "910 values" in answer.stdout  # the factory's net, not the class's
    assert "choose  target 1" in answer.stdout
    trainer = (project / "train/digits_net_trainer.py").read_text()
    for said in ("= make()", "smooth(", "confidence(", "validation = held_out(batch_size=config.batch_size)"):
        assert said in trainer
    trained = run_script(project, "train.py", "DigitsNet", "--max-steps", "3")
    assert trained.returncode == 0, trained.stderr
    [history] = project.rglob("history.jsonl")
    last = json.loads(history.read_text().splitlines()[-1])
    assert "confidence" in last["train"] and "confidence" in last["validation"]


@pytest.mark.slow
def test_explain_says_why_and_what_lost(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    answer = trainergen(*NEW, "--batch", BATCH, "--dry-run", "--explain")
    lines = answer.stdout.splitlines()
    start = lines.index("explained")
    told = lines[start:]
    at = told.index("  loss cross_entropy")
    assert told[at + 1] == "    because  output [batch, 10] against integers [batch]"
    assert told[at + 2].startswith("    not      nll: ")
    assert told[at + 3] == "    change   --loss"
    assert any(line.startswith("  check batch[1]  int64 [batch]") for line in told)
    assert "explained" not in trainergen(*NEW, "--batch", BATCH, "--dry-run").stdout


def test_no_proof_says_loudly_that_nothing_was_proven(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA})
    command = (*NEW, *LOADER, "--no-proof")
    answer = trainergen(*command, "--handover", "handover.md")
    assert answer.exit == 0, answer.stdout
    assert "advise  NOTHING WAS PROVEN" in answer.stdout
    assert "has never taken a step" in answer.stdout
    assert "prove " not in answer.stdout
    assert "NOTHING WAS PROVEN" in answer.stdout.splitlines()[-1]
    handover = (project / "handover.md").read_text()
    assert "- [ ] NOTHING WAS PROVEN" in handover
    assert "Nothing was proven" in handover
    assert "Proven on" not in handover
    assert trainergen("undo").exit == 0

    as_data = trainergen(*command, "--json")
    jsonschema.validate(as_data.data, schema("new"))
    assert as_data.data["result"]["proof"]["proven"] is False
    assert as_data.data["result"]["proof"]["probes"] == []
    assert any("nothing was proven" in each["title"] for each in as_data.data["result"]["advice"])
    assert trainergen("undo").exit == 0
    proven = trainergen(*NEW, *LOADER, "--json")
    assert proven.data["result"]["proof"]["proven"] is True
    assert "NOTHING" not in proven.stdout


def test_a_dry_run_ends_with_the_command_that_writes(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    answer = trainergen(*NEW, "--batch", BATCH, "--dry-run", "--json")
    assert answer.data["result"]["written"] is False
    [command] = answer.data["next"]
    assert command == f"trainergen new --model model.py:DigitsNet --batch '{BATCH}' --json"


def test_the_generated_package_imports_relatively(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA, "train.py": "print('mine')\n"})
    answer = trainergen(*NEW, *LOADER, "--package", "ml")
    assert answer.exit == 0, answer.stdout
    tree = ast.parse((project / "ml/train/digits_net_trainer.py").read_text())
    relative = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.level}
    assert relative == {"config", "base_trainer"}
    assert "Train: python -m ml DigitsNet" in answer.stdout
    assert "prove   python -m ml --list" in answer.stdout
    assert (project / "ml/config.ini").is_file() and not (project / "config.ini").exists()
    assert (project / "train.py").read_text() == "print('mine')\n"


@pytest.mark.slow
def test_the_gradients_norm_is_told_as_it_is_before_clipping(project: Path, trainergen: Run) -> None:
    loud = DIGITS.replace("return self.body(image)", "return 1000 * self.body(image)")
    write_tree(project, {"model.py": loud})
    answer = trainergen(*NEW, "--batch", BATCH, "--dry-run", "--json")
    assert answer.exit == 0, answer.stdout
    gradients = next(each for each in answer.data["result"]["proof"]["probes"] if each["probe"] == "gradients")
    after, before = re.findall(r"([\d.e+]+) (?:after clipping|before)", gradients["title"])
    assert float(after) <= 1 < float(before)
    told = re.search(r"\|grad\| (\S+)", trainergen(*NEW, "--batch", BATCH, "--dry-run").stdout)
    assert told is not None and float(told[1]) > 1
