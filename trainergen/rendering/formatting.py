"""Formats generated Python in memory, as the project's own formatter would, and checks that it compiles."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InternalError, MachineRefused, UnusableInput
from ..inspection.project_facts import Formatter
from .rendered import Rendered

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
    text = _order_imports(rendered.text, path, root, sorted(set(first_party)))
    text = _black(text, formatter, root) if formatter.name == "black" else _ruff_format(text, path, root)
    result = rendered.reformatted(text)
    _compile(result, path, engine)
    return result


def warm(root: Path, formatter: Formatter) -> None:
    """Have the formatter loaded before it is needed: black's first call costs more than all that follow."""
    if formatter.name == "black":
        _black(WARMING, formatter, root)


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
    text = rendered.text
    text = _black(text, formatter, root) if formatter.name == "black" else _ruff_format(text, path, root)
    return rendered.reformatted(text)


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


def _order_imports(text: str, path: str, root: Path, first_party: list[str]) -> str:
    # An __init__ re-exports what it imports.
    select = "I" if path.endswith("__init__.py") else "I,F401"
    arguments = ["check", "--select", select, "--fixable", "ALL", "--fix", "--exit-zero", "--quiet"]
    # An import that lost names fits on one line again; its trailing comma would keep it apart.
    arguments += ["--config", "lint.isort.split-on-trailing-comma=false"]
    arguments += ["--config", f"lint.isort.known-first-party={json.dumps(first_party)}"]
    return _ruff(arguments, text, path, root)


def _ruff_format(text: str, path: str, root: Path) -> str:
    return _ruff(["format", "--quiet"], text, path, root)


def _ruff(arguments: list[str], text: str, path: str, root: Path) -> str:
    where = root if root.is_dir() else None
    command = [_ruff_binary(), *arguments, "--no-cache", "--stdin-filename", path, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=where, check=False, encoding="utf-8")
    if done.returncode != 0:  # settings that this ruff can't read: do without them
        isolated = [command[0], command[1], "--isolated", *command[2:]]
        done = subprocess.run(
            isolated, input=text, capture_output=True, text=True, cwd=where, check=False, encoding="utf-8"
        )
    if done.returncode != 0:
        raise InternalError(f"ruff could not order or format {path}", notes=tuple(done.stderr.splitlines()[:8]))
    return done.stdout


def _ruff_binary() -> str:
    beside = Path(sys.executable).parent / ("ruff.exe" if sys.platform == "win32" else "ruff")
    if beside.is_file():
        return str(beside)
    found = shutil.which("ruff")
    if found is None:
        raise MachineRefused(
            "ruff is not installed beside this interpreter", place=sys.executable, hint="pip install ruff"
        )
    return found


def _black(text: str, formatter: Formatter, root: Path) -> str:
    from black import format_str
    from black.mode import Mode, TargetVersion

    targets = {TargetVersion[formatter.target_version.upper()]} if formatter.target_version else set()
    mode = Mode(
        target_versions=targets,
        line_length=formatter.line_length,
        string_normalization=formatter.quotes == "double",
        magic_trailing_comma=not _skips_magic_comma(formatter, root),
    )
    return format_str(text, mode=mode)


def _skips_magic_comma(formatter: Formatter, root: Path) -> bool:
    if formatter.place is None:
        return False
    path = root / formatter.place.rpartition(":")[0] if ":" in formatter.place else root / formatter.place
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.replace(" ", "").startswith("skip-magic-trailing-comma=true") for line in lines)
