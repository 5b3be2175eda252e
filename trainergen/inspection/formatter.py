"""Which formatter a project uses, and its settings, from the files that the tools themselves read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from ..errors import Conflict
from .project_facts import Formatter

BLACK_LINE_LENGTH = 88
RUFF_LINE_LENGTH = 88


def read_formatter(root: Path) -> Formatter:
    """The formatter of the project at `root`; black with its own defaults where none is configured.

    ruff counts as the formatter where it has a ``[format]`` table, where the pre-commit configuration runs
    ``ruff-format``, or where ruff is configured and black is not.

    Raises:
        Conflict: a configuration file is no TOML; the message has the line.
    """
    tools = _toml(root / "pyproject.toml").get("tool", {})
    black = tools.get("black")
    ruff, ruff_place = tools.get("ruff"), "pyproject.toml [tool.ruff]"
    for name in ("ruff.toml", ".ruff.toml"):
        if (root / name).is_file():
            ruff, ruff_place = _toml(root / name), name
    hooks = _text(root / ".pre-commit-config.yaml")
    wants_ruff = ruff is not None and ("format" in ruff or black is None)
    if "ruff-format" in hooks and black is None:
        wants_ruff, ruff = True, ruff if ruff is not None else {}
        ruff_place = ruff_place if ruff else ".pre-commit-config.yaml"
    if wants_ruff and isinstance(ruff, dict):
        return Formatter(
            "ruff",
            _integer(ruff.get("line-length"), RUFF_LINE_LENGTH),
            ruff_place,
            _ruff_quotes(ruff.get("format", {})),
            _first(ruff.get("target-version")),
        )
    if isinstance(black, dict):
        quotes: Literal["double", "preserve"] = "preserve" if black.get("skip-string-normalization") else "double"
        length = _integer(black.get("line-length"), BLACK_LINE_LENGTH)
        return Formatter("black", length, "pyproject.toml [tool.black]", quotes, _first(black.get("target-version")))
    place = ".pre-commit-config.yaml" if "psf/black" in hooks or "id: black" in hooks else None
    return Formatter("black", BLACK_LINE_LENGTH, place)


def _ruff_quotes(table: Any) -> Literal["double", "single", "preserve"]:
    style = table.get("quote-style") if isinstance(table, dict) else None
    return style if style in ("single", "preserve") else "double"


def _integer(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


def _first(value: Any) -> str | None:
    """The lowest of the versions named, as text."""
    if isinstance(value, list):
        value = min((each for each in value if isinstance(each, str)), key=lambda each: (len(each), each), default=None)
    return value if isinstance(value, str) else None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _toml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise Conflict(
            f"{file.name} is no TOML: {problem}",
            place=file.name,
            hint="correct it: the formatter's settings stand there",
        ) from problem
