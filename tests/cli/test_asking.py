"""What only the user knows: asked for one by one on a terminal, named with its flag and exit 4 anywhere else."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run, schema
from trainergen.cli import run
from trainergen.lab.client import Lab

NEEDY = '''
    """A model that asks for its sizes."""

    import torch
    from torch import nn


    def opened(licence: int) -> int:
        """What no search can guess."""
        if licence * 7919 % 10007 != 8906:
            raise ValueError("no such licence")
        return 4


    class Needy(nn.Module):
        """Rows to rows."""

        def __init__(self, licence: int, out: int = 3) -> None:
            super().__init__()
            self.layer = nn.Linear(opened(licence), out)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)
    '''
TWO = "x: float32[8,4]; colour: int64[8] < 3; kind: int64[8] < 3"
NEW = ("new", "--model", "model.py:Needy", "--batch", TWO)


class Terminal:
    """A person at a terminal: stdin and stderr are a real one, stdout is a pipe."""

    def __init__(self, *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainergen", *arguments],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def answer(self, prompt: str, text: str) -> None:
        """Type `text` when `prompt` has come."""
        start = len(self.seen)
        deadline = time.monotonic() + 120
        while prompt not in self.seen[start:]:
            assert select.select([self.ours], [], [], deadline - time.monotonic())[0], self.seen
            try:
                self.seen += os.read(self.ours, 4096).decode()
            except OSError:  # the other end is closed
                raise AssertionError(f"{prompt!r} never came: {self.seen}") from None
        os.write(self.ours, text.encode())

    def finish(self) -> tuple[int, str]:
        """The exit code and stdout, once it ended."""
        assert self.process.stdout is not None
        stdout = self.process.stdout.read()
        code = self.process.wait(timeout=120)
        os.close(self.ours)
        return code, stdout


def test_a_terminal_is_asked_one_question_after_the_other(project: Path) -> None:
    write_tree(project, {"model.py": NEEDY})
    person = Terminal(*NEW)
    person.answer("--model-arg licence:", "4242\n")
    person.answer("--target [colour]:", "kind\n")
    code, stdout = person.finish()
    assert code == 0, stdout
    assert "licence: int, used in opened(licence) at model.py:19" in person.seen
    assert "or kind" in person.seen
    assert "target: " not in stdout  # questions are no results
    assert stdout.splitlines()[0].startswith("  read    model.py:14 ")
    assert stdout.count("class Needy") == 1
    answers = json.loads((project / ".trainergen/needy_trainer.json").read_text())["answers"]
    assert answers["model_arguments"] == [["licence", 4242]]
    assert answers["target"] == "kind"
    assert 'batch["kind"]' in (project / "train/needy_trainer.py").read_text()


@contextlib.contextmanager
def sitting_there(prompt: str, text: str) -> Iterator[None]:
    """stdin and stderr of this process are a terminal, at which somebody types `text` when `prompt` has come."""
    ours, theirs = pty.openpty()

    def person() -> None:
        seen, typed = "", False
        with contextlib.suppress(OSError):  # the other end is closed
            while select.select([ours], [], [], 120)[0]:
                seen += os.read(ours, 4096).decode()
                if not typed and prompt in seen:
                    os.write(ours, text.encode())
                    typed = True
        os.close(ours)  # whoever still waits for an answer reads an error

    typing = threading.Thread(target=person)
    typing.start()
    with pytest.MonkeyPatch.context() as patch, open(theirs) as stdin, open(os.dup(theirs), "w") as stderr:
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stderr", stderr)
        yield
    typing.join()


def test_enter_takes_the_likely_answer(project: Path, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(project, {"model.py": NEEDY})
    lab.set_tree(project)
    with sitting_there("--target [colour]:", "\n"):
        code = run([*NEW, "--model-arg", "licence=4242", "--dry-run"], lab)
    stdout = capsys.readouterr().out
    assert code == 0, stdout
    assert "choose  target colour" in stdout


def test_leaving_at_the_question_writes_nothing(project: Path, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(project, {"model.py": NEEDY})
    lab.set_tree(project)
    before = read_tree(project)
    with sitting_there("--model-arg licence:", "\x04"):  # Ctrl-D: the end of input
        code = run([*NEW], lab)
    stdout = capsys.readouterr().out
    assert code == 130, stdout
    assert "Nothing was written" in stdout
    assert read_tree(project) == before


@pytest.mark.parametrize("more", ["--yes", "--json"])
def test_yes_never_asks_even_on_a_terminal(
    project: Path, lab: Lab, more: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tree(project, {"model.py": NEEDY})
    lab.set_tree(project)
    with sitting_there("--model-arg licence:", "4242\n"):
        code = run([*NEW, more], lab)
    stdout = capsys.readouterr().out
    assert code == 4, stdout
    assert "--model-arg licence=INT" in stdout


def test_elsewhere_it_ends_with_the_whole_command(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": NEEDY})
    before = read_tree(project)
    answer = trainergen(*NEW)
    assert answer.exit == 4
    assert read_tree(project) == before
    command = f"trainergen {shlex.join(NEW)} --model-arg licence=INT"
    assert answer.stdout.splitlines()[-2] == f"  {command}"
    as_data = trainergen(*NEW, "--json")
    jsonschema.validate(as_data.data, schema("new"))
    assert as_data.data["next"] == [f"trainergen {shlex.join(NEW)} --json --model-arg licence=INT"]
    error = as_data.data["result"]["error"]
    assert error["flags"] == ["--model-arg licence=INT"]
    assert [each["key"] for each in error["questions"]] == ["licence"]


def test_the_command_that_is_printed_works(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": NEEDY})
    answer = trainergen(*NEW, "--model-arg", "licence=4242", "--dry-run")
    assert answer.exit == 4
    command = shlex.split(answer.stdout.splitlines()[-2])
    assert command[-2:] == ["--target", "colour"]
    assert trainergen(*command[1:]).exit == 0


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (
            ("--model-arg", "licence=4242", "--model-arg", "out=1", "--batch", "x: float32[8,4]; n: int64[8] < 7"),
            "--loss mse",
        ),
        (("--model-arg", "licence=4242", "--batch", "x: float32[8,4]; boxes: float32[8,2,9]"), "--target KEY"),
        (
            ("--model-arg", "licence=4242", "--batch", "x: float32[8,4]; y: float32[8,3]", "--scheduler", "one_cycle"),
            "--scheduler warmup_cosine",
        ),
    ],
)
def test_every_question_has_its_flag(project: Path, trainergen: Run, arguments: tuple[str, ...], flag: str) -> None:
    write_tree(project, {"model.py": NEEDY})
    answer = trainergen("new", "--model", "model.py:Needy", *arguments)
    assert answer.exit == 4, answer.stdout
    lines = answer.stdout.splitlines()
    assert "needs 1 answer that your project does not hold" in lines
    assert lines[-3] == "Say it once, it is kept in .trainergen/:"
    assert lines[-2].endswith(flag)
    assert lines[-1].startswith("Nothing was written: 1 answer is missing (")
