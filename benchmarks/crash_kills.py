"""A real SIGKILL at a chosen byte of what a training process writes: forked children that watch their own disk traffic."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPERATIONS = {
    "os.rename": "rename",
    "os.remove": "remove",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "shutil.rmtree": "rmtree",
}
"""Audit events that count as a byte each: a kill may fall right before one of them."""


@dataclass
class DiskTraffic:
    """Counts what this process writes below a folder, and kills it with SIGKILL at a byte of it.

    Files are opened as ever, but their lowest layer is one that counts: what it has been given up to the fatal byte is
    handed to the kernel, and then the process is gone, as a power cut's or the OOM killer's victim is: nothing of Python
    runs any more, no buffer is flushed, no temporary file removed. A rename, removal or new folder counts as a byte.

    Args:
        folder: what is written elsewhere does not count.
        fatal: the byte, counted from 1; None for counting alone.
        tell: is told what was being written when the kill came.
        all_at_once: whether the kill takes the whole process group.
    """

    folder: Path
    fatal: int | None = None
    tell: Callable[[str], None] = print
    all_at_once: bool = False
    written: int = field(default=0, init=False)

    def watch(self) -> None:
        """From now on; there is no way back, a forked child is made for this."""
        plain_open, root, traffic = io.open, str(self.folder), self

        class Counted(io.FileIO):
            def write(self, data: Any) -> int:  # type: ignore[override]
                view = memoryview(data).cast("B")
                room = traffic.room(len(view))
                if room is not None:
                    super().write(view[:room])
                    traffic.end(str(self.name))
                written = super().write(view)
                traffic.written += written or 0
                return written or 0

        def open_counted(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else ""
            if not str(path).startswith(root) or not set(mode) & set("wax"):
                return plain_open(file, mode, *arguments, **named)
            raw = Counted(path, mode.replace("t", "").replace("b", ""))
            buffered = io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8", write_through=False)

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in OPERATIONS:
                return
            place = _place(event, arguments)
            if place.startswith(root):
                if traffic.room(1) is not None:
                    traffic.end(f"{OPERATIONS[event]} {place}")
                traffic.written += 1

        io.open = open_counted
        sys.addaudithook(audit)

    def room(self, size: int) -> int | None:
        """How many of `size` bytes still reach the disk where the kill falls into them; else None."""
        left = None if self.fatal is None else self.fatal - 1 - self.written
        return left if left is not None and left < size else None

    def end(self, where: str) -> None:
        """Be killed."""
        self.tell(f"killed {where}")
        if self.all_at_once:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _place(event: str, arguments: tuple[Any, ...]) -> str:
    """What an operation is about, with its folder also where that is named by a file descriptor."""
    path = str(arguments[0])
    inside = arguments[1] if event in ("os.remove", "os.rmdir") else -1
    if inside != -1:
        with suppress(OSError):
            return os.path.join(os.readlink(f"/proc/self/fd/{inside}"), path)
    return path


@dataclass(frozen=True)
class Life:
    """What came of one forked process.

    Attributes:
        code: the exit status; negative for a signal.
        lines: what it told.
        error: the traceback, where it failed.
    """

    code: int
    lines: list[str]
    error: str

    def numbers(self, word: str) -> list[int]:
        """Of all lines ``word 7`` the number."""
        return [int(line.split(" ", 1)[1]) for line in self.lines if line.startswith(f"{word} ")]


def live(action: Callable[[Callable[[str], None]], object]) -> Life:
    """Run `action(tell)` in a forked child; `tell` reaches us whatever becomes of the child afterwards."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 0
        try:
            with _quiet():
                action(lambda line: _tell(writing, line))
        except SystemExit as problem:
            code = problem.code if isinstance(problem.code, int) else 1
        except BaseException:
            code = 1
            _tell(writing, "error " + traceback.format_exc().replace("\n", "\x00"))
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as told:
        lines = told.read().splitlines()
    _, status = os.waitpid(child, 0)
    errors = [line[6:].replace("\x00", "\n") for line in lines if line.startswith("error ")]
    return Life(os.waitstatus_to_exitcode(status), lines, "".join(errors))


def _tell(writing: int, line: str) -> None:
    os.write(writing, f"{line}\n".encode())


@contextmanager
def _quiet() -> Iterator[None]:
    # what a dying run logs is not the table's
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    yield
