"""From an exception to the arguments that caused it: the traceback's frames are walked with what each name came from.

An argument is followed by name through assignments, ``self`` and calls, in the syntax trees of the frames that were live
when it was raised; the expression that failed then names the arguments to change.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..sources import MISSING, code_node, dotted, file_tree
from .scope import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

    from .uses import Path

Origins = dict[str, tuple["Path", ...]]
"""Local name (or ``self.attribute``) -> the arguments that its value comes from, the most direct first."""


@dataclass(frozen=True)
class Site:
    """One frame of the way from the constructor to what was raised.

    Attributes:
        frame: with its locals as they were.
        line: the line that ran.
        node: the expression that ran, else the statement; None without source.
        statement: the whole statement.
        guards: the ``if`` tests that led to the statement, innermost first, each with whether it was true.
        origins: where its names came from.
    """

    frame: FrameType
    line: int
    node: ast.AST | None
    statement: ast.stmt | None
    guards: tuple[tuple[ast.expr, bool], ...]
    origins: Origins

    def blamed(self, node: ast.AST | None) -> list[Path]:
        """The arguments that an expression comes from, each once, in order of appearance."""
        return list(dict.fromkeys(paths_in(node, self.origins))) if node is not None else []

    def exact(self, node: ast.AST | None) -> Path | None:
        """The argument that an expression simply is, or None."""
        return exact_path(node, self.origins)

    def value(self, node: ast.AST, replaced: dict[str, Any] | None = None) -> Any:
        """An expression's value in this frame, with some locals replaced.

        Raises:
            Exception: whatever evaluating it raises.
        """
        scope = {**self.frame.f_globals, **self.frame.f_locals, **(replaced or {})}
        return eval(_compiled(node), scope)  # noqa: S307 - the user's, in its frame

    def known(self, node: ast.AST) -> Any:
        """An expression's value in this frame; `MISSING` where evaluating it raises."""
        try:
            return self.value(node)
        except Exception:
            return MISSING


@functools.lru_cache(maxsize=1024)
def _compiled(node: ast.AST) -> CodeType:
    return compile(ast.fix_missing_locations(ast.Expression(node)), "<condition>", "eval")  # type: ignore[arg-type]


def sites(trace: TracebackType | None, root: CodeType, names: dict[str, Path]) -> list[Site]:
    """The frames from the constructor down to the one that raised, outermost first.

    Args:
        trace: of the exception.
        root: the code whose parameters are the arguments; frames above it are left out.
        names: its parameters -> the arguments.
    """
    found: list[Site] = []
    objects: dict[int, Origins] = {}
    before: Site | None = None
    while trace is not None:
        frame = trace.tb_frame
        if before is None and frame.f_code is root:
            before = _site(trace, {name: (path,) for name, path in names.items()}, objects)
        elif before is not None:
            before = _site(trace, _bound(before, frame), objects)
        if before is not None:
            found.append(before)
        trace = trace.tb_next
    return found


def paths_in(node: ast.AST, origins: Origins) -> Iterator[Path]:
    """Every argument that an expression mentions, with the attributes and keys read from it."""
    direct = exact_path(node, origins)
    if direct is not None:
        yield direct
        return
    name = dotted(node)
    if name is not None and name in origins:
        yield from origins[name]
        return
    if isinstance(node, ast.Name):
        yield from origins.get(node.id, ())
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and METHODS.get(node.func.attr) == "mapping":
        for child in (node.func.value, *node.args, *node.keywords):  # the method is no part of what it is called on
            yield from paths_in(child, origins)
        return
    for child in ast.iter_child_nodes(node):
        yield from paths_in(child, origins)


