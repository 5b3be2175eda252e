"""The few file operations that a commit is made of, each forced to the disk before the next relies on it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from trainergen.errors import MachineRefused

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)  # Windows has only the second, and needs it
_HINTS = {
    errno.EACCES: "give yourself write permission there, or run as the user who owns the project",
    errno.EPERM: "give yourself write permission there, or run as the user who owns the project",
    errno.EROFS: "the file system is mounted read-only; work in a writable copy",
    errno.ENOSPC: "free some space on that disk and run the command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the command again",
}


def refused(problem: OSError, path: Path | str, said: str = "nothing was written") -> MachineRefused:
    """What the operating system said about `path`, as an error with exit code 6 and a hint; `said` is the outcome."""
    place = os.fsdecode(problem.filename) if problem.filename else str(path)
    reason = problem.strerror or str(problem)
    return MachineRefused(
        f"{said}: {reason.lower()}",
        place=place,
        hint=_HINTS.get(problem.errno or 0, "make that path writable and run the command again"),
    )


def demand_writable(folder: Path) -> None:
    """Refuse a folder that can't be written to, before minutes are spent on what would go there.

    Raises:
        MachineRefused: no permission, or a read-only file system.
    """
    if os.access(folder, os.W_OK):
        return
    read_only = sys.platform != "win32" and os.statvfs(folder).f_flag & os.ST_RDONLY
    number = errno.EROFS if read_only else errno.EACCES
    raise refused(OSError(number, os.strerror(number), str(folder)), folder)


def read(path: Path) -> bytes | None:
    """The bytes of a file, None where there is none (nor its folder)."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def permission_bits(path: Path) -> int | None:
    """Mode bits of a file (rwx, setuid, setgid, sticky), None where there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_new(path: Path, data: bytes, mode: int, *, exact: bool = False, like: Path | None = None) -> None:
    """Create `path` with `data` and force it to the disk.

    Args:
        path: must not be there.
        data: all of its bytes.
        mode: permission bits, less the umask unless `exact`.
        exact: whether the bits are set whatever the umask says.
        like: a file whose owner the new one takes over, where the system allows it.

    Raises:
        OSError: as the system says; what was written of the file by then stays.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, mode & 0o777)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        if like is not None and sys.platform != "win32":
            _take_owner(handle, like)
        if exact and sys.platform != "win32":
            os.fchmod(handle, mode)  # after the owner: chown clears setuid
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_owner(handle: int, like: Path) -> None:
    try:
        wanted = like.stat()
    except FileNotFoundError:
        return
    now = os.fstat(handle)
    if (wanted.st_uid, wanted.st_gid) != (now.st_uid, now.st_gid):
        with suppress(PermissionError):  # only root may give a file away; the content matters more
            os.fchown(handle, wanted.st_uid, wanted.st_gid)


def sync_folder(path: Path) -> None:
    """Force the names in a folder to the disk (a rename is durable only then); a folder that is gone needs none."""
    if sys.platform == "win32":  # folders can't be opened there; NTFS keeps a journal of names itself
        return
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync names by themselves
            raise
    finally:
        os.close(handle)


def unlink(path: Path) -> None:
    """Remove a file; that there is none is as good."""
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def remove_if_empty(path: Path) -> bool:
    """Remove a folder if nothing is in it, and say whether it is gone."""
    try:
        path.rmdir()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return True
