"""What the callers of a method take its result for: a number that is compared, a mapping that keys are read from."""

from __future__ import annotations

import ast
from typing import Literal

from .class_source import Function, attribute

Gives = Literal["tensor", "pair", "mapping", "number", "nothing", ""]


def results_of(function: Function) -> dict[str, tuple[Gives, tuple[str, ...]]]:
    """Methods of self that `function` calls -> what it does with what they return; silent where it does not show."""
    held: dict[str, str] = {}
    found: dict[str, tuple[Gives, tuple[str, ...]]] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        name, target = attribute(node.value.func), node.targets[0]
        if name and isinstance(target, ast.Name):
            held[target.id] = name
        elif name and isinstance(target, ast.Tuple):
            found[name] = ("pair", ())
    for variable, name in held.items():
        if name not in found and (used := _used(function, variable)) is not None:
            found[name] = used
    return found


def _used(function: Function, variable: str) -> tuple[Gives, tuple[str, ...]] | None:
    keys: dict[str, None] = {}
    mapping = number = False
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and _is(node.value, variable) and isinstance(node.slice, ast.Constant):
            if isinstance(node.slice.value, str):
                keys[node.slice.value] = None
        elif isinstance(node, ast.Attribute) and _is(node.value, variable):
            mapping = mapping or node.attr in ("items", "get", "keys", "values", "update")
        elif isinstance(node, ast.Dict):
            mapping = mapping or any(
                key is None and _is(value, variable) for key, value in zip(node.keys, node.values, strict=True)
            )
        elif isinstance(node, ast.keyword):
            mapping = mapping or (node.arg is None and _is(node.value, variable))
        elif isinstance(node, ast.Compare):
            number = number or any(_is(each, variable) for each in (node.left, *node.comparators))
        elif isinstance(node, (ast.BinOp, ast.AugAssign)):
            parts = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
            number = number or any(_is(each, variable) for each in parts)
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            number = number or _is(node.value, variable)
    if keys or mapping:
        return "mapping", tuple(keys)
    return ("number", ()) if number else None


def _is(node: ast.AST | None, variable: str) -> bool:
    return isinstance(node, ast.Name) and node.id == variable
