"""The gates' own promises: documented, exemplified, found by listing, one walk, nothing heavy imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.building import write_tree
from tests.gates.house import CONFIG_PATH, PROJECT, TRAINER, TRAINER_PATH, changed
from trainergen.gates.engine import GATES, Gate, check_files, check_source, example_files, load_gate
from trainergen.gates.facts import Facts
from trainergen.gates.report import explain, render


def codes(files: dict[str, str], **facts: object) -> list[str]:
    return [finding.code for finding in check_files(files, Facts(files=files, **facts))]


def test_there_are_ten_gates_in_order() -> None:
    assert list(GATES) == [f"TG{number:03d}" for number in range(1, 11)]


@pytest.mark.parametrize("gate", GATES.values(), ids=list(GATES))
def test_each_gate_stops_its_failing_example_and_lets_the_passing_one_through(gate: Gate) -> None:
    assert gate.code in codes(example_files(gate.failing))
    assert gate.code not in codes(example_files(gate.passing))


@pytest.mark.parametrize("missing", ["WHAT", "WHY", "PASSING", "FAILING", "FIX", "TORCH", "SOURCE", "check"])
def test_a_gate_without_documentation_or_examples_does_not_load(missing: str) -> None:
    gate = ModuleType("gates.tg099_new")
    for name in {"CODE", "NAME", "WHAT", "WHY", "PASSING", "FAILING", "FIX", "TORCH", "SOURCE", "WATCHES", "check"} - {
        missing
    }:
        setattr(gate, name, "TG099" if name == "CODE" else "said")
    with pytest.raises(ImportError, match=f"tg099_new has no {missing}"):
        load_gate(gate)


def test_a_gate_is_found_under_its_own_code() -> None:
    gate = ModuleType("gates.tg098_new")
    for name in ("CODE", "NAME", "WHAT", "WHY", "PASSING", "FAILING", "FIX", "TORCH", "SOURCE", "WATCHES", "check"):
        setattr(gate, name, {"FIX": "none", "TORCH": ">=2.0"}.get(name, "TG099"))
    with pytest.raises(ImportError, match="must begin with that code"):
        load_gate(gate)


def test_the_whole_project_passes_in_memory_on_disk_and_file_by_file(tmp_path: Path) -> None:
    assert check_files(PROJECT, Facts(files=PROJECT)) == []
    write_tree(tmp_path, dict(PROJECT))
    assert check_files(PROJECT, Facts(root=str(tmp_path))) == []
    assert [finding for path, text in PROJECT.items() for finding in check_source(text, path)] == []


def test_the_project_below_a_package_with_relative_imports_and_a_vendored_runtime_passes() -> None:
    moved = {
        f"ml/{path}": text.replace("from config import", "from ..config import")
        .replace("from config.base import", "from .base import")
        .replace("from train.base_trainer import", "from .base_trainer import")
        .replace("from trainergen.runtime import", "from ._runtime import")
        for path, text in PROJECT.items()
    }
    local = "from data import build_loader\nfrom model import DigitsNet\n"
    relative = "from ..config import DigitsNetTrainerConfig\n"
    moved["ml/train/digits_net_trainer.py"] = moved["ml/train/digits_net_trainer.py"].replace(
        relative + local, local + relative
    )
    moved["ml/config/base.py"] = moved["ml/config/base.py"].replace("from ._runtime", "from ..train._runtime")
    moved["ml/train/_runtime/__init__.py"] = "from .trainer import Trainer\nfrom .config import BaseTrainerConfig\n"
    moved["ml/train/_runtime/trainer.py"] = "class Trainer:\n    def compute_loss(self, batch): ...\n"
    moved["ml/train/_runtime/config.py"] = "class BaseTrainerConfig: ...\n"
    assert codes(moved) == []
    moved["ml/train/digits_net_trainer.py"] = moved["ml/train/digits_net_trainer.py"].replace(
        "return loss\n", "return 0.5\n"
    )
    assert codes(moved) == ["TG002"]


def test_files_that_hold_no_trainer_are_not_judged() -> None:
    others = {
        "cli.py": "print(open('x'))\n",
        "hf.py": "from transformers import Trainer\nclass MyTrainer(Trainer):\n    def compute_loss(self, m): ...\n",
        "own.py": "class BaseTrainer:\n    def train(self): print(1)\n    def compute_loss(self, b): return 1\n",
    }
    assert codes(others) == []


def test_the_contract_chooses_the_gates() -> None:
    files = changed("        return loss\n", "        print(1)\n        return loss.item()\n")
    assert codes(files) == ["TG005", "TG002"]
    assert codes(files, codes=frozenset({"TG005"})) == ["TG005"]


def test_what_does_not_parse_is_a_finding_with_its_place() -> None:
    (finding,) = check_source("class A:\n    def f(self:\n", "train/a.py")
    assert (finding.code, finding.path, finding.line) == ("TG000", "train/a.py", 2)


def test_a_finding_reads_as_in_the_transcript() -> None:
    files = changed("        return loss\n", "        return loss.detach()\n")
    (finding,) = check_files(files, Facts(files=files))
    number = TRAINER.splitlines().index("        return loss") + 1
    shown = render(finding, files[TRAINER_PATH], origin="house/templates/loss.py.j2:9", more="trainergen explain TG002")
    assert shown == (
        "error[TG002]: compute_loss returns a tensor that nothing can be learnt from\n"
        f"  --> train/digits_net_trainer.py:{number}:21 (from house/templates/loss.py.j2:9)\n"
        "   |\n"
        f"{number} |         return loss.detach()\n"
        "   |                     ^^^^^^^^ the graph is cut here\n"
        "   |\n"
        "   = help: return the loss itself; put the detached value into self._last_batch_metrics\n"
        "   = more: trainergen explain TG002"
    )


def test_columns_count_characters_not_bytes() -> None:
    files = changed("        return loss\n", '        logger.info("größe %s %s", "é")  # naïve\n        return loss\n')
    (finding,) = check_files(files, Facts(files=files))
    line = files[TRAINER_PATH].splitlines()[finding.line - 1]
    assert line[finding.column - 1 : finding.end_column - 1] == '"größe %s %s"'


def test_every_gate_has_a_page() -> None:
    for gate in GATES.values():
        page = explain(gate)
        assert gate.what in page
        assert "Stopped:" in page
        assert "Use instead:" in page


def test_a_static_check_starts_light() -> None:
    program = (
        "import sys; from trainergen.gates.engine import check_source; "
        "check_source(open(sys.argv[1]).read(), 'train/example_trainer.py'); "
        "heavy = {'torch', 'libcst', 'dataclasses', 'pathlib', 'inspect', 'importlib.metadata', 'jinja2', 'click'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    # -S: a site-packages .pth file of the machine may import whatever it likes.
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, str(Path(__file__).parent / "house.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_a_module_looked_for_in_vain_is_not_taken_for_the_projects_own() -> None:
    facts = Facts(files=PROJECT)
    assert facts.definition("torch.nn.Module") == "torch.nn.Module"
    assert "torch" not in facts.local_names()
    assert {"model", "config", "train"} <= facts.local_names()


def test_facts_prefer_the_staged_text_to_the_disk(tmp_path: Path) -> None:
    write_tree(tmp_path, dict(PROJECT))
    staged = {CONFIG_PATH: PROJECT[CONFIG_PATH].replace('    SECTION: ClassVar[str] = "train_digits_net"\n', "")}
    facts = Facts(root=str(tmp_path), files=staged)
    assert [finding.code for finding in check_source(TRAINER, TRAINER_PATH, facts)] == ["TG008"]
