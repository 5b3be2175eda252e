"""Settings that are arguments of the constructor: those that a trainer reads become parameters, and attributes where its methods do."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..patching.configuration import Field


def with_arguments(text: str, name: str, arguments: Mapping[str, Field], known: frozenset[str]) -> str:
    """The module's text with the parameters that are missing in the constructor of the class `name`.

    Args:
        text: of the module; every setting is read as a name in the constructor, as ``self.name`` elsewhere.
        name: of the class.
        arguments: our name of a setting -> its parameter.
        known: attributes that the base sets.
    """
    fields = {each.name: each for each in arguments.values()}
    node = next((each for each in ast.parse(text).body if isinstance(each, ast.ClassDef) and each.name == name), None)
    if node is None or not fields:
        return text
    made = next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    if made is None:
        return text
    given = {each.arg for each in [*made.args.args, *made.args.kwonlyargs]}
    stored = _attributes([node], ast.Store)
    local = {each.id for each in ast.walk(made) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    read = {each.id for each in ast.walk(made) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    outside = _attributes([each for each in node.body if each is not made], ast.Load)
    kept = [each for each in fields if each in outside and each not in stored | known]
    missing = [each for each in fields if each not in given | local and (each in read or each in kept)]
    if not kept and not missing:
        return text
    for each in missing:
        field = fields[each]
        made.args.args.append(
            ast.arg(each, ast.parse(field.annotation, mode="eval").body if field.annotation else None)
        )
        made.args.defaults.append(ast.parse(field.value, mode="eval").body)
    lines = text.splitlines()
    first = made.body[0]
    returns = f" -> {ast.unparse(made.returns)}" if made.returns is not None else ""
    margin = " " * made.col_offset
    start = made.lineno - 1
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    at = (first.end_lineno or first.lineno) if documented else first.lineno - 1
    body = [f"{margin}    self.{each} = {each}" for each in kept]
    header = f"{margin}def __init__({ast.unparse(made.args)}){returns}:"
    lines[start:at] = [header, *lines[first.lineno - 1 : at], *body]
    return "\n".join(lines) + "\n"


def _attributes(nodes: Sequence[ast.AST], context: type[ast.expr_context]) -> set[str]:
    """Names of the attributes of self that are read, or set, below `nodes`."""
    return {
        each.attr
        for node in nodes
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
        and isinstance(each.ctx, context)
    }
