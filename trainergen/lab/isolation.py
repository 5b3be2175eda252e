"""Namespaces, where the kernel gives them away for free: no network, and the project's own folder read-only.

Best effort, and a second line only: the audit hook of `guard` says more clearly what was refused, but it does not see
writes from C++ or from programs that the user's code starts. This contains accidents, not attackers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

from .processes import libc

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
# flags of a mount that a remount in a user namespace must repeat: (statvfs, mount)
_KEPT_FLAGS = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))


def leave_network() -> bool:
    """Move this process (single-threaded still) into an empty network with only a loopback; whether that worked.

    A process without privileges needs a user namespace for it. Some systems grant one without any capability in it,
    which would only leave us as nobody: so a forked child tries first.
    """
    if sys.platform != "linux":
        return False
    if os.geteuid() == 0:
        return _unshare(_CLONE_NEWNET) and _raise_loopback()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if _enter_own_namespaces() else 1)
    _, status = os.waitpid(pid, 0)
    return status == 0 and _enter_own_namespaces() and _raise_loopback()


def make_read_only(folder: Path, writable: Path) -> bool:
    """Mount `folder` read-only for this process and its children; whether that worked.

    Args:
        folder: the user's project.
        writable: the lab's own folder: where it lies inside `folder` nothing is mounted.
    """
    if sys.platform != "linux" or writable.is_relative_to(folder) or not _unshare(_CLONE_NEWNS):
        return False
    path = os.fsencode(folder)
    kept = 0
    with contextlib.suppress(OSError):
        present = os.statvfs(folder).f_flag
        kept = sum(mount for stat, mount in _KEPT_FLAGS if present & stat)
    return (
        _mount(None, b"/", _MS_REC | _MS_PRIVATE)
        and _mount(path, path, _MS_BIND | _MS_REC)
        and _mount(None, path, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | kept)
    )


def _enter_own_namespaces() -> bool:
    user, group = os.geteuid(), os.getegid()
    if not _unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        return False
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
    except OSError:
        return False
    return True


def _unshare(flags: int) -> bool:
    return bool(libc().unshare(flags) == 0)


def _mount(source: bytes | None, target: bytes, flags: int) -> bool:
    return bool(libc().mount(source, target, None, ctypes.c_ulong(flags), None) == 0)


def _raise_loopback() -> bool:
    """Bring ``lo`` up, for code that talks to itself (a gloo process group of one). True: without it all else holds."""
    import fcntl
    import socket
    import struct

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(link, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(link, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))
    return True
