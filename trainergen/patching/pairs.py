"""Finds dicts of trainers in a file: literals, calls of dict, assignments one a key, enumerations."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .binding import function_name
from .joining import Sibling
from .keys import class_stem
from .project_code import CodeFile, ProjectCode

WORDS = ("trainer", "registr", "engine", "runner", "learner", "experiment")


@dataclass(frozen=True)
class Pair:
    """One entry: the expressions of its key and value."""

    key: ast.expr
    value: ast.expr
    sibling: Sibling | None


@dataclass(frozen=True)
class Place:
    """One dict, wherever it is written.

    Attributes:
        node: the literal or the call of ``dict``; None where every key is an assignment of its own.
        symbol: what it is called from outside (``REGISTRY``, ``Factory.REGISTRY``), or the function that holds it.
        function: the function that holds it; "" outside.
        pairs: its entries, in order; unpacked dicts are left out.
    """

    node: ast.Dict | ast.Call | None
    symbol: str
    function: str
    pairs: tuple[Pair, ...]


def places(code: ProjectCode, file: CodeFile) -> list[Place]:
    """The dicts of one file that list trainers, in the order they are written."""
    found: list[Place] = []
    seen: list[ast.AST] = []
    for node in ast.walk(file.tree):
        pairs = _pairs(code, file, node)
        if pairs and not any(above in seen for above in file.above(node)):
            assert isinstance(node, ast.Dict | ast.Call)
            symbol, function = _symbol(file, node)
            if is_list_of_trainers(code, [pair.sibling for pair in pairs], symbol) or _is_keyed(code, file, pairs):
                seen.append(node)
                found.append(Place(node, symbol, function, pairs))
    return found + _assigned(code, file)


def is_list_of_trainers(code: ProjectCode, listed: Sequence[Sibling | None], symbol: str) -> bool:
    """Whether so many elements are trainers that it is their list: most of them, and more than one or by its name."""
    hits = {each.name for each in listed if each is not None}
    named = any(word in symbol.lower() for word in WORDS)
    enough = len(hits) > 1 or (len(hits) == 1 and (named or len(code.siblings) == 1))
    return symbol != "__all__" and enough and 2 * sum(each is not None for each in listed) >= len(listed)


def _is_keyed(code: ProjectCode, file: CodeFile, pairs: Sequence[Pair]) -> bool:
    """Whether every value is a trainer, and every key says which."""
    return all(
        pair.sibling is not None
        and (key := key_text(file, pair.key)) is not None
        and class_stem(pair.sibling.name, code.siblings).lower() in re.sub(r"[\W_]", "", key.lower())
        for pair in pairs
    )


def key_text(file: CodeFile, node: ast.expr) -> str | None:
    """A key as a user types it; None where it is no text and stands for none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute) and node.attr == "__name__" and isinstance(node.value, ast.Name):
        return file.names.get(node.value.id, node.value.id).rpartition(":")[2]
    return None


def _pairs(code: ProjectCode, file: CodeFile, node: ast.AST) -> tuple[Pair, ...]:
    if isinstance(node, ast.Dict):
        items = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        return tuple(Pair(key, value, _listed(code, file, value)) for key, value in items)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return tuple(
            Pair(_keyword(each), each.value, code.sibling_at(file, each.value)) for each in node.keywords if each.arg
        )
    return ()


def _listed(code: ProjectCode, file: CodeFile, value: ast.expr) -> Sibling | None:
    """The trainer that a value is, or whose module it names."""
    found = code.sibling_at(file, value)
    if found is None and isinstance(value, ast.Constant) and isinstance(value.value, str):
        return code.sibling_of_module(value.value)
    return found


def _keyword(keyword: ast.keyword) -> ast.expr:
    """The name of a keyword argument as the text that it becomes."""
    return ast.copy_location(ast.Constant(keyword.arg), keyword)


def _symbol(file: CodeFile, node: ast.expr) -> tuple[str, str]:
    """What a dict is called, and the function that holds it."""
    statement = file.statement(node)
    function = function_name(file, node)
    target = None
    if isinstance(statement, ast.Assign) and statement.value is node:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is node:
        target = statement.target
    parent = file.parents[node]
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "update":
        target = parent.func.value
    if function:
        return function, function
    owner = next((file.qualified(each) for each in file.above(node) if isinstance(each, ast.ClassDef)), "")
    name = ast.unparse(target) if target is not None else ""
    return (f"{owner}.{name}" if owner else name), ""


def _assigned(code: ProjectCode, file: CodeFile) -> list[Place]:
    """Dicts that are filled by one assignment a key, and enumerations, whose members are assignments as well."""
    groups: dict[tuple[str, str], list[Pair]] = {}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0]
            sibling = code.sibling_at(file, node.value)
            group = (ast.unparse(target.value), function_name(file, node))
            groups.setdefault(group, []).append(Pair(target.slice, node.value, sibling))
        elif isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
            groups[(file.qualified(node), "")] = [
                Pair(ast.copy_location(ast.Constant(member.id), member), each.value, code.sibling_at(file, each.value))
                for each in node.body
                if isinstance(each, ast.Assign) and isinstance(member := each.targets[0], ast.Name)
            ]
    found = []
    for (symbol, function), pairs in groups.items():
        if is_list_of_trainers(code, [pair.sibling for pair in pairs], symbol) and not _is_loop(file, pairs):
            found.append(Place(None, function or symbol, function, tuple(pairs)))
    return found


def _is_loop(file: CodeFile, pairs: list[Pair]) -> bool:
    return any(isinstance(above, ast.For) for pair in pairs for above in file.above(pair.value))
