"""Copies the user's code tree to where the lab may run it: small files as copies, the rest as links for reading.

A real copy, because nothing else is right for sibling imports, ``__file__``, listings, ``inspect`` and spawned workers
at once: hard links let an append through, symlinked files resolve back into the original.
"""

# Thousands of files while torch loads beside it: pathlib would triple the time.
# ruff: noqa: PTH101, PTH102, PTH103, PTH108, PTH110, PTH112, PTH114, PTH115, PTH116, PTH118, PTH120, PTH208, PTH211

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LARGE = 1 << 20  # bytes: from here on a file that is no code is linked
MOST_BYTES = 100 << 20  # of copies; what comes later is linked unless it is code
MOST_ENTRIES = 20_000  # of files and links; folders that come later are linked as wholes
CROWDED = 1_000  # entries of a folder without code or folders, which is data: linked as a whole

CODE = (".py", ".pyi", ".ini", ".toml", ".cfg", ".yaml", ".yml", ".json")
NATIVE = (".so", ".pyd", ".dylib")  # linked: a tmpfs mounted noexec could not load a copy
WRITTEN = ".log"  # never linked: who has logged there before goes on writing to it, and reads nothing

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "node_modules", ".venv", "venv", ".tox", ".nox", ".mypy_cache", ".ruff_cache"}
)
DROPPED = frozenset({"__pycache__", ".pytest_cache", ".ipynb_checkpoints"})
RUNS = frozenset(
    {"runs", "wandb", "mlruns", "lightning_logs", "outputs", "checkpoints", "logs", "tensorboard", "multirun"}
)

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

Baseline = dict[str, tuple[int, int, int]]  # relative path -> (ctime_ns, size, mode) of what was put there


def copy_tree(original: Path, copy: Path) -> Baseline:
    """Make `copy`, a tree in which the user's code runs as in `original`.

    Args:
        original: the project's root, resolved.
        copy: a path that does not exist yet.

    Returns:
        What was put there, for `restore`.

    Raises:
        OSError: no space, or `original` can't be read.
    """
    os.makedirs(copy)
    state = _Copying(os.fspath(original), os.fspath(copy))
    waiting = deque([""])
    while waiting:  # breadth first: when the caps are reached, what lies deepest is linked
        waiting.extend(state.copy_folder(waiting.popleft()))
    return baseline(copy)


def baseline(copy: Path) -> Baseline:
    """What lies in `copy` now: every file, link and folder without following links."""
    found: Baseline = {}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(copy, folder)) as entries:
            for entry in entries:
                relative = f"{folder}{os.sep}{entry.name}" if folder else entry.name
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    found[relative] = (0, 0, status.st_mode)
                    waiting.append(relative)
                else:  # ctime: a program may set the other times at will
                    found[relative] = (status.st_ctime_ns, status.st_size, status.st_mode)
    return found


def restore(original: Path, copy: Path, before: Baseline) -> Baseline:
    """Bring `copy` back to `before`, after a request whose code (or whose staged files) changed it.

    Returns:
        The new baseline.
    """
    now = baseline(copy)
    changed = {path for path, mark in now.items() if before.get(path) != mark}
    missing = before.keys() - now.keys()
    if not changed and not missing:
        return before
    for path in sorted(changed, reverse=True):
        _remove(os.path.join(copy, path))
    state = _Copying(os.fspath(original), os.fspath(copy))
    for path in sorted(missing | (changed & before.keys())):
        state.copy_again(path, before[path][2])
    return baseline(copy)


def source_roots(copy: Path) -> list[Path]:
    """What goes on ``sys.path``, first first: ``src`` of a src layout, then the root."""
    source = copy / "src"
    if source.is_dir() and not (source / "__init__.py").exists():
        return [source, copy]
    return [copy]


