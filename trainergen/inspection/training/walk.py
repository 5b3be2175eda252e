"""Which files are the project's own: Python source and documentation, without environments, builds and hidden folders."""

# Thousands of files: pathlib would triple the time.
# ruff: noqa: PTH118

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...lab.tree import DROPPED, LEFT_OUT

BUILT = frozenset({"site-packages", "dist-packages", "build", "dist", "wandb", "mlruns", "outputs"})
DOCUMENTS = (".md", ".rst", ".txt")
SETTINGS = (".ini", ".cfg", ".yaml", ".yml", ".json", ".toml")
LARGEST_SETTINGS = 1 << 18
"""Bytes: a larger file of these kinds holds data, no settings."""
MOST_ENTRIES = 200_000
"""Entries looked at; a tree with more (a data set below the project) is read in part, its upper folders first."""


@dataclass(frozen=True)
class SourceFile:
    """One file as the file system describes it.

    Attributes:
        path: relative, with forward slashes.
        stamp: modification time in nanoseconds and size in bytes: what tells that it is unchanged.
    """

    path: str
    stamp: tuple[int, int]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stamp[1]


@dataclass(frozen=True)
class Walked:
    """What lies below the project's root.

    Attributes:
        sources: Python files, sorted by path.
        documents: text files that may describe the project, sorted.
        settings: files that may hold settings, sorted.
        folders: every folder that was entered, sorted.
    """

    sources: tuple[SourceFile, ...]
    documents: tuple[str, ...]
    settings: tuple[str, ...]
    folders: tuple[str, ...]


def walk(root: Path) -> Walked:
    """The project's own files; folders that can't be read are passed over, links to folders are not followed."""
    sources: list[SourceFile] = []
    documents: list[str] = []
    settings: list[str] = []
    folders: list[str] = []
    waiting, entries_seen = [""], 0
    for folder in waiting:  # grows while it is walked: breadth first
        try:
            with os.scandir(os.path.join(root, folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        entries_seen += len(entries)
        if entries_seen > MOST_ENTRIES:
            break
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names and folder:
            continue
        folders.append(folder)
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            try:
                if entry.name.endswith(".py"):
                    if entry.is_file():
                        status = entry.stat()
                        sources.append(SourceFile(path, (status.st_mtime_ns, status.st_size)))
                elif entry.name.endswith(DOCUMENTS):
                    documents.append(path)
                elif entry.name.endswith(SETTINGS):
                    if entry.is_file() and entry.stat().st_size <= LARGEST_SETTINGS:
                        settings.append(path)
                elif entry.is_dir(follow_symlinks=False) and not left_out(entry.name):
                    waiting.append(path)
            except OSError:  # removed while we look, or a link into nowhere
                continue
    return Walked(
        tuple(sorted(sources, key=lambda each: each.path)),
        tuple(sorted(documents)),
        tuple(sorted(settings)),
        tuple(sorted(folders)),
    )


def left_out(name: str) -> bool:
    """Whether a folder of that name holds nothing that the project's authors wrote."""
    return (
        name.startswith(".")
        or name in BUILT
        or name in LEFT_OUT
        or name in DROPPED
        or name.endswith((".egg-info", ".dist-info"))
    )


def is_test(path: str) -> bool:
    """Whether a file is part of the tests: what stands there for a trainer is a double of one."""
    *folders, name = path.split("/")
    return (
        any(folder in ("test", "tests", "testing") for folder in folders)
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name == "conftest.py"
    )
