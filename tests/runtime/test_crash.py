"""Whatever kills a run or its disk, `resume="auto"` puts it right alone; the long version is benchmarks/crash.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

Scenario = Callable[[Any, Any, Path], Any]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("crash_processes"), import_module("crash_disk")


QUICK: dict[str, Scenario] = {
    "SIGKILL at random bytes": lambda processes, disk, folder: processes.kills(folder, 6, seed=1, a_run=6),
    "short write": lambda processes, disk, folder: disk.short_write(folder, steps=(8,)),
}
SLOW: dict[str, Scenario] = {
    "stopped clock": lambda processes, disk, folder: processes.stopped_clock(folder),
    "damaged checkpoint": lambda processes, disk, folder: disk.corrupted(folder, seed=1, each=1),
    "SIGKILL at other bytes": lambda processes, disk, folder: processes.kills(folder, 25, seed=2),
    "disk full": lambda processes, disk, folder: disk.in_a_namespace("disk-full"),
    "read-only": lambda processes, disk, folder: disk.in_a_namespace("read-only"),
    "more damaged checkpoints": lambda processes, disk, folder: disk.corrupted(folder, seed=2, each=2),
    "SIGTERM": lambda processes, disk, folder: processes.sigterm(folder),
    "SIGKILL of a rank in a divided save": lambda processes, disk, folder: import_module("crash_shards").sharded_kills(
        folder, 4, seed=1, a_run=4
    ),
    "damaged part": lambda processes, disk, folder: import_module("crash_shards").damaged_part(folder, seed=1, each=0),
    "rank": lambda processes, disk, folder: processes.killed_rank(folder),
    "loader worker": lambda processes, disk, folder: processes.killed_worker(folder),
}


@pytest.mark.parametrize(
    "scenario",
    [*QUICK.values(), *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW.values())],
    ids=[*QUICK, *SLOW],
)
def test_nothing_is_lost_beyond_a_save_interval_and_nobody_has_to_help(
    tmp_path: Path, parts: tuple[ModuleType, ModuleType], scenario: Scenario
) -> None:
    outcome = scenario(*parts, tmp_path)
    if outcome.said.startswith("not tried"):
        pytest.skip(outcome.said)
    assert outcome.good, outcome


def test_a_kill_falls_on_the_very_byte(tmp_path: Path, parts: tuple[ModuleType, ModuleType]) -> None:
    kills = sys.modules["crash_kills"]

    def write(tell: Callable[[str], None]) -> None:
        kills.DiskTraffic(tmp_path, 7, tell).watch()
        with (tmp_path / "a").open("w") as file:
            file.write("1234")
        (tmp_path / "a").rename(tmp_path / "b")  # counts as the fifth
        with (tmp_path / "c").open("wb") as file:
            file.write(b"67890")

    life = kills.live(write)
    assert life.code == -9 and life.lines == [f"killed {tmp_path / 'c'}"]
    assert (tmp_path / "b").read_text() == "1234" and (tmp_path / "c").read_bytes() == b"6"
