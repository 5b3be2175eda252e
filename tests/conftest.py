"""What all rooms' tests share: one lab a worker (one torch import), and the command line run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from trainergen.lab import client

# The same examples each time, so that what is red stays red; a wider search is a call with HYPOTHESIS_PROFILE=default.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Before anyone imports torch, here or in a process that a test starts: with tiny tensors threads only wait for each other,
# at twice the processor time; and sums depend on how many there are.
os.environ["OMP_NUM_THREADS"] = "1"


@dataclass(frozen=True)
class Answer:
    """What one command line came to."""

    exit: int
    stdout: str
    stderr: str

    @property
    def data(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        loaded: dict[str, Any] = json.loads(self.stdout)
        return loaded


@pytest.fixture(scope="session")
def lab() -> Iterator[client.Lab]:
    """A real lab: started once a worker, forking a child for each request."""
    with client.start() as running:
        yield running


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    folder = tmp_path_factory.mktemp("project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def trainergen(lab: client.Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """``trainergen ARGS`` in the current folder, in this process but for the lab."""
    from trainergen.cli import run

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Answer:
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            lab.set_tree(Path.cwd())  # the copy of an earlier command in the same folder is stale
            code = run(list(arguments), lab)
        return Answer(code, stdout.getvalue(), stderr.getvalue())

    return call
