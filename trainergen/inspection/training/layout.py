"""Where the project's import names start: package roots, from ``__init__.py`` files and from what the build is told."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, Literal


def find_roots(root: Path, sources: tuple[str, ...], folders: tuple[str, ...]) -> tuple[str, ...]:
    """Folders that import names start from, relative, the one with most of the code first.

    The folder above a package's topmost ``__init__.py`` is one, so is what pyproject.toml names as such, and ``src``
    where it is no package; the project's own folder always is one.

    Args:
        root: the project.
        sources: its Python files.
        folders: its folders.
    """
    packages = {path.rpartition("/")[0] for path in sources if path.endswith("__init__.py")}
    counts: Counter[str] = Counter()
    for path in sources:
        counts[_above_package(path.rpartition("/")[0], packages)] += 1
    known = set(folders)
    named = [each for each in _configured(root) if each in known]
    starts = {_above_package(each, packages) for each in packages} | set(named)
    starts = {each for each in starts if each.rpartition("/")[2] not in ("test", "tests", "docs")}
    if "src" in known and "src" not in packages:
        starts.add("src")
    starts.discard("")
    within = Counter({each: _below(each, sources) for each in starts})
    mostly = {each for each in starts if each in named or 3 * within[each] >= 2 * sum(counts.values())}
    ordered = sorted(starts, key=lambda each: (each not in mostly, -within[each], each))
    first = [each for each in ordered if each in mostly]
    return (*first, "", *(each for each in ordered if each not in mostly))


def _above_package(folder: str, packages: set[str]) -> str:
    """The first folder upwards from `folder` that is no package; "" for the project's root."""
    while folder and folder in packages:
        folder = folder.rpartition("/")[0]
    return folder


def _below(folder: str, sources: tuple[str, ...]) -> int:
    return sum(path.startswith(f"{folder}/") for path in sources)


def _configured(root: Path) -> list[str]:
    """Source folders that pyproject.toml names for setuptools, poetry or hatch."""
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return []
    tool = document.get("tool", {})
    setuptools = _table(tool, "setuptools")
    found: list[Any] = list(_table(setuptools, "packages", "find").get("where") or [])
    found.append(_table(setuptools, "package-dir").get(""))
    packages = _table(tool, "poetry").get("packages")
    found += [each.get("from") for each in packages or [] if isinstance(each, dict)]
    hatch = _table(tool, "hatch", "build", "targets", "wheel").get("packages")
    found += [each.rpartition("/")[0] for each in hatch or [] if isinstance(each, str)]
    return [each.strip("/").removeprefix("./") for each in found if isinstance(each, str) and each.strip("./")]


def _table(document: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def layout_of(roots: tuple[str, ...], sources: tuple[str, ...], trainer: str) -> Literal["src", "flat", "namespace"]:
    """How the packages lie: below a source folder, in folders without ``__init__.py``, or plainly in the project's own.

    Args:
        roots: see `find_roots`.
        sources: the project's Python files.
        trainer: the file of the base trainer; "" where there is none, and the packages on the whole are looked at then.
    """
    if roots[0]:
        return "src"
    known = set(sources)
    asked = [trainer] if trainer else [path for path in sources if "/" in path]
    bare = sum("/" in path and f"{path.rpartition('/')[0]}/__init__.py" not in known for path in asked)
    return "namespace" if 2 * bare > len(asked) else "flat"
