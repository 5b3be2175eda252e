"""Exports a name from a package's ``__init__.py``: its import, and its entry in ``__all__`` where there is one."""

from __future__ import annotations

import ast

from ..errors import Conflict
from .draft import Draft, Edit
from .imports import imported_names, need_name
from .literals import add_element, read_brackets, sorted_index
from .source import Source


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
    if _all_of(source) is not None:
        _list(draft, name, width)
    result = draft.finish("import")
    if name not in read_back(result.after, path):
        raise Conflict(f"{path} does not export {name} after the edit", place=path)
    return result


def read_back(data: bytes, path: str) -> tuple[str, ...]:
    """The names that the package exports: those of ``__all__`` where it is a literal, else those it imports."""
    source = Source(data, path)
    literal = _all_of(source)
    if literal is None:
        return tuple(imported_names(source.tree))
    return tuple(_names(literal))


def _as_written(source: Source, module: str) -> str:
    """The spelling of `module` that the file uses already (``config.train`` for ``.train``), else `module`."""
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").endswith(module):
            return node.module or module
    return module


def _all_of(source: Source) -> ast.expr | None:
    found: ast.expr | None = None
    for node in source.tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            if isinstance(node, ast.AugAssign) or found is not None or not _is_literal(value):
                raise Conflict(
                    f"{source.path} computes __all__, so a name can't be added to it",
                    place=f"{source.path}:{node.lineno}",
                    hint="write __all__ as one list, tuple or set of strings",
                )
            found = value
    return found


def _is_literal(value: ast.expr) -> bool:
    return isinstance(value, ast.List | ast.Tuple | ast.Set) and all(
        isinstance(each, ast.Constant) and isinstance(each.value, str) for each in value.elts
    )


def _names(literal: ast.expr) -> list[str]:
    assert isinstance(literal, ast.List | ast.Tuple | ast.Set)
    return [str(ast.literal_eval(each)) for each in literal.elts]


def _list(draft: Draft, name: str, width: int) -> None:
    source = Source(draft.data, draft.path)
    literal = _all_of(source)
    assert isinstance(literal, ast.List | ast.Tuple | ast.Set)
    names = _names(literal)
    if name in names:
        return
    at = source.start(literal)
    if isinstance(literal, ast.Tuple) and source.data[at : at + 1] != b"(":
        raise Conflict(
            f"{source.path} writes __all__ without brackets, so a name can't be added safely",
            place=f"{source.path}:{literal.lineno}",
            hint="put brackets around it",
        )
    quote = "'" if literal.elts and source.data[source.start(literal.elts[0]) :].startswith(b"'") else '"'
    draft.insert(
        add_element(
            source,
            read_brackets(source, at),
            f"{quote}{name}{quote}",
            width=width,
            index=sorted_index(names, name),
        )
    )
