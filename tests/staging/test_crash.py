"""A SIGKILL at any moment: the next command finishes or rolls back, and the tree is old or new, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.building import read_tree, write_tree
from tests.staging import crashing
from trainergen.errors import Conflict
from trainergen.staging.change_set import Change, ChangeSet
from trainergen.staging.commit import commit
from trainergen.staging.intent import Intent, Write, encoded
from trainergen.staging.journal import PENDING, recover
from trainergen.staging.paths import JOURNAL
from trainergen.staging.undo import undo

REPOSITORY = Path(__file__).resolve().parents[2]


def crash(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.staging.crashing", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.parametrize("action", ["commit", pytest.param("undo", marks=pytest.mark.slow)])
def test_killed_before_every_operation(action: str) -> None:
    answer = crash("kills", action)
    outcomes = answer["outcomes"]
    assert len(outcomes) == 2 * answer["operations"] > 80
    assert set(outcomes) == {"before", "after"}
    # Once past the commit point there is no way back to the old state.
    assert outcomes == sorted(outcomes, key=["before", "after"].index)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["commit", "undo"])
def test_killed_again_while_recovering(action: str) -> None:
    assert set(crash("recoveries", action)["outcomes"]) == {"before", "after"}


@pytest.mark.slow
@pytest.mark.parametrize("action", ["commit", "undo"])
def test_a_refused_rename_is_rolled_back_even_through_a_kill(action: str) -> None:
    outcomes = crash("failures", action)["outcomes"]
    assert len(outcomes) > 20
    assert set(outcomes) == {"before"}


@pytest.mark.skipif(sys.platform != "linux", reason="the paths of open files are read from /proc")
@pytest.mark.parametrize("action", ["commit", "undo"])
def test_everything_is_durable_before_the_next_step_relies_on_it(action: str) -> None:
    """What a power failure would show and a SIGKILL can't: unsynced bytes behind a rename, unsynced names."""
    answer = crash("trace", action)
    journal = f"{answer['root']}/{JOURNAL}"
    synced: set[str] = set()
    unsynced_folders: set[str] = set()
    declared = durable = False
    for name, what in answer["operations"]:
        source, _, target = what.partition(">")
        if name in ("open", "write"):
            synced.discard(what)
        elif name == "fsync":
            synced.add(what)
            unsynced_folders.discard(what)
            durable = durable or (declared and what == journal)
        elif name == "os.rename":
            assert source in synced, f"{target} may turn up empty"
            assert durable or target.startswith(journal), f"{target} is touched before the journal is durable"
            declared = declared or target.endswith(PENDING)
            unsynced_folders.add(os.path.dirname(target))
        elif name == "os.mkdir":
            unsynced_folders.add(os.path.dirname(what))
        elif name == "os.rmdir":
            unsynced_folders.discard(what)
            unsynced_folders.add(os.path.dirname(what))
        elif name == "os.remove" and what.endswith(PENDING):
            assert not unsynced_folders, "the journal goes before the names are durable"
        elif name == "os.remove" and not what.endswith(".tmp"):
            assert durable, f"{what} goes before the journal is durable"
            unsynced_folders.add(os.path.dirname(what))
    assert durable


def interrupted(root: Path, changes: tuple[Write, ...]) -> None:
    """A project as a kill right after the commit point leaves it."""
    (root / JOURNAL).mkdir(parents=True)
    (root / PENDING).write_bytes(encoded(Intent("new", "A", "feed", changes)))


def test_a_file_edited_after_the_crash_is_left_alone_and_nothing_is_lost(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": "old\n", "b.py": "edited by the user\n"})
    interrupted(
        tmp_path, (Write("a.py", b"old\n", b"new\n"), Write("b.py", b"old\n", b"new\n"), Write("c.py", None, b""))
    )
    (tmp_path / "a.py").write_bytes(b"new\n")  # this one had been renamed already
    found = recover(tmp_path)
    assert found is not None
    assert (found.outcome, found.conflicts) == ("rolled back", ("b.py",))
    assert (tmp_path / "a.py").read_bytes() == b"old\n"
    assert (tmp_path / "b.py").read_bytes() == b"edited by the user\n"
    assert not (tmp_path / "c.py").exists()
    assert found.kept is not None
    kept = json.loads((tmp_path / found.kept).read_bytes())
    assert {"path": "b.py", "before": {"text": "old\n"}, "after": {"text": "new\n"}}.items() <= kept["writes"][
        1
    ].items()
    assert "b.py" in found.sentence
    assert recover(tmp_path) is None


def test_the_next_commit_finishes_the_last_one_first(tmp_path: Path) -> None:
    crashing.build(tmp_path)
    number = 30  # after the commit point, before the first rename
    assert crashing.in_child(tmp_path, "commit", number)["killed"]
    assert (tmp_path / PENDING).exists()
    commit(tmp_path, ChangeSet("B", (Change("b.py", None, b"b = 1\n"),)))
    assert (tmp_path / "train/a/deep/a.py").read_bytes() == b"a = 1\n"
    undo(tmp_path)
    undo(tmp_path)
    untouched = tmp_path.parent / "untouched"
    untouched.mkdir()
    crashing.build(untouched)
    assert read_tree(tmp_path) == read_tree(untouched)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": 2, "verb": "new", "trainer": "A", "token": "a", "writes": [], "make": [], "remove": []}',
    ],
)
def test_a_journal_that_cannot_be_read_is_a_conflict_and_stays(tmp_path: Path, text: bytes) -> None:
    write_tree(tmp_path, {PENDING: text})
    with pytest.raises(Conflict) as caught:
        recover(tmp_path)
    assert caught.value.place == PENDING
    assert (tmp_path / PENDING).read_bytes() == text


@pytest.mark.parametrize("path", ["../outside.py", "/etc/outside.py", "link/outside.py"])
def test_a_journal_never_leads_out_of_the_project(tmp_path: Path, path: str) -> None:
    root, outside = tmp_path / "project", tmp_path / "elsewhere"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    interrupted(root, (Write(path, None, b"evil"),))
    with pytest.raises(Conflict):
        recover(root)
    assert not list(outside.iterdir())
    assert not (tmp_path / "outside.py").exists()


def test_nothing_to_recover_touches_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path) is None
    write_tree(tmp_path, {".trainergen/A.json": "{}\n"})
    before = (tmp_path / ".trainergen").stat().st_mtime_ns
    assert recover(tmp_path) is None
    assert (tmp_path / ".trainergen").stat().st_mtime_ns == before
