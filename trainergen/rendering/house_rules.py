"""A user's own ruff rules: generated text adds no finding under them; what can't be otherwise gets its ``noqa``."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from .ruff import run_ruff

FIXED = ("COM", "D", "I", "Q", "TC", "UP")
"""Rules of layout and of where names come from: what ruff makes of them means the same (and is proven afterwards)."""
FIXED_IN_PART = ("COM", "D", "Q")
"""The same for a part of a file, whose imports are not in sight."""


def ruff_settings(root: Path) -> dict[str, Any] | None:
    """The settings for ruff of the project at `root`; None: it has none."""
    for name, tables in ((".ruff.toml", ()), ("ruff.toml", ()), ("pyproject.toml", ("tool", "ruff"))):
        if not (root / name).is_file():
            continue
        try:
            settings = tomllib.loads((root / name).read_text(encoding="utf-8-sig"))
        except ValueError:  # ruff says so itself
            return {}
        for table in tables:
            settings = settings.get(table, None) or {}
        if settings or not tables:
            return settings
    return None


def sections(root: Path, first_party: Iterable[str]) -> list[str]:
    """Options that tell ruff which modules are the project's: those of `first_party` may not be on disk yet."""
    isort: Any = (ruff_settings(root) or {}).get("lint", {}).get("isort", {})
    known = sorted({*first_party, *isort.get("known-first-party", ())})
    return ["--config", f"lint.isort.known-first-party={json.dumps(known)}"]


def obey(text: str, path: str, root: Path, reformat: Callable[[str], str], first_party: Iterable[str]) -> str:
    """`text` without a finding under the project's own rules.

    Args:
        text: a formatted Python file.
        path: where it is to stand, relative to `root`.
        root: of the project.
        reformat: formats as the project does.
        first_party: top-level modules that belong to the project, existing or about to.
    """
    if ruff_settings(root) is None:
        return text
    options = sections(root, first_party)
    if not _findings(text, path, root, options):
        return text
    text = reformat(_fixed(text, path, root, FIXED, options))
    for _ in range(2):  # a formatter may move a line that was marked
        found = _findings(text, path, root, options)
        if not found:
            break
        text = reformat(_excused(text, found))
    return text


def obey_in_part(text: str, path: str, root: Path) -> str:
    """`text`, which goes into the file `path`, with what can be fixed without seeing that file."""
    return text if ruff_settings(root) is None else _fixed(text, path, root, FIXED_IN_PART, [])


def _findings(text: str, path: str, root: Path, options: list[str]) -> dict[int, set[str]]:
    """Line -> codes."""
    said = run_ruff(["check", "--exit-zero", "--quiet", "--output-format", "json", *options], text, path, root)
    # The packages that are about to be made have no __init__.py on disk yet; tests/ gets none.
    untrue = () if PurePosixPath(path).parent.name == "tests" else ("INP001",)
    found: dict[int, set[str]] = {}
    for each in json.loads(said or "[]"):
        if each["code"] and each["code"] not in untrue:
            found.setdefault(each["noqa_row"] or each["location"]["row"], set()).add(each["code"])
    return found


def _fixed(text: str, path: str, root: Path, rules: tuple[str, ...], options: list[str]) -> str:
    fix = ["check", "--fix", "--unsafe-fixes", "--fixable", ",".join(rules), "--exit-zero", "--quiet", *options]
    return run_ruff(fix, text, path, root)


def _excused(text: str, found: dict[int, set[str]]) -> str:
    lines = text.split("\n")
    for row, codes in found.items():
        head, mark, before = lines[row - 1].partition("  # noqa: ")
        every = sorted(codes | (set(before.replace(",", " ").split()) if mark else set()))
        lines[row - 1] = f"{head}  # noqa: {', '.join(every)}"
    return "\n".join(lines)
