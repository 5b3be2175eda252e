"""Adds names to a module's imports: to the statement that is there, else as one of its own, in isort's order."""

from __future__ import annotations

import ast
import sys
import tokenize

from ..errors import Conflict
from .draft import Draft, Insertion
from .literals import add_element, read_brackets, sorted_index
from .source import Source

FUTURE, STANDARD, THIRD_PARTY, FIRST_PARTY, RELATIVE = range(5)


def need_name(draft: Draft, module: str, name: str, *, width: int, first_party: frozenset[str] = frozenset()) -> None:
    """Make ``from module import name`` hold at the top level of `draft`; nothing happens if it does.

    Args:
        draft: the file.
        module: dotted, relative with leading dots.
        name: what to import.
        width: the longest line allowed.
        first_party: top-level modules of the project.

    Raises:
        Conflict: the file binds `name` to something else.
    """
    source = Source(draft.data, draft.path)
    if _is_bound(source, module, name):
        return
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and spell_module(node) == module and node.names[0].name != "*":
            insertions = extend(source, node, name, width)
            if insertions:
                draft.insert(insertions)
                return
    draft.insert([_new_statement(source, module, name, first_party)])


def spell_module(node: ast.ImportFrom) -> str:
    """The module of a from-import as written, dots included."""
    return "." * node.level + (node.module or "")


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Every name that a top-level from-import binds -> ``module:original name``."""
    return {
        alias.asname or alias.name: f"{spell_module(node)}:{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _is_bound(source: Source, module: str, name: str) -> bool:
    origin = imported_names(source.tree).get(name)
    if origin is not None:
        # A relative and an absolute spelling of a sibling are the same thing: compare their last parts.
        if origin.partition(":")[0].rpartition(".")[2] == module.rpartition(".")[2]:
            return True
        raise Conflict(
            f"{source.path} imports {name} from {origin.partition(':')[0]}, not from {module}",
            place=source.path,
            hint=f"rename that import, so that {name} can mean {module}.{name}",
        )
    for node in source.tree.body:
        if _binds(node, name):
            raise Conflict(
                f"{source.path} uses the name {name} for something of its own",
                place=f"{source.path}:{node.lineno}",
                hint=f"rename it, so that {name} can mean {module}.{name}",
            )
    return False


def _binds(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name == name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def extend(source: Source, node: ast.ImportFrom, name: str, width: int) -> list[Insertion]:
    """`name` among the names of an existing statement; empty where its layout is not ours to continue."""
    names = [alias.name for alias in node.names]
    index = sorted_index(names, name)
    first, last = source.start(node.names[0]), source.end(node.names[-1])
    start = source.start(node)
    opening = next((each for each in source.lexemes() if start < each.start < first and each.text == "("), None)
    if opening is not None:
        return add_element(source, read_brackets(source, opening.start), name, width=width, index=index)
    if node.end_lineno != node.lineno:  # continued by a backslash
        return []
    if source.width(start) + len(name) + 2 <= width:
        if index is None:
            return [Insertion(last, f", {name}".encode())]
        return [Insertion(source.start(node.names[index]), f"{name}, ".encode())]
    return _parenthesise(source, node, name, index)


def _parenthesise(source: Source, node: ast.ImportFrom, name: str, index: int | None) -> list[Insertion]:
    newline, indent = source.newline, b"    "
    insertions: list[Insertion] = []
    for number, alias in enumerate(node.names):
        start = source.start(alias)
        new = name.encode() + b"," + newline + indent if number == index else b""
        if number == 0:
            insertions.append(Insertion(start, b"(" + newline + indent + new))
        else:
            # The blank after the comma becomes the last column of the indentation.
            gap = start - source.end(node.names[number - 1]) - 1
            comma = start - gap
            insertions.append(Insertion(comma, newline + indent[: max(len(indent) - gap, 0)]))
            if new:
                insertions.append(Insertion(start, new))
    tail = b"" if index is not None else indent + name.encode() + b"," + newline
    insertions.append(Insertion(source.end(node.names[-1]), b"," + newline + tail + b")"))
    return insertions


def _new_statement(source: Source, module: str, name: str, first_party: frozenset[str]) -> Insertion:
    line = f"from {module} import {name}".encode() + source.newline
    section = _section(module, first_party)
    imports = [node for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    mine = [node for node in imports if _section(_first_module(node), first_party) == section]
    if mine:
        later = [
            node
            for node in mine
            if isinstance(node, ast.ImportFrom) and module_order(spell_module(node)) > module_order(module)
        ]
        if later:
            return Insertion(source.line_start(source.start(later[0])), line)
        return _after(source, mine[-1], line)
    above = [node for node in imports if _section(_first_module(node), first_party) < section]
    if above:
        return _after(source, above[-1], source.newline + line)
    if imports:
        return Insertion(source.line_start(source.start(imports[0])), line + source.newline)
    return _first_import(source, line)


def _after(source: Source, node: ast.stmt, text: bytes) -> Insertion:
    at = source.next_line(source.end(node))
    unfinished = at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
    return Insertion(at, source.newline + text if unfinished else text)


def _first_import(source: Source, line: bytes) -> Insertion:
    body = source.tree.body
    docstring = ast.get_docstring(source.tree, clean=False) is not None
    if docstring:
        return _after(source, body[0], source.newline + line)
    comments = [each for each in source.lexemes() if each.kind == tokenize.COMMENT]
    first = source.start(body[0]) if body else len(source.data)
    header = [each for each in comments if each.start < first and source.line_of(each.start) <= len(comments)]
    if body and not header:
        return Insertion(source.line_start(first) if source.line_of(first) > 1 else first, line + source.newline)
    if header:
        at = source.next_line(header[-1].end)
        unfinished = at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
        return Insertion(at, (source.newline if unfinished else b"") + source.newline + line)
    return Insertion(len(source.data), line)


def _first_module(node: ast.Import | ast.ImportFrom) -> str:
    return spell_module(node) if isinstance(node, ast.ImportFrom) else node.names[0].name


def _section(module: str, first_party: frozenset[str]) -> int:
    top = module.partition(".")[0]
    if module.startswith("."):
        return RELATIVE
    if top == "__future__":
        return FUTURE
    if top in sys.stdlib_module_names:
        return STANDARD
    return FIRST_PARTY if top in first_party else THIRD_PARTY


def module_order(module: str) -> tuple[int, str]:
    """What isort sorts imports of one section by: the farther package first, then the name in lower case."""
    dots = len(module) - len(module.lstrip("."))
    return (-dots, module.lstrip(".").lower())