def remove_tree(folder: Path) -> None:
    """Remove `folder` with everything in it, also what the user's code made unreadable; links are not followed."""

    def open_up(_: object, path: str, __: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            if not os.path.islink(path):  # else it would be the user's own file whose mode is changed
                os.chmod(path, stat.S_IRWXU)
            _remove(path)

    shutil.rmtree(folder, onerror=open_up)


class _Copying:
    """One copying: where from, where to, and how much of the caps is used up."""

    def __init__(self, original: str, copy: str) -> None:
        self._original = original
        self._copy = copy
        self._bytes = 0
        self._entries = 0

    def copy_folder(self, folder: str) -> list[str]:
        """Fill the folder (it exists in the copy); the folders in it that are to be filled next."""
        try:
            with os.scandir(os.path.join(self._original, folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except PermissionError:
            return []
        self._entries += len(entries)
        inside = []
        for entry in entries:
            relative = f"{folder}{os.sep}{entry.name}" if folder else entry.name
            if entry.name in DROPPED:
                continue
            with contextlib.suppress(FileNotFoundError):  # removed while we look
                if entry.is_symlink():
                    self._copy_link(relative)
                elif entry.is_dir():
                    if self._fill(entry, relative):
                        inside.append(relative)
                elif entry.is_file():
                    self._copy_file(relative, entry.stat())
        return inside

    def copy_again(self, relative: str, mode: int) -> None:
        """One entry that `restore` lost."""
        source = os.path.join(self._original, relative)
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(mode):
                os.makedirs(os.path.join(self._copy, relative), exist_ok=True)
            elif os.path.islink(source):
                self._copy_link(relative)
            elif stat.S_ISLNK(mode):
                self._link(relative)
            else:
                self._copy_file(relative, os.stat(source))

    def _fill(self, entry: os.DirEntry[str], relative: str) -> bool:
        """Make the folder, as a link or real; whether its content is still to be copied."""
        if (
            entry.name in LEFT_OUT
            or self._entries > MOST_ENTRIES
            or os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
        ):
            self._link(relative)
            return False
        if entry.name in RUNS and not _has_code(entry.path):
            self._make_runs_folder(entry.path, relative)
            return False
        if _is_data(entry.path):
            self._link(relative)
            return False
        os.mkdir(os.path.join(self._copy, relative))
        return True

    def _make_runs_folder(self, path: str, relative: str) -> None:
        """A folder that programs write to: real, so that they may, with what is in it linked for reading."""
        os.mkdir(os.path.join(self._copy, relative))
        with contextlib.suppress(PermissionError):
            for name in sorted(os.listdir(path))[:CROWDED]:
                self._entries += 1
                if not name.endswith(WRITTEN):
                    self._link(os.path.join(relative, name))

    def _copy_link(self, relative: str) -> None:
        """A link of the user's: within the tree it stays within the copy, elsewhere it points where it pointed."""
        source = os.path.join(self._original, relative)
        target = os.readlink(source)
        absolute = os.path.normpath(os.path.join(os.path.dirname(source), target))
        if absolute == self._original or absolute.startswith(self._original + os.sep):
            inside = os.path.relpath(absolute, os.path.dirname(source))
            os.symlink(inside, os.path.join(self._copy, relative))
        else:
            os.symlink(absolute, os.path.join(self._copy, relative))

    def _copy_file(self, relative: str, status: os.stat_result) -> None:
        name, size = relative.lower(), status.st_size
        if name.endswith(NATIVE) or (
            not name.endswith((".py", ".pyi"))
            and (size >= (LARGE * 8 if name.endswith(CODE) else LARGE) or self._bytes + size > MOST_BYTES)
        ):
            if not name.endswith(WRITTEN):
                self._link(relative)
            return
        self._bytes += size
        try:
            source = os.open(f"{self._original}{os.sep}{relative}", _READ)
        except PermissionError:
            self._link(relative)  # it can't be read there either
            return
        try:
            target = os.open(f"{self._copy}{os.sep}{relative}", _WRITE, stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
            try:
                left = size
                while left > 0 and (block := os.read(source, min(left, LARGE))):
                    left -= len(block)
                    while block:
                        block = block[os.write(target, block) :]
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _link(self, relative: str) -> None:
        os.symlink(os.path.join(self._original, relative), os.path.join(self._copy, relative))


def _is_data(path: str) -> bool:
    """Whether a folder holds so many files, none of them code and no folders, that it can only be data."""
    count = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.endswith((".py", *NATIVE)) or entry.is_dir():
                    return False
                count += 1
    except PermissionError:
        return True
    return count > CROWDED


def _has_code(path: str) -> bool:
    with contextlib.suppress(PermissionError):
        return any(name.endswith(".py") for name in os.listdir(path))
    return False


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
