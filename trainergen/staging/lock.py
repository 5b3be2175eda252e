"""One trainergen command at a time in a project, by a lock that leaves nothing behind."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trainergen.errors import MachineRefused, UnusableInput
from trainergen.staging.durable import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.05
_NO_FOLDER_LOCKS = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)
_UNLOCKED = "the project can't be locked"
_held: set[tuple[int, int, int]] = set()  # (process, device, inode): a forked child holds nothing


@contextmanager
def project_lock(
    root: Path, *, wait_seconds: float = WAIT_SECONDS, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the project at `root` until the block ends; a nested call in the same process is free.

    The lock is ``flock`` on the folder itself, so it vanishes with the process and there is no lock file to clean up.
    Where folders can't be locked (NFS), a file in the temporary folder serves, which holds back this user's commands on
    this machine only. Windows has neither, and no lock.

    Args:
        root: the project folder.
        wait_seconds: how long to wait for another command.
        waiting: told once, in a sentence, when there is something to wait for.

    Raises:
        MachineRefused: another command still holds it after `wait_seconds`, or the folder can't be opened.
        UnusableInput: there is no such folder.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise UnusableInput("the project folder does not exist", place=str(root), hint="create it first") from None
    except OSError as problem:
        raise refused(problem, root, _UNLOCKED) from problem
    about = os.fstat(handle)
    key = (os.getpid(), about.st_dev, about.st_ino)
    if key in _held:
        os.close(handle)
        yield
        return
    try:
        _acquire(handle, root, wait_seconds, waiting)
        _held.add(key)
        yield
    finally:
        _held.discard(key)
        os.close(handle)


def _acquire(handle: int, root: Path, wait_seconds: float, waiting: Callable[[str], None] | None) -> None:
    """Lock `handle`; where its folder can't be locked, turn it into one of the stand-in file and lock that."""
    import fcntl

    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        except OSError as problem:
            if problem.errno not in _NO_FOLDER_LOCKS or not stat.S_ISDIR(os.fstat(handle).st_mode):
                raise refused(problem, root, _UNLOCKED) from problem
            _stand_in(handle)
            continue
        holder = _holder(handle)
        who = f"process {holder}" if holder is not None else "another trainergen command"
        if time.monotonic() >= deadline:
            raise MachineRefused(
                f"{who} is at work in this project",
                place=str(root),
                hint=f"wait until it ends, or stop it{f': kill {holder}' if holder is not None else ''}",
            )
        if waiting is not None and not told:
            waiting(f"waiting for {who}, which is at work in this project")
            told = True
        time.sleep(_PAUSE_SECONDS)


def _stand_in(handle: int) -> None:
    """Make `handle`, of a folder, one of a file in the temporary folder that stands for it."""
    about = os.fstat(handle)
    name = f"trainergen-{os.getuid()}-{about.st_dev}-{about.st_ino}.lock"
    path = Path(os.environ.get("TMPDIR", "/tmp")) / name  # noqa: S108  (private by its name and bits; never read)
    try:
        other = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise refused(problem, path, _UNLOCKED) from problem
    os.dup2(other, handle, inheritable=False)
    os.close(other)


def _holder(handle: int) -> int | None:
    """The process that holds the lock on an open file, where the system tells (Linux: proc(5), /proc/locks)."""
    about = os.fstat(handle)
    exact = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5] == exact and words[4].isdigit() and int(words[4]) > 0:
            return int(words[4])
    return None
