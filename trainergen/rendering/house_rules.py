"""A user's own ruff rules: generated text adds no finding under them; what can't be otherwise gets its ``noqa``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .ruff import run_ruff

FIXED = ("COM", "D", "I", "Q", "TC", "UP")
"""Rules of layout and of where names come from: what ruff makes of them means the same (and is proven afterwards)."""
FIXED_IN_PART = ("COM", "D", "Q")
"""The same for a part of a file, whose imports are not in sight."""


def has_rules(root: Path) -> bool:
    """Whether the project at `root` has settings of its own for ruff."""
    if any((root / name).is_file() for name in ("ruff.toml", ".ruff.toml")):
        return True
    pyproject = root / "pyproject.toml"
    return pyproject.is_file() and "[tool.ruff" in pyproject.read_text(encoding="utf-8", errors="replace")


def obey(text: str, path: str, root: Path, reformat: Callable[[str], str]) -> str:
    """`text` without a finding under the project's own rules.

    Args:
        text: a formatted Python file.
        path: where it is to stand, relative to `root`.
        root: of the project.
        reformat: formats as the project does.
    """
    if not has_rules(root) or not _findings(text, path, root):
        return text
    text = reformat(_fixed(text, path, root, FIXED))
    for _ in range(2):  # a formatter may move a line that was marked
        found = _findings(text, path, root)
        if not found:
            break
        text = reformat(_excused(text, found))
    return text


def obey_in_part(text: str, path: str, root: Path) -> str:
    """`text`, which goes into the file `path`, with what can be fixed without seeing that file."""
    return _fixed(text, path, root, FIXED_IN_PART) if has_rules(root) else text


def _findings(text: str, path: str, root: Path) -> dict[int, set[str]]:
    """Line -> codes."""
    said = run_ruff(["check", "--exit-zero", "--quiet", "--output-format", "json"], text, path, root)
    found: dict[int, set[str]] = {}
    for each in json.loads(said or "[]"):
        if each["code"]:
            found.setdefault(each["noqa_row"] or each["location"]["row"], set()).add(each["code"])
    return found


def _fixed(text: str, path: str, root: Path, rules: tuple[str, ...]) -> str:
    fix = ["check", "--fix", "--unsafe-fixes", "--fixable", ",".join(rules), "--exit-zero", "--quiet"]
    return run_ruff(fix, text, path, root)


def _excused(text: str, found: dict[int, set[str]]) -> str:
    lines = text.split("\n")
    for row, codes in found.items():
        head, mark, before = lines[row - 1].partition("  # noqa: ")
        every = sorted(codes | (set(before.replace(",", " ").split()) if mark else set()))
        lines[row - 1] = f"{head}  # noqa: {', '.join(every)}"
    return "\n".join(lines)
