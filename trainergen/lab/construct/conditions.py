"""A condition that a constructor demands, solved: the failing test is evaluated in its own frame with other values."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any

from ..sources import MISSING, dotted
from .sizes import SMALL_INTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .blame import Site
    from .uses import Path

MOST_TRIED = 400
"""Values put into one condition: two integers of the small ones."""


def demanded(site: Site) -> tuple[ast.expr, bool] | None:
    """The test that failed and what it must give: of an ``assert``, or of the ``if`` around a ``raise``."""
    if isinstance(site.statement, ast.Assert):
        return site.statement.test, True
    if gives_up(site) and site.guards:
        test, was = site.guards[0]
        return test, not was
    return None


def gives_up(site: Site) -> bool:
    """Whether the statement refuses by itself: a ``raise``, or a call of ``exit``."""
    statement = site.statement
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return (dotted(statement.value.func) or "").rpartition(".")[2] in {"exit", "_exit", "quit"}
    return isinstance(statement, ast.Raise)


def solutions(site: Site, test: ast.expr, wanted: bool) -> Iterator[tuple[Path, Any]]:
    """(argument, live value) pairs each of which makes `test` give `wanted`, nearest to what it is now first.

    Only arguments that stand in the test by themselves can be replaced there: what was computed from one before stays.
    """
    names = _names(site, test)
    for name, path in names.items():
        now = site.frame.f_locals[name]
        for value in _candidates(site, test, now):
            if _gives(site, test, wanted, {name: value}):
                yield path, value
                break
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == wanted:
        for part in test.values:
            yield from solutions(site, part, wanted)


def pairs(site: Site, test: ast.expr, wanted: bool) -> Iterator[tuple[tuple[Path, Any], tuple[Path, Any]]]:
    """Two arguments changed together, where no single one will do."""
    names = _names(site, test)
    tried = 0
    for (first, one), (second, other) in itertools.combinations(names.items(), 2):
        if not all(_is_int(site.frame.f_locals[name]) for name in (first, second)):
            continue
        for left, right in itertools.product((4, 8, 16, 32, 64), (1, 2, 4, 8, 16)):
            tried += 1
            if tried <= MOST_TRIED and _gives(site, test, wanted, {first: left, second: right}):
                yield (one, left), (other, right)
                break


def choices(site: Site, test: ast.expr) -> Iterator[tuple[Path, list[Any]]]:
    """Arguments that the test compares with fixed values, with those values: ``x in (...)``, ``x == "a"``."""
    for node in ast.walk(test):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        path = site.exact(node.left)
        if path is None:
            blamed = site.blamed(node.left)
            path = blamed[0] if len(blamed) == 1 else None
        if path is None:
            continue
        allowed = site.known(node.comparators[0])
        if allowed is MISSING:
            continue
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            if isinstance(allowed, (list, tuple, dict)):
                yield path, list(allowed)
            elif isinstance(allowed, (set, frozenset)):
                yield path, sorted(allowed, key=repr)
        elif isinstance(node.ops[0], (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)) and (
            isinstance(allowed, (str, bool)) or allowed is None
        ):
            yield path, [allowed]


def _names(site: Site, test: ast.expr) -> dict[str, Path]:
    """Locals in the test that are one argument each."""
    found: dict[str, Path] = {}
    for node in ast.walk(test):
        if isinstance(node, ast.Name) and node.id in site.frame.f_locals:
            path = site.exact(node)
            if path is not None:
                found.setdefault(node.id, path)
    return found


def _candidates(site: Site, test: ast.expr, now: Any) -> Iterator[Any]:
    if _is_int(now):
        near = {value for part in ast.walk(test) for value in _ints(site, part)}
        pool = sorted({*SMALL_INTS, *near, *(each + step for each in near for step in (-1, 1))})
        usual = [value for value in pool if 0 < value <= 4096 or value in near]
        yield from sorted(usual, key=lambda value: (_distance(value, now), value))
    elif isinstance(now, bool):
        yield not now
    elif isinstance(now, float):
        yield from (0.0, 0.1, 0.5, 1.0, 0.9, 2.0, 0.01, 10.0)
    elif isinstance(now, (list, tuple)) and now:
        kind = type(now)
        for length in (*range(len(now) - 1, 0, -1), *range(len(now) + 1, len(now) + 8)):
            yield kind([*now, *[now[-1]] * (length - len(now))][:length]) if kind in (list, tuple) else now
        if all(_is_int(each) for each in now):
            for factor in (2, 4, 8):
                yield kind(each * factor for each in now)
            for each in sorted(set(now)):
                yield kind([each] * len(now))
        yield from (now[0], kind([now[0], now[0]]))
    elif isinstance(now, str):
        yield from sorted({value for part in ast.walk(test) for value in _texts(site, part)})
    if not isinstance(now, (list, tuple)):
        yield from ([], [2, 2], (2, 2))
    if now is None:
        yield from (*SMALL_INTS, 0.1, True)


def _ints(site: Site, node: ast.AST) -> list[int]:
    if not isinstance(node, ast.expr) or isinstance(node, (ast.Compare, ast.BoolOp)):
        return []
    value = site.known(node)
    if _is_int(value):
        return [value]
    return [each for each in value if _is_int(each)] if isinstance(value, (list, tuple, set)) else []


def _texts(site: Site, node: ast.AST) -> list[str]:
    if not isinstance(node, ast.expr):
        return []
    value = site.known(node)
    if isinstance(value, str):
        return [value]
    return (
        [each for each in value if isinstance(each, str)]
        if isinstance(value, (list, tuple, set, frozenset, dict))
        else []
    )


def _gives(site: Site, test: ast.expr, wanted: bool, replaced: dict[str, Any]) -> bool:
    try:
        return bool(site.value(test, replaced)) is wanted
    except Exception:  # another value may fail in another way: it is no solution
        return False


def _distance(value: int, now: int) -> float:
    if value <= 0 or now <= 0:
        return abs(value - now)
    return max(value / now, now / value)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
