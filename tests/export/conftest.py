"""Runs that are trained once a session, and copies of them to work on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .projects import train, write_project


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_project(tmp_path_factory.mktemp("export") / "few")
    train(folder, "Points", "Tested", "Unsteady", "num_epochs=3")
    return folder


@pytest.fixture(scope="session")
def many_trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_project(tmp_path_factory.mktemp("export") / "many")
    train(folder, "Points", "Answering", "Branching", "Noisy", "Tokens", "Whole", "num_epochs=2")
    return folder


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the finished runs points, tested and unsteady; the current folder."""
    return copied(trained_once, tmp_path, monkeypatch)


@pytest.fixture
def many(many_trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a finished run of every other kind of model; the current folder."""
    return copied(many_trained_once, tmp_path, monkeypatch)


def copied(project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(project, folder / "project")
    monkeypatch.chdir(folder / "project")
    return folder / "project"
