"""``[tool.trainergen]`` of the user's pyproject.toml: defaults for the command line, checked key by key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UnusableInput, did_you_mean

TABLE = "[tool.trainergen]"


@dataclass(frozen=True)
class Settings:
    """Defaults that a project sets once; an option on the command line wins over each.

    Attributes:
        python: interpreter that the lab runs in.
        package: folder that ``train/`` and ``config/`` go below.
        templates: folder of template overrides, relative to the project root.
        optimizer, scheduler: as the options of the same name.
        device: ``cpu`` or ``cuda``.
        limit: as ``--limit``.
        vendor: copy the runtime in.
        base_trainer: what new trainers inherit from, ``module:Class``; ``default`` for our own contract.
        registry: the file that lists the trainers.
        config: the style of their settings (``ini``, ``yaml_file``).
        entry_point: how a training is started (``python -m pkg.train``), or the program's file.
    """

    python: str | None = None
    package: str | None = None
    templates: str | None = None
    optimizer: str | None = None
    scheduler: str | None = None
    device: str | None = None
    limit: str | None = None
    vendor: bool = False
    base_trainer: str | None = None
    registry: str | None = None
    config: str | None = None
    entry_point: str | None = None


KEYS: dict[str, type] = {
    "python": str,
    "package": str,
    "templates": str,
    "optimizer": str,
    "scheduler": str,
    "device": str,
    "limit": str,
    "vendor": bool,
    "base-trainer": str,
    "registry": str,
    "config": str,
    "entry-point": str,
}


def read_settings(root: Path) -> Settings:
    """The project's settings; the defaults where it has none.

    Raises:
        UnusableInput: the TOML does not parse, a key is unknown, or a value has the wrong type.
    """
    path = root / "pyproject.toml"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except UnicodeDecodeError as problem:
        raise UnusableInput(
            f"pyproject.toml is not UTF-8: {problem.reason}", place="pyproject.toml", hint="save it as UTF-8"
        ) from None
    if "trainergen" not in text:  # tomllib costs 10 ms, and most projects say nothing
        return Settings()
    import re
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        line = re.search(r"at line (\d+)", str(problem))
        raise UnusableInput(
            f"pyproject.toml does not parse: {problem}",
            place=f"pyproject.toml:{line[1]}" if line else "pyproject.toml",
            hint="correct it first: trainergen reads its defaults there",
        ) from None
    tool = document.get("tool", {})
    table = tool.get("trainergen", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UnusableInput(f"{TABLE} is no table", place="pyproject.toml", hint=f"write {TABLE}, then key = value")
    own = {
        key: value for key, value in table.items() if key != "check"
    }  # a table of its own: gates/choosing.py reads it
    return Settings(**{_checked(key, value, text).replace("-", "_"): value for key, value in own.items()})


def place_of(key: str, root: Path) -> str:
    """Where the project sets `key`, for a message about its value."""
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):  # it comes from an option, not from the file
        return TABLE
    return f"pyproject.toml:{_line_of(key, text)}"


def _checked(key: str, value: Any, text: str) -> str:
    place = f"pyproject.toml:{_line_of(key, text)}"
    if key not in KEYS:
        raise UnusableInput(f"{TABLE} has no key {key!r}", place=place, hint=did_you_mean(key, tuple(KEYS)))
    if not isinstance(value, KEYS[key]):
        expected, example = {str: ("a string", '"..."'), bool: ("true or false", "true")}[KEYS[key]]
        raise UnusableInput(
            f"{TABLE} {key} must be {expected}, got {value!r}", place=place, hint=f"write {key} = {example}"
        )
    return key


def _line_of(key: str, text: str) -> int:
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith("["):
            inside = line.partition("#")[0].strip() == TABLE
        elif inside and line.split("=")[0].strip().strip("\"'") == key:
            return number
    return 1
