"""A user's own mypy settings: whether an import of a package without types would be a finding under them."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

LENIENT = ("ignore_missing_imports", "follow_untyped_imports")
CODE = "import-untyped"
Settings: TypeAlias = tuple[Mapping[str, Any], list[tuple[list[str], Mapping[str, Any]]]]
"""Global settings, and (module patterns, settings) of each override."""


def reports_untyped(root: Path, importer: str, imported: str) -> bool:
    """Whether mypy, as the project at `root` has set it, reports that the module `imported` comes without types.

    Args:
        root: of the project.
        importer: the dotted module that would hold the import.
        imported: the package without types.
    """
    settings = _settings(root)
    if settings is None:
        return False
    everywhere, overrides = settings
    if _lenient(everywhere) or CODE in _codes(everywhere):
        return False
    for modules, values in overrides:
        if any(_matches(each, imported) for each in modules) and _lenient(values):
            return False
        if any(_matches(each, importer) for each in modules) and (
            CODE in _codes(values) or _on(values, "ignore_errors")
        ):
            return False
    return True


def _settings(root: Path) -> Settings | None:
    """The first of the places where mypy looks; None without settings."""
    for name in ("mypy.ini", ".mypy.ini"):
        found = _ini(root / name)
        if found is not None:
            return found
    pyproject = root / "pyproject.toml"
    try:
        table = tomllib.loads(pyproject.read_text(encoding="utf-8-sig")).get("tool", {}).get("mypy")
    except (OSError, ValueError):
        table = None
    if table is not None:
        overrides = [(_listed(each.get("module", ())), each) for each in table.get("overrides", ())]
        return table, overrides
    return _ini(root / "setup.cfg")


def _ini(file: Path) -> Settings | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, configparser.Error):
        return None
    if "mypy" not in parser:
        return None
    overrides: list[tuple[list[str], Mapping[str, Any]]] = [
        (_listed(name.removeprefix("mypy-")), dict(parser[name]))
        for name in parser.sections()
        if name.startswith("mypy-")
    ]
    return dict(parser["mypy"]), overrides


def _listed(value: Any) -> list[str]:
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else [str(each) for each in value]


def _matches(pattern: str, module: str) -> bool:
    head = pattern.removesuffix(".*")
    return module == head or (pattern != head and module.startswith(f"{head}."))


def _on(values: Mapping[str, Any], name: str) -> bool:
    return str(values.get(name, False)).lower() in ("true", "1", "yes", "on")


def _lenient(values: Mapping[str, Any]) -> bool:
    return any(_on(values, each) for each in LENIENT)


def _codes(values: Mapping[str, Any]) -> list[str]:
    return _listed(values.get("disable_error_code", ()))
