"""The lab's own folder: the copy of the project that children work in, their scratch, and who removes it all."""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from . import processes, tree
from .protocol import Context, LabProblem

if TYPE_CHECKING:
    from pathlib import Path


class Workplace:
    """One project at a time, copied into the lab's folder.

    Args:
        folder: the lab's own, with a lock in it that its processes hold.
        forks: whether a process of its own may copy, while torch is imported in this one.
    """

    def __init__(self, folder: Path, forks: bool) -> None:
        self.folder = folder
        self._forks = forks
        self._number = 0
        self._original: Path | None = None
        self._copier: int | None = None
        self._baseline: tree.Baseline | None = None

    def use(self, original: Path) -> None:
        """Begin to copy `original`; `ready` waits for it."""
        self._wait_for_copy()
        if self._number:
            tree.remove_tree(self.place("tree"))
            tree.remove_tree(self.place("scratch"))
        self._number += 1
        self._original = original
        self._baseline = None
        self.place("scratch").mkdir(parents=True, exist_ok=True)
        if not self._forks:  # a process a request: the one before has left its tree, and what is in scratch is wanted
            if self.place("tree").exists():
                tree.remove_tree(self.place("tree"))
            self._copy()
            return
        pid = os.fork()
        if pid == 0:
            try:
                processes.die_with_parent(signal.SIGKILL)
                self._copy()
            finally:
                os._exit(0)
        self._copier = pid

    def ready(self, device: str) -> Context:
        """Where a child works, once the copy is there.

        Raises:
            LabProblem: it could not be made.
        """
        if self._original is None:
            raise LabProblem("internal", "a request before any tree was named")
        self._wait_for_copy()
        if self._baseline is None:
            try:
                found = marshal.loads(self.place("baseline").read_bytes())  # noqa: S302 - our own
            except (OSError, ValueError, EOFError) as error:
                found = f"{self._original} can't be copied: {error}"
            if isinstance(found, str):
                raise LabProblem("machine", found, hint="free space there, or point TMPDIR to a larger place")
            self._baseline = found
        return Context(self._root(), self._original, self.place("scratch"), device)

    def restore(self) -> None:
        """Put back what a child changed in the copy."""
        if self._baseline is None or self._original is None:
            return
        try:
            self._baseline = tree.restore(self._original, self._root(), self._baseline)
        except OSError:
            self.use(self._original)

    def place(self, name: str) -> Path:
        """A path in the lab's folder that belongs to the present tree."""
        return self.folder / f"{name}-{self._number}"

    def remove(self) -> None:
        """Remove the lab's folder, and those that crashed labs have left beside it."""
        tree.remove_tree(self.folder)
        remove_stale(self.folder.parent)

    def _root(self) -> Path:
        assert self._original is not None
        return self.place("tree") / (self._original.name or "root")

    def _copy(self) -> None:
        """Copy, and leave in a file what was copied, or what went wrong (this may be a process of its own)."""
        assert self._original is not None
        try:
            result: Any = tree.copy_tree(self._original, self._root())
        except OSError as error:
            result = f"{self._original} can't be copied to {self.place('tree')}: {error}"
        self.place("baseline").write_bytes(marshal.dumps(result))

    def _wait_for_copy(self) -> None:
        if self._copier is not None:
            os.waitpid(self._copier, 0)
            self._copier = None


def remove_stale(folder: Path) -> None:
    """Remove the folders of labs that are no more: nobody holds their lock."""
    import fcntl

    for path in folder.glob("trainergen-lab-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid != os.getuid() or time.time() - path.stat().st_mtime < 60:
                continue
            try:
                lock = os.open(path / "lock", os.O_RDWR)
            except FileNotFoundError:
                tree.remove_tree(path)
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                tree.remove_tree(path)
            finally:
                os.close(lock)
