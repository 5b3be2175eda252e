"""Reads the project that a trainer goes into: its root, our layout in it, the user's files in the way."""

from __future__ import annotations

import ast
import keyword
import re
from pathlib import Path

from ..errors import Conflict, UnusableInput, did_you_mean
from .formatter import read_formatter
from .project_facts import ProjectFacts

ROOT_MARKERS = ("pyproject.toml", "setup.py", "config.ini", ".git")
DEFAULT_PACKAGE = "training"
LAYOUT = ("train.py", "config.py", "dataloader.py")
"""Modules that the default layout names itself, or would hide (a package hides the module of the same name)."""


def find_root(root: Path | None, cwd: Path) -> tuple[Path, str]:
    """The project's folder and why it is that: `root` as given, else the nearest ancestor of `cwd` with a marker.

    Raises:
        UnusableInput: `root` is no folder.
    """
    if root is not None:
        given = root if root.is_absolute() else cwd / root
        if not given.is_dir():
            known = (
                tuple(sorted(each.name for each in given.parent.iterdir() if each.is_dir()))
                if given.parent.is_dir()
                else ()
            )
            raise UnusableInput(
                f"--project {root}: no such folder",
                place=str(given),
                hint=did_you_mean(given.name, known) if known else "create it first",
            )
        return given.resolve(), "--project"
    here = cwd.resolve()
    for folder in (here, *here.parents):
        for marker in ROOT_MARKERS:
            if (folder / marker).exists():
                return folder, f"{marker} found"
    return here, "the current folder"


def read_project(root: Path | None, cwd: Path, package: str | None = None) -> ProjectFacts:
    """The facts about the project.

    Args:
        root: ``--project``.
        cwd: the current folder, absolute.
        package: ``--package``: the folder below which ``train/`` and ``config/`` go.

    Raises:
        UnusableInput: no such folder; `package` is no package name.
        Conflict: config.ini has a section twice, the registry does not parse, or the user's files leave no room.
    """
    folder, reason = find_root(root, cwd)
    owned = _owned(folder)
    if package is not None:
        _check_package(folder, package)
    chosen = package if package is not None else _home(folder, owned)
    base = folder / chosen
    if chosen and not is_ours(base):
        _check_room(folder, chosen, asked=package is not None)
    prefix = f"{chosen}." if chosen else ""
    ini = base / "config.ini"
    shown = ini.relative_to(folder).as_posix()
    ours = is_ours(base)
    return ProjectFacts(
        root=str(folder),
        root_reason=reason,
        package=chosen,
        scaffold=ours and (base / "config" / "base.py").is_file() and ini.is_file(),
        vendored=(base / "train" / "_runtime").is_dir(),
        owned=owned,
        config_file=shown,
        train_module=f"{prefix}train",
        config_module=f"{prefix}config",
        sections=tuple(section for section, _ in read_sections(ini, shown)),
        registry=read_registry(base / "train" / "__init__.py", folder),
        files=tuple(sorted(each.name for each in folder.iterdir())),
        formatter=read_formatter(folder),
        records=_names(folder / ".trainergen", ".json"),
        train_files=_names(base / "train", ".py"),
    )


def _home(folder: Path, owned: tuple[str, ...]) -> str:
    """The package that the default project stands in, or is to stand in; "" for the root itself."""
    if is_ours(folder):
        return ""
    found = [each.name for each in folder.iterdir() if each.name.isidentifier() and is_ours(each)]
    if len(found) == 1:
        return found[0]
    return DEFAULT_PACKAGE if owned else ""


def is_ours(base: Path) -> bool:
    """Whether the default project stands below `base`: its ``base_trainer.py`` imports our runtime."""
    file = base / "train" / "base_trainer.py"
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^from (trainergen\.runtime|\._runtime)\b", text, re.MULTILINE) is not None


