"""Commit, conflicts and diff: all files at once, nothing of the user's harmed, nothing touched that is identical."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.building import read_tree, write_tree
from tests.staging.crashing import inserted
from trainergen.errors import Conflict, InternalError, UnusableInput
from trainergen.staging.change_set import Change, ChangeSet
from trainergen.staging.commit import commit
from trainergen.staging.conflicts import conflicts
from trainergen.staging.diff import render_diff
from trainergen.staging.undo import undo

if TYPE_CHECKING:
    from pathlib import Path


def only(*changes: Change) -> ChangeSet:
    return ChangeSet("A", changes)


@pytest.mark.parametrize(
    "before",
    [b"[a]\nx = 1\n", b"[a]\nx = 1", b"[a]\r\nx = 1\r\n", b"\xef\xbb\xbf[a]\nx = 1\n", b"[a]\nx = \xe9\n", b""],
    ids=["plain", "no final newline", "crlf", "bom", "latin-1", "empty"],
)
def test_bytes_survive_commit_and_undo(tmp_path: Path, before: bytes) -> None:
    write_tree(tmp_path, {"config.ini": before})
    tree = read_tree(tmp_path)
    commit(tmp_path, only(inserted("config.ini", before, len(before), b"\r\n[b]\r\ny = 2")))
    assert (tmp_path / "config.ini").read_bytes() == before + b"\r\n[b]\r\ny = 2"
    undo(tmp_path)
    assert read_tree(tmp_path) == tree


def test_modes_links_and_folders(tmp_path: Path) -> None:
    write_tree(tmp_path, {"settings/real.ini": "a\n", "run.sh": "old\n"})
    (tmp_path / "config.ini").symlink_to("settings/real.ini")
    (tmp_path / "settings/real.ini").chmod(0o640)
    (tmp_path / "run.sh").chmod(0o644)
    tree = read_tree(tmp_path)
    changes = only(
        inserted("config.ini", b"a\n", 2, b"b\n"),
        Change("run.sh", b"old\n", b"new\n", executable=True),
        Change("bin/tool", None, b"#!/bin/sh\n", executable=True),
        Change("x/y/z.py", None, b""),
    )
    old_mask = os.umask(0o027)
    try:
        commit(tmp_path, changes, force=True)
    finally:
        os.umask(old_mask)
    assert (tmp_path / "config.ini").is_symlink()
    assert (tmp_path / "settings/real.ini").read_bytes() == b"a\nb\n"
    modes = {
        name: stat.S_IMODE((tmp_path / name).stat().st_mode)
        for name in ("settings/real.ini", "run.sh", "bin/tool", "x/y/z.py")
    }
    assert modes == {"settings/real.ini": 0o640, "run.sh": 0o755, "bin/tool": 0o750, "x/y/z.py": 0o640}
    undo(tmp_path)
    assert read_tree(tmp_path) == tree


def test_what_was_private_to_its_owner_is_so_in_the_journal(tmp_path: Path) -> None:
    write_tree(tmp_path, {"config.ini": "token = 1\n"})
    (tmp_path / "config.ini").chmod(0o600)
    commit(tmp_path, only(inserted("config.ini", b"token = 1\n", 0, b"# ours\n")))
    for path in (tmp_path / ".trainergen/journal").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_git_sees_the_records_and_not_the_journal(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    commit(tmp_path, only(Change(".trainergen/A.json", None, b"{}\n", private=True)))
    said = subprocess.run(
        ["git", "status", "--short", "-uall"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert said.stdout.split("\n") == ["?? .trainergen/.gitignore", "?? .trainergen/A.json", ""]


def test_identical_touches_nothing(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": "a\n", "b.py": "b\n"})
    commit(tmp_path, only(Change("a.py", b"a\n", b"a\n"), Change("b.py", b"b\n", b"b\n")))
    assert set(read_tree(tmp_path)) == {"a.py", "b.py"}
    os.utime(tmp_path / "a.py", ns=(1, 1))
    commit(tmp_path, only(Change("a.py", b"a\n", b"a\n"), Change("b.py", b"b\n", b"c\n")), force=True)
    assert (tmp_path / "a.py").stat().st_mtime_ns == 1
    assert (tmp_path / "b.py").read_bytes() == b"c\n"


NEW = Change("train/new.py", None, b"new\n")  # every conflict below stands beside it: it must not be written either
REFUSED = {
    "changed": (Change("a.py", b"other\n", b"x"), "a.py changed since it was read"),
    "appeared": (Change("a.py", None, b"x"), "a.py was created since it was read"),
    "vanished": (Change("gone.py", b"a\n", b"x"), "gone.py was deleted since it was read"),
    "identical, but changed": (Change("a.py", b"x\n", b"x\n"), "a.py changed since it was read"),
    "not ours": (Change("a.py", b"a\n", b"x"), "a.py is there already and differs"),
    "parent": (Change("../x.py", None, b"x"), "'../x.py' is no path inside the project"),
    "absolute": (Change("/tmp/x.py", None, b"x"), "'/tmp/x.py' is no path inside the project"),
    "nothing": (Change("", None, b"x"), "'' is no path inside the project"),
    "dotted": (Change("./a.py", None, b"x"), "'./a.py' is no path inside the project"),
    "link out": (Change("out/x.py", None, b"x"), "out/x.py is reached through a symbolic link that leads out"),
    "link to nothing": (Change("dangling", None, b"x"), "dangling is a symbolic link to nothing"),
    "case": (Change("A.py", None, b"x"), "A.py differs only in case from a.py"),
    "folder case": (Change("Train/x.py", None, b"x"), "Train/x.py differs only in case from train"),
    "own case": (Change("train/NEW.py", None, b"x"), "train/NEW.py differs only in case from train/new.py"),
    "folder": (Change("train", None, b"x"), "train is a folder"),
    "file as folder": (Change("a.py/x.py", None, b"x"), "a.py is a file, but a.py/x.py needs a folder"),
    "no file": (Change("pipe", None, b"x"), "pipe is no regular file"),
    "twice": (Change("link.py", b"old\n", b"x", ((0, 1),)), "link.py and train/old.py are the same file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_conflicts_leave_the_tree_alone(tmp_path: Path, case: str) -> None:
    root = write_tree(tmp_path / "project", {"a.py": "a\n", "train/old.py": "old\n"})
    (root / "out").symlink_to(tmp_path)
    (root / "dangling").symlink_to("nothing")
    (root / "link.py").symlink_to("train/old.py")
    os.mkfifo(root / "pipe")
    change, message = REFUSED[case]
    insertion = inserted("train/old.py", b"old\n", 0, b"# ours\n")
    shape = sorted((path, path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    with pytest.raises(Conflict) as caught:
        commit(root, only(NEW, insertion, change))
    assert caught.value.message.startswith(message)
    assert caught.value.hint
    assert sorted((path, path.lstat().st_mtime_ns) for path in tmp_path.rglob("*")) == shape
    assert conflicts(root, only(NEW, insertion)) == ()


def test_all_conflicts_are_named_at_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": "a\n", "b.py": "b\n"})
    with pytest.raises(Conflict) as caught:
        commit(tmp_path, only(Change("a.py", None, b"x"), Change("b.py", None, b"x")))
    assert "a.py" in caught.value.message
    assert any("b.py" in note for note in caught.value.notes)


def test_our_own_file_points_to_undo_and_force_replaces_it(tmp_path: Path) -> None:
    commit(
        tmp_path,
        only(Change("a.py", None, b"1\n"), Change(".trainergen/A.json", None, b'{"files": ["a.py"]}', private=True)),
    )
    change = Change("a.py", b"1\n", b"2\n")
    (found,) = conflicts(tmp_path, only(change))
    assert "trainergen undo" in str(found.hint)
    commit(tmp_path, only(change), force=True)
    assert (tmp_path / "a.py").read_bytes() == b"2\n"
    undo(tmp_path)
    assert (tmp_path / "a.py").read_bytes() == b"1\n"


@pytest.mark.parametrize("name", [".trainergen", ".trainergen/journal"])
def test_our_folder_may_not_be_a_link(tmp_path: Path, name: str) -> None:
    root = tmp_path / "project"
    (root / name).parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / name).symlink_to(elsewhere)
    with pytest.raises(Conflict, match="must be a folder"):
        commit(root, only(NEW))
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_interrupt_takes_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    write_tree(tmp_path, {"a.py": "a\n", "b.py": "b\n"})
    tree, calls, replace = read_tree(tmp_path), [0], os.replace

    def interrupted(source: str, target: str) -> None:
        calls[0] += 1
        if calls[0] == number:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        commit(tmp_path, only(inserted("a.py", b"a\n", 0, b"x\n"), inserted("b.py", b"b\n", 0, b"x\n"), NEW))
    assert read_tree(tmp_path) == tree


def test_spans_that_are_no_insertion_are_our_bug(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": "a\n"})
    with pytest.raises(InternalError):
        commit(tmp_path, only(Change("a.py", b"a\n", b"ab\nc\n", ((3, 5),))))
    assert read_tree(tmp_path) == {"a.py": (0o644, b"a\n")}


def test_no_such_project(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput):
        commit(tmp_path / "nowhere", only(NEW))


def test_the_diff_applies_and_gives_the_same_bytes(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git")
    befores = {
        "a b.py": b"1\n2\n3\n",
        "crlf.ini": b"x\r\ny",
        "form.py": b"a\x0cb\rc\n",
        '"q".py': b"q\n",
        "end.py": b"e",
    }
    changes = only(
        inserted("a b.py", befores["a b.py"], 2, b"one\n"),
        inserted("crlf.ini", befores["crlf.ini"], 4, b"\r\n[z]\r\n"),
        inserted("form.py", befores["form.py"], 6, b"d\n"),
        inserted('"q".py', befores['"q".py'], 0, b"p\n"),
        inserted("end.py", befores["end.py"], 1, b"nd\n"),
        Change("new/x.py", None, "x = 'ä'".encode()),
        Change("new/empty.py", None, b""),
        Change("new/run.sh", None, b"#!/bin/sh\n", executable=True),
        Change(".trainergen/A.json", None, b"{}\n", private=True),
        Change("same.py", b"s\n", b"s\n"),
    )
    text = render_diff(changes)
    assert "\\ No newline at end of file" in text
    assert "A.json" not in text
    assert "same.py" not in text
    write_tree(tmp_path, {**befores, "same.py": b"s\n"})
    subprocess.run(["git", "apply", "-"], input=text.encode(), cwd=tmp_path, check=True)
    for change in changes.changes[:-2]:
        assert (tmp_path / change.path).read_bytes() == change.after
    assert os.access(tmp_path / "new/run.sh", os.X_OK)


def test_the_diff_of_what_is_no_text() -> None:
    text = render_diff(only(Change("w.bin", b"\0\1", b"\0\1\2"), Change("l.ini", b"x = \xe9\n", b"x = \xe9\ny\n")))
    assert "Binary file w.bin: 2 -> 3 bytes" in text
    assert " x = \\xe9\n+y\n" in text
