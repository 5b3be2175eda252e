"""``trainergen new`` killed in the middle of its commit: the next command finishes or rolls back, nothing is half there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import BATCH, DIGITS, NEW
from tests.conftest import Answer

# The real command, in a process that ends itself by SIGKILL before the given rename below the project.
KILLED = """
import os, signal, sys

root, left = os.path.realpath(os.getcwd()), int(sys.argv[1])

def watch(event, arguments):
    global left
    if event == "os.rename" and os.path.realpath(str(arguments[1])).startswith(root):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
sys.argv = ["trainergen", *sys.argv[2:]]
from trainergen.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "rename", [2, pytest.param(1, marks=pytest.mark.slow), pytest.param(11, marks=pytest.mark.slow)]
)
def test_the_next_command_puts_it_right(project: Path, trainergen: Callable[..., Answer], rename: int) -> None:
    write_tree(project, {"model.py": DIGITS})
    before = read_tree(project)
    command = [sys.executable, "-c", KILLED, str(rename), *NEW, "--batch", BATCH]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr

    again = trainergen(*NEW, "--batch", BATCH)

    assert again.exit == 0, again.stdout
    assert (project / "train/digits_net_trainer.py").exists()
    assert "recover" in again.stdout or "create" in again.stdout
    undone = trainergen("undo")
    assert undone.exit == 0, undone.stdout
    assert read_tree(project) == before
