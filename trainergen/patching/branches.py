"""Finds the branches by which functions choose a trainer: if/elif, a row of ifs, match/case, conditional expressions."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .binding import function_name
from .joining import Sibling
from .project_code import CodeFile, ProjectCode


@dataclass(frozen=True)
class Branch:
    """One branch.

    Attributes:
        node: the if, or the case.
        keys: the texts that it compares with, in order.
        sibling: whom it builds.
        start: where the text that is copied begins: the test, or the pattern.
        body: its statements.
    """

    node: ast.If | ast.match_case
    keys: tuple[str, ...]
    sibling: Sibling | None
    start: int
    body: list[ast.stmt]


def chains(code: ProjectCode, file: CodeFile) -> list[tuple[str, list[Branch]]]:
    """Function name and branches, for every function with two branches for trainers (or one, where it is the only trainer)."""
    groups: dict[tuple[str, int], list[Branch]] = {}
    for node in ast.walk(file.tree):
        found = _branch(code, file, node)
        if found is not None:
            root = _root(file, found.node)
            groups.setdefault((function_name(file, root), id(file.block(root))), []).append(found)
    chains = []
    for (function, _), branches in groups.items():
        branches.sort(key=first_line)
        built = {branch.sibling.name for branch in branches if branch.sibling is not None}
        if len(built) > 1 or (built and len(code.siblings) == 1):
            chains.append((function, branches))
    return chains


def _branch(code: ProjectCode, file: CodeFile, node: ast.AST) -> Branch | None:
    if isinstance(node, ast.If):
        keys = _compared(node.test)
        start = file.source.start(node.test)
    elif isinstance(node, ast.match_case):
        keys = _matched(node.pattern)
        start = file.source.offset(node.pattern.lineno, node.pattern.col_offset)
    else:
        return None
    if not keys:
        return None
    sibling = _imported_there(code, file, node.body)
    if sibling is None:
        sibling = next((found for each in node.body if (found := code.sibling_at(file, each))), None)
    return Branch(node, keys, sibling, start, node.body)


def _imported_there(code: ProjectCode, file: CodeFile, body: list[ast.stmt]) -> Sibling | None:
    for each in body:
        if isinstance(each, ast.ImportFrom):
            for alias in each.names:
                found = code.sibling_named(f"{file.absolute(each)}:{alias.name}")
                if found is not None:
                    return found
    return None


def _compared(test: ast.expr) -> tuple[str, ...]:
    """The texts that a test compares with: ``name == "a"``, ``name in ("a", "b")``, ``name.startswith("a")``."""
    nodes: list[ast.expr] = []
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.In):
        nodes = [test.left, test.comparators[0]]
    elif isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "startswith":
        nodes = list(test.args)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return tuple(key for value in test.values for key in _compared(value))
    return tuple(
        part.value
        for node in nodes
        for part in (node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def _matched(pattern: ast.pattern) -> tuple[str, ...]:
    if isinstance(pattern, ast.MatchOr):
        return tuple(key for each in pattern.patterns for key in _matched(each))
    if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
        return (pattern.value.value,) if isinstance(pattern.value.value, str) else ()
    return ()


def _root(file: CodeFile, node: ast.If | ast.match_case) -> ast.stmt:
    """The statement that a chain begins with: the if that an elif belongs to, the match of a case."""
    if isinstance(node, ast.match_case):
        return file.statement(file.parents[node])
    parent = file.parents[node]
    while isinstance(parent, ast.If) and parent.orelse == [node]:
        node, parent = parent, file.parents[parent]
    return node


def first_line(branch: Branch) -> int:
    """Where a branch begins."""
    node = branch.node
    return node.lineno if isinstance(node, ast.If) else node.pattern.lineno


def expressions(code: ProjectCode, file: CodeFile) -> list[tuple[str, ast.IfExp]]:
    """Conditional expressions that choose between two trainers."""
    found = []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.IfExp) and _compared(node.test):
            chosen = {
                each.name for part in (node.body, node.orelse) if (each := code.sibling_at(file, part, texts=False))
            }
            if len(chosen) > 1:
                found.append((function_name(file, node), node))
    return found
