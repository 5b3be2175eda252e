"""One lab for all tests of a worker: torch is imported once, each test brings its own tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.building import read_tree, write_tree
from trainergen.errors import TrainergenError
from trainergen.lab import client
from trainergen.lab.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def lab() -> Iterator[client.Lab]:
    with client.start() as running:
        yield running


class Project:
    """A project from a dict literal, and calls of its functions in the lab."""

    def __init__(self, lab: client.Lab, root: Path, files: dict[str, str | bytes]) -> None:
        self.lab = lab
        self.root = write_tree(root, files)
        self.before = read_tree(self.root)
        lab.set_tree(self.root)

    def call(self, target: str, *arguments: object, limits: Limits | None = None):
        return self.lab.request(
            "lab.calls:call", {"target": target, "arguments": list(arguments)}, limits=limits or Limits(time=30.0)
        )

    def fail(self, target: str, *arguments: object, limits: Limits | None = None) -> TrainergenError:
        """The error of a call that must fail; the project must be as it was, byte for byte, and the lab must live."""
        with pytest.raises(TrainergenError) as caught:
            self.call(target, *arguments, limits=limits)
        self.assert_untouched()
        assert self.lab.request("lab.server:ping", "still there")["payload"] == "still there"
        return caught.value

    def assert_untouched(self) -> None:
        assert read_tree(self.root) == self.before


@pytest.fixture
def project(lab: client.Lab, tmp_path: Path):
    def make(files: dict[str, str | bytes]) -> Project:
        root = tmp_path / "project"
        root.mkdir()
        return Project(lab, root, files)

    return make
