"""The syntax trees of live code: a function's node, what a dotted name means where it stands. Each is parsed once."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import linecache
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MISSING = object()
"""What `meaning` gives for a name that means nothing: None is something that a name may mean."""


@functools.lru_cache(maxsize=256)
def file_tree(file: str) -> ast.Module | None:
    """The tree of a file as it was when its code was loaded; None without source."""
    text = "".join(linecache.getlines(file))
    if not text:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


@functools.lru_cache(maxsize=1024)
def words(node: ast.AST) -> frozenset[str]:
    """Every name and attribute that stands in a definition."""
    return frozenset(
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, (ast.Name, ast.Attribute))
    )


@functools.lru_cache(maxsize=1024)
def code_node(code: CodeType) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The definition that `code` was compiled from, its lines as in the file; None for a lambda, or without source.

    Only the definition's own lines are parsed: ``torch/nn/functional.py`` as a whole takes longer than most searches.
    """
    if code.co_name.startswith("<"):
        return None
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    if not 0 < first <= len(lines):
        return None
    margin = _indent(lines[first - 1])
    last = min(max(_last_line(code), first), len(lines))
    while last < len(lines) and (not lines[last].strip() or _indent(lines[last]) > margin):
        last += 1
    above = "\n" * (first - 1) if not margin else "\n" * (first - 2) + "class _:\n"
    try:
        tree: ast.Module | None = ast.parse(above + "".join(lines[first - 1 : last]))
    except (SyntaxError, ValueError):  # a line further left than the definition, in a text or in brackets
        tree = file_tree(code.co_filename)
    return next(_definitions(tree, code.co_name, first), None) if tree is not None else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last_line(code: CodeType) -> int:
    """The last line that an instruction of `code`, or of a function inside, stands on."""
    inner = [_last_line(each) for each in code.co_consts if isinstance(each, CodeType)]
    return max([end or 0 for _, end, _, _ in code.co_positions()] + inner, default=0)


def _definitions(tree: ast.Module, name: str, first: int) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a name that begin on a line, decorators included."""
    pending: list[ast.AST] = [tree]
    while pending:  # statements only: definitions stand in no expression
        node = pending.pop()
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and node.name == name
            and min([node.lineno, *(each.lineno for each in node.decorator_list)]) == first
        ):
            yield node
        for part in ("body", "orelse", "handlers", "finalbody", "cases"):
            pending += getattr(node, part, ())


@functools.lru_cache(maxsize=256)
def _classes(file: str) -> dict[str, ast.ClassDef]:
    """The classes at the top of a file, by name."""
    tree = file_tree(file)
    return {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)} if tree is not None else {}


@functools.lru_cache(maxsize=2048)
def held_by(cls: type) -> frozenset[str]:
    """Attributes that the methods of a class, or of its ancestors outside torch, assign on ``self``; empty without source."""
    found: set[str] = set()
    for owner in cls.__mro__:
        if owner is object or owner.__module__.partition(".")[0] == "torch":
            continue
        node = _classes(getattr(sys.modules.get(owner.__module__), "__file__", None) or "").get(owner.__qualname__)
        for each in ast.walk(node) if node is not None else ():
            stored = isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
            if stored and isinstance(each.value, ast.Name) and each.value.id == "self":  # type: ignore[attr-defined]
                found.add(each.attr)  # type: ignore[attr-defined]
    return frozenset(found)


def plain_function(found: Any) -> FunctionType | None:
    """The Python function behind a function, method, or a wrapper that names it; None for anything else."""
    found = getattr(found, "__func__", found)
    try:
        found = inspect.unwrap(found)
    except ValueError:
        return None
    return found if isinstance(found, FunctionType) else None


def method_node(kind: type, name: str) -> ast.FunctionDef | None:
    """The definition of a class's method, inherited or wrapped; None where it has none in Python, or without source."""
    function = plain_function(getattr(kind, name, None))
    node = code_node(function.__code__) if function is not None else None
    return node if isinstance(node, ast.FunctionDef) else None


def dotted(node: ast.AST) -> str | None:
    """``nn.Linear`` as text; None for what is no dotted name."""
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return None if left is None else f"{left}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def meaning(name: str, scope: dict[str, Any]) -> Any:
    """What a dotted name means in a module's globals, found by attributes alone; `MISSING` where it means nothing."""
    head, *rest = name.split(".")
    found = scope.get(head, getattr(builtins, head, MISSING))
    for part in rest:
        if found is MISSING:
            return MISSING
        try:
            found = getattr(found, part, MISSING)
        except Exception:  # a lazy module's attribute may import, and importing may raise anything
            return MISSING
    return found


def own_init(cls: type) -> tuple[type, FunctionType] | None:
    """The class of the line of ancestors whose ``__init__`` in Python runs, and that function; None: there is none."""
    for owner in cls.__mro__:
        if "__init__" in vars(owner):
            function = plain_function(vars(owner)["__init__"])
            return None if function is None else (owner, function)
    return None