def _owned(folder: Path) -> tuple[str, ...]:
    """What of the user's has a name that the default layout needs; nothing once that layout is there."""
    if is_ours(folder):
        return ()
    names = [name for name in LAYOUT if (folder / name).is_file()]
    return (*names, *(f"{name}/" for name in ("train", "config") if _holds_something(folder / name)))


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(each.name != "__pycache__" for each in folder.iterdir())


def _check_package(folder: Path, package: str) -> None:
    if not package.isidentifier() or keyword.iskeyword(package):
        raise UnusableInput(
            f"--package {package}: not the name of a package",
            hint="one folder of the project, a Python name: --package training",
        )
    if (folder / f"{package}.py").exists():
        raise Conflict(
            f"{package}.py exists: a package {package}/ beside it would hide it",
            place=f"{package}.py",
            hint="another --package",
        )
    if (folder / package).exists() and not (folder / package).is_dir():
        raise Conflict(f"{package} exists and is no folder", place=package, hint="another --package")


def _check_room(folder: Path, package: str, *, asked: bool) -> None:
    """Refuses a package folder in which the user has files of the names that we would write."""
    base = folder / package
    taken = [name for name in ("config.ini", "__main__.py", *LAYOUT) if (base / name).is_file()]
    taken += [f"{name}/" for name in ("train", "config") if _holds_something(base / name)]
    hides = (folder / f"{package}.py").exists()
    if taken or hides:
        what = ", ".join(f"{package}/{name}" for name in taken) or f"{package}.py"
        raise Conflict(
            f"{what} is yours and has a name that the trainer's files need",
            place=what,
            hint="say where they may go: --package NAME" if not asked else "another --package",
        )


def _names(folder: Path, suffix: str) -> tuple[str, ...]:
    return tuple(sorted(each.name for each in folder.glob(f"*{suffix}"))) if folder.is_dir() else ()


SECTION_LINE = re.compile(r"^\[(?P<name>[^\]]*)\]")


def read_sections(file: Path, shown: str) -> tuple[tuple[str, int], ...]:
    """The sections of an ini file with their lines (1-based); () where there is no file. A BOM and CRLF are fine.

    Raises:
        Conflict: a section stands there twice, or the file is no UTF-8 text.
    """
    if not file.is_file():
        return ()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Conflict(f"{shown} is no UTF-8 text: {problem}", place=shown, hint="save it as UTF-8") from problem
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = SECTION_LINE.match(line)
        if match is None:
            continue
        name = match["name"]
        if name in seen:
            raise Conflict(
                f"{shown} has section [{name}] twice, on lines {seen[name]} and {number}",
                place=f"{shown}:{number}",
                hint="merge the two; every reader of the file refuses it as it is",
            )
        seen[name] = number
    return tuple(seen.items())


def read_registry(file: Path, root: Path) -> tuple[str, ...]:
    """The keys of ``TRAINER_REGISTRY`` in `file`, in order; () where there is no file or no such name.

    Raises:
        Conflict: the file does not parse.
    """
    if not file.is_file():
        return ()
    shown = file.relative_to(root).as_posix()
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError) as problem:
        line = getattr(problem, "lineno", None) or 1
        raise Conflict(
            f"the registry {shown} does not parse: {getattr(problem, 'msg', problem)}",
            place=f"{shown}:{line}",
            hint="correct it, then run the command again",
        ) from problem
    keys: list[str] = []
    for statement in tree.body:
        keys += _registry_keys(statement)
    return tuple(dict.fromkeys(keys))


def _registry_keys(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return []
    found: list[ast.expr | None] = []
    for target in targets:
        if isinstance(target, ast.Name) and target.id == "TRAINER_REGISTRY" and isinstance(statement.value, ast.Dict):
            found += statement.value.keys
        elif isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == "TRAINER_REGISTRY":
            found.append(target.slice)
    return [key.value for key in found if isinstance(key, ast.Constant) and isinstance(key.value, str)]
