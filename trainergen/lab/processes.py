"""What the lab asks of the kernel about processes: die with the parent, adopt orphans, leave no grandchild behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def libc() -> ctypes.CDLL:
    """The C library of this process, with errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int) -> None:
    """Ask for signal `number` when the *thread* that made this process ends (Linux; elsewhere the pipe's end tells)."""
    if sys.platform == "linux":
        libc().prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux), so that `sweep` finds it."""
    if sys.platform == "linux":
        libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Children of `pid`, their children, and so on; empty where the system does not tell."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        tasks = Path(f"/proc/{waiting.pop()}/task")
        with contextlib.suppress(OSError):
            for task in tasks.iterdir():
                with contextlib.suppress(OSError):
                    children = [int(each) for each in (task / "children").read_text().split()]
                    found += children
                    waiting += children
    return found


def sweep(patience: float = 2.0) -> None:
    """Kill and reap every descendant of this process, also those that left their session or forked meanwhile.

    Args:
        patience: seconds after which what can't be killed (uninterruptible I/O) is left to the kernel.
    """
    deadline = time.monotonic() + patience
    while True:
        living = descendants(os.getpid())
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        reap()
        if not living or time.monotonic() > deadline:
            return
        time.sleep(0.001)


def reap() -> None:
    """Take the exit status of every child that has ended, so that none stays a zombie."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
