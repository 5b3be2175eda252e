"""Settings of a trainer's config class that nobody reads: what config.ini says of them changes nothing."""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import ast
import functools
import os
import re
from typing import TYPE_CHECKING

from .files import find, relative

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Facts, Lineage
    from .source import Source

_LOOKERS_ON = ("self", "cls", "super", "logger", "logging", "print")
"""First names of calls that may be handed a whole configuration: what they read of it is in sight, or no training's affair."""


_MENTIONED = re.compile(r"(?:\.|[\"'])([a-z]\w*)\b")
"""What follows a dot or a quotation mark: an attribute, or a word that may name one."""


def unread(owner: ast.ClassDef, home: Source, lineage: Lineage, facts: Facts) -> Iterator[str]:
    """Fields of the config class `owner` (in the file `home`) that no file of the project mentions as an attribute or a word.

    Fields that the runtime's own config has too are the base's to read. Where a trainer of `lineage` hands its whole
    configuration to something else, nothing is claimed.
    """
    fields = [
        item.target.id
        for item in owner.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id.islower()
    ]
    sources = {source.path: source for source, _ in lineage.classes}
    mentioned = {
        name for source in (home, *sources.values()) for line in source.lines for name in _MENTIONED.findall(line)
    }
    missing = [name for name in fields if name not in mentioned and not name.startswith("_")]
    missing = [name for name in missing if name not in _of_the_base()]
    if not missing or any(_handed_on(source.tree) for source in sources.values()):
        return
    elsewhere = _texts(facts, {home.path, *sources})
    for name in missing:
        if not any(name in _MENTIONED.findall(text) for text in elsewhere if name in text):
            yield name


def _handed_on(tree: ast.AST) -> bool:
    """Whether a call takes the whole configuration, or it is unpacked."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _first_name(node.func) in _LOOKERS_ON:
            continue
        if any(_is_config(value) for value in (*node.args, *(each.value for each in node.keywords))):
            return True
    return False


def _first_name(function: ast.expr) -> str | None:
    while isinstance(function, (ast.Attribute, ast.Call)):
        function = function.func if isinstance(function, ast.Call) else function.value
    return function.id if isinstance(function, ast.Name) else None


def _is_config(value: ast.expr) -> bool:
    value = value.value if isinstance(value, ast.Starred) else value
    return (value.id if isinstance(value, ast.Name) else getattr(value, "attr", None)) in ("config", "cfg", "settings")


def _texts(facts: Facts, known: set[str]) -> list[str]:
    """The project's other Python files. Asked for only where a setting seems unread."""
    facts.listed = True
    found = {path: text for path, text in facts.files.items() if path.endswith(".py")}
    if facts.root is not None:
        for path in (relative(each, facts.root) for each in find((facts.root,), facts.root, ())):
            if path.endswith(".py") and path not in found:
                with open(os.path.join(facts.root, path), encoding="utf-8", errors="replace") as stream:
                    found[path] = stream.read()
    return [text for path, text in found.items() if path not in known]


@functools.cache
def _of_the_base() -> frozenset[str]:
    """The fields of the runtime's config, read from its file: importing it would import torch."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "runtime", "config.py")
    with open(path, encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    return frozenset(
        item.target.id
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for item in owner.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    )
