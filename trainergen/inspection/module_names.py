"""What a file of a project is imported by."""

from __future__ import annotations

from collections.abc import Iterable


def module_name(path: str, roots: Iterable[str] = ("",)) -> str:
    """The dotted name that a Python file is imported by.

    Args:
        path: of the file, relative, POSIX.
        roots: folders that import names start from ("" for the project's own); the deepest that holds the file counts.
    """
    within = max((each for each in roots if not each or path.startswith(f"{each}/")), key=len, default="")
    parts = (path.removeprefix(f"{within}/") if within else path).removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
