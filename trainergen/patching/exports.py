"""Exports a name from a package's ``__init__.py``: its import, and its entry in ``__all__`` where there is one."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ..errors import Conflict
from .draft import Draft, Edit
from .imports import imported_names, need_name
from .literals import add_element, read_brackets, sorted_index
from .source import Source

Literal = ast.List | ast.Tuple | ast.Set

SOME = 2
"""Names that must be in order for the order to be meant: one is always."""


def edit(data: bytes, path: str, *, module: str, name: str, width: int) -> Edit:
    """Export `name` of the sibling `module` from the package whose ``__init__.py`` is `data`.

    Args:
        data: the file's bytes.
        path: for messages.
        module: as written in the import, e.g. ``.train``.
        name: the class.
        width: the longest line allowed.

    Raises:
        Conflict: the file does not parse, `name` is taken there, or ``__all__`` is computed.
    """
    draft = Draft(data, path)
    source = Source(data, path)
    need_name(draft, _as_written(source, module), name, width=width)
    if _statements(source):
        add_name(draft, name, width=width)
    result = draft.finish("import")
    if name not in read_back(result.after, path):
        raise Conflict(f"{path} does not export {name} after the edit", place=path)
    return result


def read_back(data: bytes, path: str) -> tuple[str, ...]:
    """The names that the package exports: those written in ``__all__`` where there is one, else those it imports."""
    source = Source(data, path)
    return listed(data, path) if _statements(source) else tuple(imported_names(source.tree))


def listed(data: bytes, path: str) -> tuple[str, ...]:
    """The names written in ``__all__``, wherever in what it is assembled from; () without one."""
    source = Source(data, path)
    return tuple(
        each.value
        for statement in _statements(source)
        for part in _parts(statement)
        for each in part.elts
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )


def add_name(draft: Draft, name: str, *, width: int, beside: Sequence[str] = ()) -> None:
    """Add `name` to ``__all__``: to the literal that lists one of `beside`, else to the last one.

    Raises:
        Conflict: no part of ``__all__`` is a literal, or it is a tuple without brackets.
    """
    source = Source(draft.data, draft.path)
    if name in listed(draft.data, draft.path):
        return
    statements = _statements(source)
    parts = [part for statement in statements for part in _parts(statement)]
    if not parts or not all(_is_plain(part) for part in parts):
        raise Conflict(
            f"{source.path} computes __all__, so a name can't be added to it",
            place=f"{source.path}:{statements[-1].lineno if statements else 1}",
            hint="write __all__ as one list, tuple or set of strings",
        )
    literal = next((part for part in reversed(parts) if set(_names(part)) & set(beside)), parts[-1])
    at = source.start(literal)
    if isinstance(literal, ast.Tuple) and source.data[at : at + 1] != b"(":
        raise Conflict(
            f"{source.path} writes __all__ without brackets, so a name can't be added safely",
            place=f"{source.path}:{literal.lineno}",
            hint="put brackets around it",
        )
    names = _names(literal)
    quote = "'" if literal.elts and source.data[source.start(literal.elts[0]) :].startswith(b"'") else '"'
    index = sorted_index(names, name) if len(names) == len(literal.elts) >= SOME else None
    draft.insert(add_element(source, read_brackets(source, at), f"{quote}{name}{quote}", width=width, index=index))


def _as_written(source: Source, module: str) -> str:
    """The spelling of `module` that the file uses already (``config.train`` for ``.train``), else `module`."""
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").endswith(module):
            return node.module or module
    return module


def _statements(source: Source) -> list[ast.stmt]:
    """What ``__all__`` is made by: assignments, ``+=``, ``.extend(...)``."""
    return [node for node in source.tree.body if _value(node) is not None]


def _value(node: ast.stmt) -> ast.expr | None:
    """What a statement gives or adds to ``__all__``."""
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
        targets, value = [node.target], node.value
    elif (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in ("extend", "update", "append", "add")
        and len(node.value.args) == 1
    ):
        targets, value = [node.value.func.value], node.value.args[0]
    else:
        return None
    return value if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets) else None


def _parts(node: ast.stmt) -> list[Literal]:
    """The literals that a statement's value is put together from."""
    value = _value(node)
    found: list[Literal] = []
    waiting = [value] if value is not None else []
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Add | ast.BitOr):
            waiting = [each.left, each.right, *waiting]
        elif isinstance(each, ast.List | ast.Tuple | ast.Set):
            found.append(each)
    return found


def _is_plain(literal: Literal) -> bool:
    """Texts, and other modules' ``__all__`` unpacked."""
    return all(
        isinstance(each, ast.Starred) or (isinstance(each, ast.Constant) and isinstance(each.value, str))
        for each in literal.elts
    )


def _names(literal: Literal) -> list[str]:
    return [str(each.value) for each in literal.elts if isinstance(each, ast.Constant)]
