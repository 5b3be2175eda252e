"""What was found in a file, kept by its content: the second check of an unchanged file reads it instead of looking again."""

# ruff: noqa: PTH100, PTH103, PTH105, PTH111, PTH118, PTH120, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import contextlib
import marshal
import os
from typing import TYPE_CHECKING

try:
    from _blake2 import blake2b  # hashlib loads OpenSSL first, which costs more than a cached check
except ImportError:
    from hashlib import blake2b

from .finding import Finding, Plain, as_tuple, from_tuple

if TYPE_CHECKING:
    from collections.abc import Iterable

Entry = tuple[tuple[tuple[str, bytes], ...], tuple[Plain, ...]]


class Cache:
    """One file a project and set of gates, in ``$XDG_CACHE_HOME/trainergen/check``.

    Args:
        root: the project's folder.
        settings: all that a verdict depends on beside the file itself: the codes that run, torch's range.
    """

    def __init__(self, root: str, settings: str) -> None:
        self._root = root
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        name = blake2b(f"{root}\0{settings}\0{_version()}".encode(), digest_size=16).hexdigest()
        self._path = os.path.join(base, "trainergen", "check", name)
        self._entries: dict[bytes, Entry] = {}
        self._used: dict[bytes, Entry] = {}
        with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(self._path, "rb") as stream:
            self._entries = marshal.load(stream)  # noqa: S302 - our own, in the user's own folder

    def get(self, path: str, data: bytes) -> list[Finding] | None:
        """What was found in a file of this content at this place, if all that it was judged by is as it was."""
        key = _digest(path.encode() + b"\0" + data)
        entry = self._entries.get(key)
        if entry is None:
            return None
        for other, digest in entry[0]:
            if self.digest(other) != digest:
                return None
        self._used[key] = entry
        return [from_tuple(values) for values in entry[1]]

    def put(self, path: str, data: bytes, consulted: Iterable[str], findings: list[Finding]) -> None:
        """Keep what was found, with the other files that were consulted (also those that weren't there)."""
        others = tuple((other, self.digest(other)) for other in sorted(consulted) if other != path)
        self._used[_digest(path.encode() + b"\0" + data)] = (others, tuple(as_tuple(each) for each in findings))

    def digest(self, path: str) -> bytes:
        """The digest of a file of the project; empty where there is none."""
        try:
            with open(os.path.join(self._root, path), "rb") as stream:
                return _digest(stream.read())
        except OSError:
            return b""

    def write(self) -> None:
        """Write it to disk, all at once; entries that this run didn't meet are kept. A full or read-only disk is no error."""
        if all(key in self._entries for key in self._used):
            return
        entries = {**self._entries, **self._used}
        if len(entries) > 20_000:
            entries = self._used
        with contextlib.suppress(OSError, ValueError):
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            temporary = f"{self._path}.{os.getpid()}"
            with open(temporary, "wb") as stream:
                marshal.dump(entries, stream)
            os.replace(temporary, self._path)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _version() -> str:
    """What changes when the gates do: the size and time of each of their files."""
    folder = os.path.dirname(os.path.abspath(__file__))
    told = []
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        if entry.name.endswith(".py"):
            status = entry.stat()
            told.append(f"{entry.name}:{status.st_size}:{status.st_mtime_ns}")
    return "|".join(told)
