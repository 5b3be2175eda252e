"""Whatever a file holds, a check says something about it: no traceback, no hang, nothing written."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.fuzz_check import batch_of
from tests.gates.damage import ODD, damaged, library, sources
from trainergen.checking import Check
from trainergen.gates.engine import check_source, load_gates
from trainergen.gates.facts import Facts
from trainergen.gates.finding import Finding
from trainergen.gates.fixing import fix_text
from trainergen.gates.output import as_plain, full
from trainergen.gates.request import Request
from trainergen.gates.source import split_lines

GATES = list(load_gates().values())
PATIENCE = 60
"""Seconds after which a file is taken for a hang: thousands of times what the slowest needs."""


@contextmanager
def patience() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise AssertionError("the check hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def holds(text: str, fixed: bool = False) -> list[Finding]:
    """What is found, every part of it fit to be shown; with `fixed` all fixes are tried as well."""
    with patience():
        findings = check_source(text, "train/odd_trainer.py", Facts(), GATES)
        lines = split_lines(text)
        for finding in findings:
            assert 1 <= finding.line <= max(len(lines), 1) + 1, finding
            assert 1 <= finding.column < finding.end_column, finding
            as_plain(finding)
        full(findings, {"train/odd_trainer.py": text})
        if fixed and findings:
            after = fix_text(text, lambda now: check_source(now, "train/odd_trainer.py", Facts(), GATES), unsafe=True)
            assert len(after.left) <= len(findings)
    return findings


@pytest.mark.parametrize("number", range(len(ODD)))
def test_odd_sources_are_borne(number: int) -> None:
    holds(ODD[number], fixed=True)


def test_damaged_sources_are_borne() -> None:
    for text in damaged(120, seed=1):
        holds(text, fixed=True)


def test_whatever_stands_in_files_a_check_ends_says_so_and_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "setup.py").write_text("")
    wrong, counts = batch_of(folder, list(sources(96, seed=3)), 0, PATIENCE)
    assert wrong == []
    assert {"files, nested", "files, encoded", "files, newer", "files, notebook"} <= set(counts)
    assert 10 < counts["files that can't be read"] < 96


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_ten_thousand_damaged_sources_are_borne(seed: int) -> None:
    for number, text in enumerate(damaged(500, seed)):
        holds(text, fixed=number % 10 == 0)


@pytest.mark.slow
def test_the_standard_library_is_borne_whole_and_cut() -> None:
    for number, path in enumerate(library()):
        text = path.read_text(encoding="utf-8", errors="replace")
        holds("import torch\n" + text)
        holds("import torch\n" + text[: len(text) * (number % 7) // 7])


@pytest.mark.slow
def test_large_and_binary_files_are_borne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one = "import torch\n\n\ndef f(model, loader, optimizer):\n    for x in loader:\n        model(x).sum().backward()\n        optimizer.step()\n"
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "setup.py").write_text("")
    (folder / "large.py").write_text(one + "TABLE = [\n" + '    "torch",\n' * 400_000 + "]\n")
    (folder / "line.py").write_text("import torch; x = [" + "1, " * 200_000 + "]; optimizer.step(); loss.backward()\n")
    (folder / "binary.py").write_bytes(bytes(range(256)) * 40)
    (folder / "empty.ipynb").write_text("")
    (folder / "list.ipynb").write_text("[1]")
    (folder / "deep.ipynb").write_text("[" * 5000 + "]" * 5000)
    (folder / "link.py").symlink_to(folder / "large.py")
    (folder / "nowhere.py").symlink_to(folder / "gone.py")
    (folder / "loop").symlink_to(folder)
    before = {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()}
    with patience():
        found = {
            one.path: [each.code for each in one.findings]
            for one in Check(Request(project=str(folder), paths=(str(folder),))).run()
        }
    assert found["large.py"] == ["TG101"]
    assert (
        found["binary.py"]
        == found["empty.ipynb"]
        == found["list.ipynb"]
        == found["deep.ipynb"]
        == found["nowhere.py"]
        == ["TG000"]
    )
    assert {path.name: path.lstat().st_mtime_ns for path in folder.iterdir()} == before
