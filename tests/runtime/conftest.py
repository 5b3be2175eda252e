"""Runs without plots where they are not what is tested: drawing takes longer than the training."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def matplotlib_is_absent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without matplotlib, except in test_run_files."""
    if request.module.__name__.rpartition(".")[2] != "test_run_files":
        monkeypatch.setitem(sys.modules, "matplotlib", None)
