"""``--limit`` as the user writes it, and the interpreter that is chosen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.building import write_tree
from trainergen.errors import UnusableInput
from trainergen.lab.interpreter import choose
from trainergen.lab.limits import Limits, parse, shown_size


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", Limits()),
        ("time=60,memory=8G", Limits(time=60.0, memory=8 << 30)),
        (" memory = 512m , time=1.5 ", Limits(time=1.5, memory=512 << 20)),
        ("memory=1.5GiB", Limits(memory=3 << 29)),
        ("memory=2GB,time=2m,threads=4", Limits(time=120.0, memory=2 << 30, threads=4)),
    ],
)
def test_limits_are_read(text, limits):
    assert parse(text) == limits


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("memroy=8G", "did you mean memory?"),
        ("time", "--limit time=60"),
        ("time=-1", "--limit time=60"),
        ("time=0", "--limit time=60"),
        ("memory=8X", "--limit time=60"),
        ("threads=2G", "--limit time=60"),
        ("memory=1M", "memory=1G"),
    ],
)
def test_a_wrong_limit_says_how_to_write_it(text, hint):
    with pytest.raises(UnusableInput) as caught:
        parse(text)
    assert hint in (caught.value.hint or "")


def test_shown_sizes_are_read_back():
    for size in (8 << 30, 512 << 20, 3 << 29):
        assert parse(f"memory={shown_size(size)}").memory == size


@pytest.fixture
def world(tmp_path: Path) -> Path:
    for name in ("project/.venv", "named", "active", "conda"):
        python = write_tree(tmp_path / name, {"bin/python": "#!/bin/sh\n"}) / "bin" / "python"
        python.chmod(0o755)
    return tmp_path


def test_the_interpreter_is_chosen_in_order(world: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world)
    project = world / "project"
    variables = {"VIRTUAL_ENV": str(world / "active"), "CONDA_PREFIX": str(world / "conda"), "PATH": "named/bin"}

    def found(option: str | None = None, setting: str | None = None, **environment: str) -> str:
        path, reason = choose(option, setting, project, environment)
        assert reason
        return str(Path(path).relative_to(world)) if Path(path).is_relative_to(world) else path

    assert found("named", ".venv", **variables) == "named/bin/python"
    assert found("named/bin/python", None, **variables) == "named/bin/python"
    assert found("python", None, PATH=str(world / "conda" / "bin")) == "conda/bin/python"
    assert found(None, ".venv", **variables) == "project/.venv/bin/python"
    assert found(None, None, **variables) == "active/bin/python"
    assert found(None, None, **(variables | {"VIRTUAL_ENV": sys.prefix})) == "conda/bin/python"
    assert found(None, None, VIRTUAL_ENV=str(world / "removed")) == "project/.venv/bin/python"
    assert choose(None, None, world, {"VIRTUAL_ENV": sys.prefix, "CONDA_PREFIX": sys.prefix})[0] == sys.executable


@pytest.mark.parametrize(
    ("option", "setting", "where"), [("nowhere", None, "--python"), (None, "nowhere", "[tool.trainergen]")]
)
def test_a_named_interpreter_must_be_there(world: Path, option, setting, where):
    with pytest.raises(UnusableInput) as caught:
        choose(option, setting, world, {})
    assert where in caught.value.message
