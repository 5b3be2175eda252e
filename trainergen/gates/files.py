"""The files that a check is about: found below folders, read as Python reads them."""

# ruff: noqa: PTH100, PTH109, PTH110, PTH112, PTH118, PTH119, PTH120, PTH208  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import UnusableInput, did_you_mean
from .choosing import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT_MARKERS = ("pyproject.toml", "setup.py", "config.ini", ".git")
_SKIPPED = {"node_modules", "__pycache__", "build", "dist", "site-packages", "venv", "runs", "wandb", "mlruns"}


def root_of(project: str | None) -> str:
    """The project's folder: the one given, else the nearest upwards with a marker, else the current one.

    Raises:
        UnusableInput: no such folder.
    """
    if project is not None:
        if not os.path.isdir(project):
            raise UnusableInput(
                f"--project {project}: no such folder", place=os.path.abspath(project), hint="create it first"
            )
        return os.path.realpath(project)
    return root_above(os.path.realpath(os.getcwd()))


def root_above(folder: str) -> str:
    """The nearest folder with a marker, from `folder` upwards; `folder` itself where none has one."""
    here = folder
    while True:
        if any(os.path.exists(os.path.join(folder, marker)) for marker in ROOT_MARKERS):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return here
        folder = parent


def relative(path: str, root: str) -> str:
    """A path as it is shown and matched: from the root with forward slashes, or as it is where it lies elsewhere."""
    folder, name = os.path.split(path)
    real = os.path.join(os.path.realpath(folder or "."), name)  # a link is known by its own name
    inside = real == root or real.startswith(root + os.sep)
    return (os.path.relpath(real, root) if inside else path).replace(os.sep, "/")


def find(paths: tuple[str, ...], root: str, exclude: tuple[str, ...]) -> list[str]:
    """The files that `paths` mean, in order: named ones whatever they are called, of folders all ``.py`` and ``.ipynb``.

    Raises:
        UnusableInput: no such file.
    """
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            found.update(dict.fromkeys(_below(path, root, exclude)))
        elif os.path.exists(path):
            found[path] = None
        else:
            folder, name = os.path.split(path)
            near = sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []
            raise UnusableInput(f"no file {path}", place=os.path.abspath(path), hint=did_you_mean(name, near))
    return list(found)


def _below(folder: str, root: str, exclude: tuple[str, ...]) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not _skipped(os.path.join(place, name)) and not _excluded(os.path.join(place, name), root, exclude)
        )
        for name in sorted(names):
            if name.endswith((".py", ".ipynb")):
                path = os.path.join(place, name)
                shown = path[2:] if path.startswith("./") else path
                if not _excluded(path, root, exclude):
                    yield shown


def passed_over(path: str, root: str, exclude: tuple[str, ...]) -> bool:
    """Whether a check of the whole folder `root` leaves out the file at `path` below it."""
    folder = os.path.dirname(path)
    while folder.startswith(root + os.sep):
        if _skipped(folder) or _excluded(folder, root, exclude):
            return True
        folder = os.path.dirname(folder)
    return _excluded(path, root, exclude)


def _skipped(folder: str) -> bool:
    name = os.path.basename(folder)
    return name.startswith(".") or name in _SKIPPED or os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def _excluded(path: str, root: str, exclude: tuple[str, ...]) -> bool:
    if not exclude:
        return False
    shown = relative(path, root)
    return any(matches(shown, pattern) for pattern in exclude)


def decode(data: bytes) -> str:
    """The text of a source file: UTF-8, or what its first two lines declare; line ends as they are.

    Raises:
        ValueError: it has null bytes, or isn't what it declares.
    """
    if b"\0" in data:
        raise ValueError("it has null bytes")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as problem:
        import re

        declared = re.search(rb"coding[:=]\s*([-\w.]+)", b"\n".join(data.split(b"\n", 2)[:2]))
        if declared is None:
            line = data[: problem.start].count(b"\n") + 1
            raise ValueError(f"line {line} is not UTF-8, and the file declares no encoding") from None
        try:
            return data.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            raise ValueError(f"it is not {declared[1].decode('ascii')}, which it declares") from None
