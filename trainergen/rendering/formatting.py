"""Formats generated Python in memory, as the project's own formatter would, and checks that it compiles."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InternalError, UnusableInput
from ..inspection.project_facts import Formatter
from .house_rules import obey, obey_in_part, sections
from .rendered import Rendered
from .ruff import run_ruff

if TYPE_CHECKING:
    from .engine import Engine


def format_python(
    rendered: Rendered,
    path: str,
    *,
    root: Path,
    formatter: Formatter,
    first_party: Iterable[str] = (),
    engine: Engine | None = None,
) -> Rendered:
    """`rendered` with unused imports removed, imports ordered by ruff, formatted, and compiled once.

    Args:
        rendered: Python source.
        path: where it is to stand, relative to `root` (ruff finds the project's settings by it).
        root: the project root; need not exist yet.
        formatter: the project's own, or our default.
        first_party: top-level modules that belong to the project, existing or about to.
        engine: knows whether a line came from a team's template, for the error's exit code.

    Raises:
        UnusableInput: a team's template wrote a line that is no Python.
        InternalError: one of ours did.
        MachineRefused: ruff can't be run.
    """
    _compile(rendered, path, engine)
    first_party = set(first_party)
    ordered = _order_imports(rendered.text, path, root, first_party)

    def reformat(text: str) -> str:
        return _formatted(text, path, root, formatter)

    result = rendered.reformatted(obey(reformat(ordered), path, root, reformat, first_party))
    _compile(result, path, engine)
    return result


def warm(root: Path, formatter: Formatter) -> None:
    """Have the formatter loaded before it is needed: black's first call costs more than all that follow."""
    if formatter.name == "black":
        _black(WARMING, formatter, root)


LONG = 100
"""Lines from which a second program is worth its start."""

WARMING = '''class A(B[C]):
    """D."""

    def e(self, f: int | None = None, *, g: tuple[str, ...] = ()) -> dict[str, float]:
        """H."""
        for i, (j, k) in enumerate(zip(f, g, strict=True)):
            if not isinstance(j, k) or i != 1:
                raise ValueError(f"{i}: {j}")
        return {"l": self.m[0].n(g), **{o: -p for o, p in self.q if o}}
'''
"""A bit of everything, for `warm`."""


def format_fragment(rendered: Rendered, path: str, *, root: Path, formatter: Formatter) -> Rendered:
    """`rendered`, a part of the Python file `path`, formatted; its imports are somebody else's."""
    text = _formatted(rendered.text, path, root, formatter)
    obedient = obey_in_part(text, path, root)
    return rendered.reformatted(text if obedient == text else _formatted(obedient, path, root, formatter))


def _compile(rendered: Rendered, path: str, engine: Engine | None) -> None:
    try:
        compile(rendered.text, path, "exec", dont_inherit=True)
    except SyntaxError as problem:
        line = problem.lineno or 0
        origin = rendered.origin(line)
        lines = rendered.text.splitlines()
        message = f"{path}:{line} would be no Python: {problem.msg}"
        notes = (lines[line - 1].strip(),) if 0 < line <= len(lines) else ()
        if engine is not None and engine.is_override(origin):
            raise UnusableInput(message, place=origin, notes=notes, hint="correct your template") from None
        raise InternalError(message, place=origin, notes=notes) from None


def _order_imports(text: str, path: str, root: Path, first_party: set[str]) -> str:
    # An __init__ re-exports what it imports.
    select = "I" if path.endswith("__init__.py") else "I,F401"
    arguments = ["check", "--select", select, "--fixable", "ALL", "--fix", "--exit-zero", "--quiet"]
    # An import that lost names fits on one line again; its trailing comma would keep it apart.
    arguments += ["--config", "lint.isort.split-on-trailing-comma=false"]
    return run_ruff([*arguments, *sections(root, first_party)], text, path, root)


def _formatted(text: str, path: str, root: Path, formatter: Formatter) -> str:
    if formatter.name == "black":
        return _black(text, formatter, root)
    return run_ruff(["format", "--quiet"], text, path, root)


def _black(text: str, formatter: Formatter, root: Path) -> str:
    settings = _black_settings(formatter, root)
    style = Style(
        formatter.target_version.upper() if formatter.target_version else "",
        formatter.line_length,
        formatter.quotes == "double",
        not settings.get("skip-magic-trailing-comma", False),
        bool(settings.get("preview", False)),
        bool(settings.get("unstable", False)),
    )
    usual = style.normal_quotes and style.magic_comma and not (style.preview or style.unstable)
    if usual and text.count("\n") > LONG:
        # black goes twice over a text that it changes; ruff's layout is almost always black's own, and takes 6 ms.
        width = str(formatter.line_length)
        text = run_ruff(["format", "--isolated", "--quiet", "--line-length", width], text, "laid_out.py", root)
    return _black_makes(text, style)


class Style(NamedTuple):
    """What black is told (its own ``Mode`` has no hash)."""

    target: str
    line_length: int
    normal_quotes: bool
    magic_comma: bool
    preview: bool
    unstable: bool


@lru_cache(maxsize=256)
def _black_makes(text: str, style: Style) -> str:
    """What black makes of a text. Nothing on the disk has a say: the scaffold is formatted once a process."""
    from black import format_str
    from black.mode import Mode, TargetVersion

    mode = Mode(
        target_versions={TargetVersion[style.target]} if style.target else set(),
        line_length=style.line_length,
        string_normalization=style.normal_quotes,
        magic_trailing_comma=style.magic_comma,
        preview=style.preview,
        unstable=style.unstable,
    )
    return format_str(text, mode=mode)


def _black_settings(formatter: Formatter, root: Path) -> dict[str, Any]:
    """``[tool.black]``, if that is where the project's formatter is set."""
    file, _, table = (formatter.place or "").partition(" ")
    if table != "[tool.black]":
        return {}
    try:
        tools = tomllib.loads((root / file).read_text(encoding="utf-8-sig")).get("tool", {})
    except (OSError, ValueError):
        return {}
    settings: dict[str, Any] = tools.get("black", {})
    return settings
