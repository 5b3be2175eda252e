"""What the tests of bad input share: a small model that misbehaves to order, and the form of every refusal."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.building import read_tree, write_tree
from tests.conftest import Answer

Run = Callable[..., Answer]

_MODEL = '''
import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    """A linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        {body}
        return {output}


class Plain:
    """No module."""
'''
BATCH = "(float32[8,4], int64[8] < 3)"


def model(body: str = "pass", output: str = "self.layer(x)", above: str = "") -> str:
    """``model.py``: `body` and `output` of forward, and what stands `above` everything, its first line being line 1."""
    indented = textwrap.dedent(body).strip("\n").replace("\n", "\n        ")
    return above + _MODEL.replace("{body}", indented).replace("{output}", output)


def command(*arguments: str) -> tuple[str, ...]:
    """``new`` with `arguments`, for the model on a good batch where they do not say otherwise."""
    words = ["new", *arguments]
    if "--model" not in arguments:
        words += ["--model", "model.py:Net"]
    if not {"--batch", "--loader"} & set(arguments):
        words += ["--batch", BATCH]
    return tuple(words)


def refuse(
    project: Path, trainergen: Run, code: int, says: tuple[str, ...], *arguments: str, files: Mapping[str, str | bytes]
) -> Answer:
    """Run ``new`` on `files`: it must end with `code`, say all of `says` and a way out, and leave every byte as it is."""
    write_tree(project, dict(files))
    before = read_tree(project)
    answer = trainergen(*command(*arguments))
    assert answer.exit == code, answer.stdout + answer.stderr
    for phrase in says:
        assert phrase in answer.stdout, answer.stdout
    assert any(way in answer.stdout for way in ("= help: ", "= more: ", "= say:  ")), answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("Nothing was written: ")
    assert f"exit {code})" in answer.stdout.splitlines()[-1]
    assert not any(verb in answer.stdout for verb in ("  create  ", "  insert  ")), answer.stdout
    assert read_tree(project) == before
    return answer


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it holds in the end; ten seconds are far more than anything here takes."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def ended(pid: int) -> bool:
    """Whether there is no such process, or only what remains of it for its parent to read."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
