"""What ``--model`` names: the text before and after the colon, the file it means, and the name to import it by."""

from __future__ import annotations

import keyword
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import UnusableInput, did_you_mean, nearest

SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache", "runs"}
)
MAX_LISTED = 2000
"""Python files looked at for a did-you-mean."""

FORM = "write PATH.py:Class or package.module:Class"


@dataclass(frozen=True)
class Reference:
    """A reference taken apart: the import name of the module, its file where a path was given, and the class."""

    text: str
    module: str
    name: str
    file: Path | None


def parse_reference(text: str, root: Path, cwd: Path | None = None) -> Reference:
    """Takes ``PATH.py:Class`` or ``package.module:Class`` apart and finds the file of the first.

    Args:
        text: as typed.
        root: the project, absolute and resolved.
        cwd: where relative paths start; below `root` they may also start at `root`.

    Raises:
        UnusableInput: the text has another form, the file isn't there, is a notebook, lies outside the project, or
            cannot be imported by any name.
    """
    left, colon, name = text.rpartition(":")
    if not colon or not left or not name:
        raise UnusableInput(f"--model {text}: no class named", place=text.strip(":"), hint=_colon_hint(text))
    if left.endswith(".ipynb"):
        raise UnusableInput(
            f"--model {text}: a notebook cannot be imported by a trainer",
            place=left,
            hint=f"move class {name} into a .py file and name that: --model model.py:{name}",
        )
    if left == "__main__":
        raise UnusableInput(
            f"--model {text}: __main__ is whatever script runs, a trainer cannot import from it",
            hint=f"move class {name} into a .py file and name that: --model model.py:{name}",
        )
    _check_name(text, name)
    if left.endswith(".py"):
        file = _find_file(left, name, root, cwd)
        return Reference(text, module_name(file, root), name, file)
    if "/" in left or os.sep in left:
        raise UnusableInput(f"--model {text}: {left} has no .py suffix", hint=f"did you mean {left}.py:{name}?")
    for part in left.split("."):
        if not part.isidentifier() or keyword.iskeyword(part):
            raise UnusableInput(f"--model {text}: {left!r} is neither a .py file nor a module name", hint=FORM)
    return Reference(text, left, name, None)


def _colon_hint(text: str) -> str:
    bare = text.strip(":")
    if bare.endswith(".py") or "/" in bare:
        return f"name the class after a colon: --model {bare}:Class"
    module, _, name = bare.rpartition(".")
    return f"did you mean {module}:{name}?" if module and name[:1].isupper() else FORM


def _check_name(text: str, name: str) -> None:
    if keyword.iskeyword(name):
        raise UnusableInput(f"--model {text}: {name!r} is a Python keyword, no class can have that name", hint=FORM)
    if "." in name:
        raise UnusableInput(
            f"--model {text}: {name} is a class inside a class, which no import statement can name",
            hint="move it to the top level of its module, or write a function that returns it: --factory module:name",
        )
    if not name.isidentifier():
        raise UnusableInput(f"--model {text}: {name!r} is no Python name", hint=FORM)


def _find_file(left: str, name: str, root: Path, cwd: Path | None) -> Path:
    given = Path(left).expanduser()
    starts = [Path()] if given.is_absolute() else [*([cwd] if cwd else []), root]
    tried = [start / given for start in starts]
    file = next((path for path in tried if path.is_file()), None)
    if file is None:
        folder = next((path for path in tried if path.is_dir()), None)
        if folder is not None:
            raise UnusableInput(f"--model {left}: that is a folder", place=left, hint=FORM)
        files = python_files(root)
        match = nearest(left, files) or nearest_by_stem(left, files)
        hint = f"did you mean {match}:{name}?" if match else f"looked in {starts[-1] if starts else root}"
        raise UnusableInput(f"--model: no file {left}", place=left, hint=hint)
    resolved = file.resolve()
    if not resolved.is_relative_to(root):
        raise UnusableInput(
            f"--model: {left} lies outside the project {root}",
            place=str(resolved),
            hint="name the project with --project, or an installed module with package.module:Class",
        )
    return resolved


def nearest_by_stem(left: str, files: tuple[str, ...]) -> str | None:
    """The file of the same or nearly the same last name, in whatever folder."""
    stems = {Path(file).name: file for file in reversed(files)}
    match = nearest(Path(left).name, tuple(stems))
    return stems[match] if match else None


def python_files(root: Path) -> tuple[str, ...]:
    """Python files below `root`, relative, sorted, at most `MAX_LISTED`; environments and caches left out."""
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("."))
        here = Path(folder)
        if here != root and (here / "pyvenv.cfg").is_file():
            folders.clear()
            continue
        found += [(here / name).relative_to(root).as_posix() for name in sorted(files) if name.endswith(".py")]
        if len(found) >= MAX_LISTED:
            break
    return tuple(sorted(found)[:MAX_LISTED])


def module_name(file: Path, root: Path) -> str:
    """The name that `file` is imported by when `root` (or ``root/src`` in a src layout) is on ``sys.path``.

    Raises:
        UnusableInput: a folder or the file has a name that no import statement can spell, or hides a standard module.
    """
    parts = list(file.relative_to(root).with_suffix("").parts)
    if parts[0] == "src" and len(parts) > 1 and not (root / "src" / "__init__.py").is_file():
        del parts[0]
    if parts[-1] == "__init__":
        del parts[-1]
    shown = file.relative_to(root).as_posix()
    if not parts:
        raise UnusableInput(
            f"--model: {shown} is the project's own root package", hint="name the module that defines the class"
        )
    for part in parts:
        if not part.isidentifier() or keyword.iskeyword(part):
            raise UnusableInput(
                f"--model: {shown} cannot be imported, {part!r} is no module name",
                place=shown,
                hint=f"rename it to {_identifier(part)}, or write a function that returns it: --factory module:name",
            )
    if parts[0] in sys.stdlib_module_names:
        raise UnusableInput(
            f"--model: {shown} has the name of the standard module {parts[0]}, one of the two hides the other",
            place=shown,
            hint=f"rename it, for example to {parts[0]}_model",
        )
    return ".".join(parts)


def _identifier(part: str) -> str:
    text = "".join(letter if letter.isalnum() else "_" for letter in part)
    if keyword.iskeyword(text):
        return text + "_"
    return text if text.isidentifier() else "_" + text


def missing_module(reference: Reference, root: Path, search_path: tuple[Path, ...]) -> UnusableInput:
    """The error for a module that is neither in the project nor on the search path."""
    names = tuple(
        file.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for file in python_files(root)
    )
    match = nearest(reference.module, names)
    searched = ", ".join(str(path) for path in search_path)
    hint = f"did you mean {match}:{reference.name}?" if match else f"searched {searched}" if searched else FORM
    return UnusableInput(f"--model {reference.text}: no module {reference.module}", hint=hint)


def missing_class(reference: Reference, shown: str, names: tuple[str, ...], elsewhere: str | None) -> UnusableInput:
    """The error for a class that the file doesn't have; `elsewhere` says where the name does occur in it."""
    notes = (elsewhere,) if elsewhere else ()
    hint = did_you_mean(reference.name, names) if names else f"{shown} defines no class"
    return UnusableInput(f"no class {reference.name} in {shown}", place=shown, hint=hint, notes=notes)
