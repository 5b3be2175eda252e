"""Which modules of the environment a project's files are going to import: so that the lab can do it once, and early."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path


def environment_imports(root: Path, modules: Iterable[str]) -> tuple[str, ...]:
    """Dotted names that `modules` of the project import at their top level from outside of it, in order.

    Args:
        root: the project.
        modules: import names; one that is no file of the project is of the environment itself.
    """
    found: dict[str, None] = {}
    waiting, seen = list(modules), set()
    while waiting:
        module = waiting.pop(0)
        if module in seen:
            continue
        seen.add(module)
        file = _file(root, module)
        if file is None:
            found.setdefault(module)
            continue
        try:
            body = ast.parse(file.read_text(encoding="utf-8-sig")).body
        except (OSError, SyntaxError, ValueError):
            continue
        for statement in body:
            for name in _names(statement):
                if _file(root, name) is not None or _file(root, name.partition(".")[0]) is not None:
                    waiting.append(name)
                else:
                    found.setdefault(name)
    return tuple(found)


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and statement.level == 0 and statement.module:
        return [statement.module]
    return []


def _file(root: Path, module: str) -> Path | None:
    stem = module.replace(".", "/")
    places = (f"{stem}.py", f"{stem}/__init__.py", f"src/{stem}.py", f"src/{stem}/__init__.py")
    return next((root / place for place in places if (root / place).is_file()), None)