def exact_path(node: ast.AST | None, origins: Origins) -> Path | None:
    """The argument that an expression simply is: a name with one origin, or a part of it read by attribute or key."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        known = origins.get(dotted(node) or "")
        if known is not None and len(known) == 1:
            return known[0]
    if isinstance(node, ast.Attribute):
        base = exact_path(node.value, origins)
        return (*base, node.attr) if base is not None else None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        base = exact_path(node.value, origins)
        return (*base, node.slice.value) if base is not None else None
    return None


def _site(trace: TracebackType, origins: Origins, objects: dict[int, Origins]) -> Site:
    frame, code = trace.tb_frame, trace.tb_frame.f_code
    definition = code_node(code)
    positions = list(code.co_positions())
    index = trace.tb_lasti // 2
    place = positions[index] if 0 <= index < len(positions) else (trace.tb_lineno, None, None, None)
    owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    held = objects.setdefault(id(owner), {}) if owner is not None else {}
    origins = {**held, **origins}
    if definition is not None:
        _assignments(definition, trace.tb_lineno, origins)
    held.update({name: paths for name, paths in origins.items() if name.startswith("self.")})
    scope: ast.AST | None = definition if definition is not None else file_tree(code.co_filename)
    statement, guards = _statement(scope, trace.tb_lineno)
    node = _expression(statement, place) if statement is not None else None
    return Site(frame, trace.tb_lineno, node or statement, statement, guards, origins)


def _assignments(definition: ast.FunctionDef | ast.AsyncFunctionDef, line: int, origins: Origins) -> None:
    """Origins of what was assigned above `line`, in the order of the text."""
    for node in _in_order(definition):
        if getattr(node, "lineno", 0) > line:
            continue
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _assign(target, node.value, origins)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
            _assign(node.target, node.value, origins)
        elif isinstance(node, (ast.For, ast.comprehension)):
            _assign(node.target, node.iter, origins)


@functools.lru_cache(maxsize=512)
def _in_order(definition: ast.AST) -> tuple[ast.AST, ...]:
    """Every node in the order of the text (``ast.walk`` goes level by level)."""
    found: list[ast.AST] = []

    def visit(node: ast.AST) -> None:
        found.append(node)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(definition)
    return tuple(found)


def _assign(target: ast.AST, value: ast.AST, origins: Origins) -> None:
    if isinstance(target, (ast.Tuple, ast.List)):
        matched = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
        for index, each in enumerate(target.elts):
            _assign(each, value.elts[index] if matched else value, origins)  # type: ignore[attr-defined]
        return
    name = dotted(target)
    if name is None:
        return
    if value is target:
        return
    paths = tuple(dict.fromkeys(paths_in(value, origins)))
    if paths:
        origins[name] = paths


def _statement(scope: ast.AST | None, line: int) -> tuple[ast.stmt | None, tuple[tuple[ast.expr, bool], ...]]:
    """The innermost statement at `line`, and the tests it stands below."""
    guards: list[tuple[ast.expr, bool]] = []
    found: ast.stmt | None = None
    while scope is not None:
        inner: ast.AST | None = None
        for part in ("body", "orelse", "handlers", "finalbody", "cases"):
            children = getattr(scope, part, None)
            for child in children if isinstance(children, list) else ():
                first = min(
                    [
                        getattr(child, "lineno", line + 1),
                        *(each.lineno for each in getattr(child, "decorator_list", ())),
                    ]
                )
                if isinstance(child, ast.match_case):
                    first = child.pattern.lineno
                last = getattr(child, "end_lineno", None) or max(
                    (each.end_lineno or 0 for each in getattr(child, "body", ())), default=0
                )
                if first <= line <= last:
                    inner = child
                    if isinstance(scope, ast.If):
                        guards.insert(0, (scope.test, part == "body"))
        if inner is None:
            break
        if isinstance(inner, ast.stmt):
            found = inner
        scope = inner
    return found, tuple(guards)


def _expression(statement: ast.stmt, place: tuple[int | None, ...]) -> ast.AST | None:
    line, end_line, column, end_column = place
    if column is None:
        return None
    for node in ast.walk(statement):
        if (
            getattr(node, "lineno", None) == line
            and getattr(node, "end_lineno", None) == end_line
            and getattr(node, "col_offset", None) == column
            and getattr(node, "end_col_offset", None) == end_column
        ):
            return node
    return None


def _bound(above: Site, frame: FrameType) -> Origins:
    """Origins of the parameters of a frame, from the call in the frame above it."""
    code = frame.f_code
    if code.co_name.startswith("<"):  # a comprehension sees the names around it
        return dict(above.origins)
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    origins: Origins = {}
    call = (
        above.node
        if isinstance(above.node, ast.Call)
        else next((each for each in ast.walk(above.node) if isinstance(each, ast.Call)), None) if above.node else None
    )
    if call is None:
        return origins
    positional = names[1:] if names[:1] in (["self"], ["cls"]) else names
    if (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "__init__"
        and dotted(call.func.value) is not None
        and names[:1] == ["self"]
    ):
        positional = names  # Base.__init__(self, ...)
    for index, each in enumerate(call.args):
        if isinstance(each, ast.Starred):
            origins |= {name: paths for name in positional[index:] if (paths := above.origins.get(name))}
            break
        paths = tuple(dict.fromkeys(paths_in(each, above.origins)))
        if index < len(positional) and paths:
            origins[positional[index]] = paths
    for keyword in call.keywords:
        paths = tuple(dict.fromkeys(paths_in(keyword.value, above.origins)))
        if keyword.arg is not None and paths:
            origins[keyword.arg] = paths
        elif keyword.arg is None:
            origins |= {name: above.origins[name] for name in names if name in above.origins and name not in origins}
            origins |= {
                name: ((*paths[0], name),)
                for name in names
                if len(paths) == 1 and name not in origins and name != "self"
            }
    if code.co_flags & 0x08:  # **kwargs takes what has no name of its own
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04)]
        extra = [
            path
            for keyword in call.keywords
            if keyword.arg not in names
            for path in paths_in(keyword.value, above.origins)
        ]
        if extra:
            origins[rest] = tuple(dict.fromkeys(extra))
    return origins
