"""What several tests of the command line share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainergen import pipeline
from trainergen.measuring import measure


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``--batch`` describes is taken for found by trying."""
    monkeypatch.setattr(pipeline, "measure", lambda *given: replace(measure(*given), synthesised=True))
