"""Kills real processes before each of their file operations, and looks at what the next one makes of it.

Run as a script (``python -m tests.staging.crashing``): this interpreter loads nothing but the staging room, so that a
fork, a kill and a recovery take milliseconds. It prints one JSON object.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.building import read_tree, write_tree
from trainergen.errors import TrainergenError
from trainergen.staging.change_set import Change, ChangeSet
from trainergen.staging.commit import commit
from trainergen.staging.journal import recover
from trainergen.staging.undo import undo

if TYPE_CHECKING:
    from collections.abc import Callable

INI = "\ufeff; ours\r\n[model]\r\ndepth = 3".encode()  # BOM, CRLF, no final newline
REGISTRY = b"REGISTRY = {\n}\n"
EVENTS = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "os.truncate",
    "os.link",
    "fcntl.flock",
}


def inserted(path: str, before: bytes, at: int, text: bytes, **more: Any) -> Change:
    return Change(path, before, before[:at] + text + before[at:], ((at, at + len(text)),), **more)


def build(root: Path) -> None:
    files = {
        "settings/config.ini": INI,
        "train/__init__.py": REGISTRY,
        "train/old.py": b"old = 1\n",
        "README": b"\xff\x00",
    }
    write_tree(root, files)
    (root / "empty").mkdir()
    (root / "config").symlink_to("settings")
    (root / "settings/config.ini").chmod(0o640)
    (root / "train/old.py").chmod(0o700)


def change_set() -> ChangeSet:
    ini = b"\r\n[train_a]\r\nrate = 0.1\r\n"
    return ChangeSet(
        "ATrainer",
        (
            Change("train/a/deep/a.py", None, b"a = 1\n"),
            Change("scaffold/base.py", None, b"base = 1\n", shared=True),
            Change("run.sh", None, b"#!/bin/sh\n", executable=True),
            inserted("config/config.ini", INI, len(INI), ini, label="[train_a]"),
            inserted("train/__init__.py", REGISTRY, len(b"REGISTRY = {\n"), b'    "A": "a:A",\n'),
            Change("train/old.py", b"old = 1\n", b"new = 1\n"),
            Change(".trainergen/ATrainer.json", None, b"{}\n", private=True),
        ),
    )


def do_commit(root: Path) -> None:
    commit(root, change_set(), force=True)


def do_undo(root: Path) -> None:
    undo(root)


def do_recover(root: Path) -> None:
    recover(root)


ACTIONS: dict[str, Callable[[Path], None]] = {"commit": do_commit, "undo": do_undo, "recover": do_recover}


class Counter:
    """Counts the operations of this process that reach the disk, and dies of its own hand before one of them."""

    def __init__(self, kill_at: int, torn: bool, fail_replace: int) -> None:
        self.operations: list[tuple[str, str]] = []
        self.kill_at, self.torn, self.fail_replace = kill_at, torn, fail_replace
        self.write, self.fsync, self.replace = os.write, os.fsync, os.replace
        os.write, os.fsync, os.replace = self.on_write, self.on_fsync, self.on_replace  # no audit event tells of these
        sys.addaudithook(self.on_event)

    def step(self, name: str, path: object, to: object = "") -> bool:
        self.operations.append((name, f"{path}>{to}" if to else str(path)))
        return len(self.operations) == self.kill_at

    def on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        to = arguments[1] if event == "os.rename" else ""
        if (writes or event in EVENTS) and self.step(event, arguments[0], to):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_write(self, handle: int, data: Any) -> int:
        if self.step("write", os.readlink(f"/proc/self/fd/{handle}") if sys.platform == "linux" else handle):
            if self.torn:
                self.write(handle, bytes(data)[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return self.write(handle, data)

    def on_fsync(self, handle: int) -> None:
        if self.step("fsync", os.readlink(f"/proc/self/fd/{handle}") if sys.platform == "linux" else handle):
            os.kill(os.getpid(), signal.SIGKILL)
        self.fsync(handle)

    def on_replace(self, source: Any, target: Any) -> None:
        self.fail_replace -= 1
        if self.fail_replace == 0:
            raise OSError(28, "No space left on device", str(source))
        self.replace(source, target)


def in_child(root: Path, action: str, kill_at: int = 0, torn: bool = False, fail_replace: int = 0) -> dict[str, Any]:
    """Run an action in a process of its own: {"killed": bool, "error": str, "operations": [...]}."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        error = ""
        counter = Counter(kill_at, torn, fail_replace)
        try:
            ACTIONS[action](root)
        except TrainergenError as problem:
            error = f"{type(problem).__name__}: {problem.message}"
        except BaseException as problem:
            error = f"crashed: {problem!r}"
        with os.fdopen(writer, "w") as stream:
            json.dump({"killed": False, "error": error, "operations": counter.operations}, stream)
            stream.flush()
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return {"killed": True, "error": "", "operations": []}
    answer: dict[str, Any] = json.loads(said)
    return answer


