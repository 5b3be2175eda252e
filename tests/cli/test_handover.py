"""``--handover FILE``: six sections whose code is complete, a checklist from what was measured, and a file that is yours."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import BATCH, DATA, DIGITS, NEW, Run
from tests.cli.test_surface import LOADER
from tests.forking import run_script

SECTIONS = [
    "1. Overview",
    "2. Configuration dataclass",
    "3. Trainer",
    "4. Integration",
    "5. Example usage",
    "6. Validation checklist",
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(text: str, number: int) -> str:
    return text.split(f"## {SECTIONS[number - 1]}\n")[1].split("\n## ", maxsplit=1)[0]


@pytest.mark.slow
def test_every_section_and_every_block_is_complete(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS, "data.py": DATA})
    answer = trainergen(*NEW, *LOADER, "--handover", "handover.md")
    assert answer.exit == 0, answer.stdout
    text = (project / "handover.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS

    blocks = BLOCK.findall(text)
    assert {language for language, _ in blocks} == {"python", "ini", "text"}
    for language, code in blocks:
        if language == "python":
            compile(code, "handover.md", "exec")
        elif language == "ini":
            parser = configparser.ConfigParser(interpolation=None)
            parser.read_string(code)
            assert parser.sections() == ["train_digits_net"]
    [(_, config)] = BLOCK.findall(section(text, 2))
    assert [type(node) for node in ast.parse(config).body][-1] is ast.ClassDef
    assert config.rstrip("\n") in (project / "config/train.py").read_text()
    [(_, trainer)] = BLOCK.findall(section(text, 3))
    assert trainer == (project / "train/digits_net_trainer.py").read_text()
    assert "TRAINER_REGISTRY" in section(text, 4)

    checklist = re.findall(r"^- \[(.)\] (.*)$", section(text, 6), re.MULTILINE)
    assert [mark for mark, _ in checklist] == ["x"] * (len(checklist) - 1) + [" "]  # the last is the user's to run
    assert sum(line.startswith("TG0") for _, line in checklist) == 10
    assert any(line.startswith("gradients: ") for _, line in checklist)
    for word in (
        "Expected behaviour: the first loss is near 2.",
        "Proven on the CPU only",
        "Memory: weights",
        "Watch: ",
    ):
        assert word in section(text, 6)

    [(_, usage)] = BLOCK.findall(section(text, 5))
    write_tree(project, {"usage.py": usage})
    ini = (project / "config.ini").read_text()
    (project / "config.ini").write_text(re.sub(r"(?m)^num_epochs = .*$", "num_epochs = 1", ini))
    ran = run_script(project, "usage.py")
    assert ran.returncode == 0, ran.stderr
    assert list(project.rglob("plots/loss.png"))


@pytest.mark.slow
def test_undo_leaves_the_handover_and_takes_the_rest(project: Path, trainergen: Run) -> None:
    """It is a report, not a part of the project: no change set holds it, wherever it lies."""
    write_tree(project, {"model.py": DIGITS, "docs/index.md": "# Docs\n"})
    before = read_tree(project)
    for file in ("handover.md", "docs/handover.md"):
        assert trainergen(*NEW, "--batch", BATCH, "--handover", file).exit == 0
        first = (project / file).read_bytes()
        again = trainergen(*NEW, "--batch", BATCH, "--handover", file)
        assert again.exit == 0 and "identical" in again.stdout
        assert "nothing was run this time" in (project / file).read_text()
        assert trainergen("undo").exit == 0
        assert read_tree(project).keys() - before.keys() == {file}
        (project / file).write_bytes(first)  # an earlier handover may be written over
        assert trainergen(*NEW, "--batch", BATCH, "--handover", file).exit == 0
        assert trainergen("undo").exit == 0
        (project / file).unlink()
        assert read_tree(project) == before


@pytest.mark.parametrize(
    ("file", "code", "says"),
    [
        ("model.py", 3, "a file is there, and it is no handover"),
        ("train.py", 3, "belongs to the project"),
        ("gone/handover.md", 2, "no such folder"),
    ],
)
def test_a_handover_takes_nobodys_place(project: Path, trainergen: Run, file: str, code: int, says: str) -> None:
    write_tree(project, {"model.py": DIGITS})
    before = read_tree(project)
    answer = trainergen(*NEW, "--batch", BATCH, "--handover", file)
    assert answer.exit == code, answer.stdout
    assert says in answer.stdout
    assert read_tree(project) == before


def test_a_dry_run_writes_no_handover(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": DIGITS})
    before = read_tree(project)
    answer = trainergen(*NEW, "--batch", BATCH, "--handover", "handover.md", "--dry-run")
    assert answer.exit == 0, answer.stdout
    assert "handover.md" in answer.stdout
    assert read_tree(project) == before
