"""What a config class needs imported in the file that it goes into, as the sibling's file has it."""

from __future__ import annotations

import ast

from ...imports import spell_module
from ...source import Source
from .class_text import TYPING


def from_imports(source: Source) -> dict[str, str]:
    """Names that from-imports bind -> the module as written."""
    return {
        alias.asname or alias.name: spell_module(node)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def bound_names(source: Source) -> set[str]:
    """What the file imports or defines at its top level."""
    names = set(from_imports(source))
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
    return names


def imports_of(source: Source, used: set[str], module: str) -> tuple[tuple[str, str], ...]:
    """What a class that moves to another file needs there; ("x", "") is ``import x``."""
    found: list[tuple[str, str]] = []
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom):
            found += [
                (spell_module(node), alias.name) for alias in node.names if alias.name in used and not alias.asname
            ]
        elif isinstance(node, ast.Import):
            found += [
                (alias.name, "") for alias in node.names if not alias.asname and alias.name.partition(".")[0] in used
            ]
        elif isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in used:
            found.append((module, node.name))
    named = {name for _, name in found}
    found += [(source_, word) for word, source_ in TYPING.items() if word in used and word not in named]
    return tuple(dict.fromkeys(each for each in found if each[0] != "__future__"))


def header(source: Source, used: set[str]) -> list[str]:
    """The import lines of a new file: the sibling file's own, as far as they are used."""
    lines: list[str] = []
    named: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom):
            names = [each for each in node.names if (each.asname or each.name) in used or node.module == "__future__"]
            named |= {each.asname or each.name for each in names}
            spelled = ", ".join(f"{each.name} as {each.asname}" if each.asname else each.name for each in names)
            if names:
                lines.append(f"from {spell_module(node)} import {spelled}")
        elif isinstance(node, ast.Import):
            kept = [each for each in node.names if (each.asname or each.name).partition(".")[0] in used]
            named |= {(each.asname or each.name) for each in kept}
            lines += [f"import {each.name} as {each.asname}" if each.asname else f"import {each.name}" for each in kept]
    missing = [(module, word) for word, module in TYPING.items() if word in used and word not in named]
    at_ = next((number for number, line in enumerate(lines) if line.startswith("from .")), len(lines))
    return [*lines[:at_], *(f"from {module} import {word}" for module, word in missing), *lines[at_:]]