class Bench:
    """A fresh project for each crash, and the two states that it may end in."""

    def __init__(self, folder: Path, action: str) -> None:
        self.root, self.action = folder / "project", action
        self.fresh()
        self.before = read_tree(self.root)
        self.trace = in_child(self.root, action)
        assert not self.trace["error"], self.trace
        self.after = read_tree(self.root)
        assert self.after != self.before

    def fresh(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        build(self.root)
        if self.action == "undo":
            do_commit(self.root)

    def outcome(self) -> str:
        """Recover in a fresh process and name the state; anything else is spelt out."""
        answer = in_child(self.root, "recover")
        tree = read_tree(self.root)
        if answer["error"]:
            return answer["error"]
        if tree in (self.before, self.after):
            return "before" if tree == self.before else "after"
        return f"mixed: {sorted(set(tree.items()) ^ set(self.before.items()), key=str)}"


def every_kill(bench: Bench) -> list[str]:
    """The outcome of a kill before each operation, and in the middle of each write."""
    outcomes = []
    for number in range(1, 10_000):
        for torn in (False, True):
            bench.fresh()
            if not in_child(bench.root, bench.action, number, torn)["killed"]:
                return outcomes
            outcomes.append(bench.outcome())
    raise AssertionError("it never ends")


def every_kill_of_a_recovery(bench: Bench, stride: int) -> list[str]:
    """The outcome where the process that recovers is killed as well, before each of its operations."""
    outcomes = []
    for first in range(1, len(bench.trace["operations"]) + 1, stride):
        for second in range(1, 10_000):
            bench.fresh()
            assert in_child(bench.root, bench.action, first)["killed"]
            if not in_child(bench.root, "recover", second)["killed"]:
                break
            outcomes.append(bench.outcome())
    return outcomes


def every_failure(bench: Bench) -> list[str]:
    """The outcome where each rename in turn is refused, and the process is killed at every third operation after it."""
    outcomes = []
    for refusal in range(1, 10_000):
        bench.fresh()
        answer = in_child(bench.root, bench.action, fail_replace=refusal)
        if not answer["error"]:
            return outcomes
        assert answer["error"].startswith("MachineRefused"), answer
        assert read_tree(bench.root) == bench.before, "not rolled back"
        start = next(
            i for i, each in enumerate(answer["operations"], 1) if each[0] == "os.rename" and "rollback" in each[1]
        )
        for number in range(start + 1 + refusal % 3, len(answer["operations"]) + 1, 3):
            bench.fresh()
            assert in_child(bench.root, bench.action, number, fail_replace=refusal)["killed"]
            outcomes.append(bench.outcome())
    raise AssertionError("it never ends")


def main(what: str, action: str) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        bench = Bench(Path(os.path.realpath(folder)), action)
        if what == "trace":
            print(json.dumps({"root": str(bench.root), "operations": bench.trace["operations"]}))
            return
        outcomes = {
            "kills": every_kill,
            "recoveries": lambda each: every_kill_of_a_recovery(each, 17),
            "failures": every_failure,
        }[what](bench)
        print(json.dumps({"operations": len(bench.trace["operations"]), "outcomes": outcomes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
