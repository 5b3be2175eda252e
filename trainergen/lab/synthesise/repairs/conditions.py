"""An assert, an ``if ...: raise`` or an unpacking that refuses is evaluated in its own frame, from its syntax tree.

It often states the shape: ``assert c == self.channels``, ``b, n, d = x.shape``. The same holds for torch's own modules,
whose checks are written in Python.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import torch

from ...sources import code_node
from ..failure import Failure
from ..origins import Operand, operand
from ..wishes import Activate, Bound, Contain, Divide, Recast, Rerank, Resize, Swap, Unit, Wish

_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}


@dataclass(frozen=True, eq=False)
class _Said:
    """What an expression speaks of: a size of a tensor, its rank, whole shape, dtype, or its values."""

    what: Literal["size", "rank", "shape", "dtype", "most", "least"]
    operand: Operand
    axis: int = 0


def of_statement(failure: Failure) -> Iterator[Wish]:
    """Wishes of the statement that refused, from the deepest frames that hold one."""
    if failure.call is not None and not isinstance(failure.error, (AssertionError, ValueError, NotImplementedError)):
        return
    if isinstance(failure.error, (ValueError, AssertionError)) and failure.frames:
        yield from _named_in_message(failure)
    for frame, line in failure.frames[:4]:
        tree = code_node(frame.f_code)
        if tree is None:
            continue
        found = list(_of_line(_Reader(frame, tree), line))
        if found:
            yield from found
            return


def _named_in_message(failure: Failure) -> Iterator[Wish]:
    """Optional arguments that the message of a refusal speaks of."""
    named = tuple(name for name in failure.inactive if name in failure.said)
    if named:
        yield Activate(named)


def _of_line(reader: _Reader, line: int) -> Iterator[Wish]:
    path = _enclosing(reader.tree, line)
    if not path:
        return
    statement = path[-1]
    if isinstance(statement, ast.Assert):
        yield from reader.want(statement.test, True)
    elif isinstance(statement, ast.Raise):
        for outer, inner in zip(reversed(path[:-1]), reversed(path[1:]), strict=True):
            if isinstance(outer, ast.If):
                yield from reader.want(outer.test, inner not in outer.body)
                if any(reader.want(outer.test, inner not in outer.body)):
                    return
    elif isinstance(statement, (ast.Assign, ast.For)):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(target, (ast.Tuple, ast.List)) and value is not None:
            yield from _unpacked(reader, target, value)


def _unpacked(reader: _Reader, target: ast.Tuple | ast.List, value: ast.expr) -> Iterator[Wish]:
    names, value = _filled(target, value)
    count = len(names)
    starred = any(isinstance(each, ast.Starred) for each in names)
    said = reader.says(value)
    if said is not None and said.what == "shape":
        if isinstance(value, ast.Subscript):  # x.shape[-2:]
            yield Rerank(said.operand, (len(said.operand.shape) + 1,))
        else:
            yield Rerank(said.operand, (count - 1, count) if starred else (count,))
        return
    got = reader.value(value)
    if isinstance(got, torch.Tensor) and not starred and got.dim() and got.shape[0] != count:
        yield Contain(count - 1, "index", operand(got))
        yield Resize(operand(got), 0, count)


def _filled(target: ast.Tuple | ast.List, value: ast.expr) -> tuple[list[ast.expr], ast.expr]:
    """What is unpacked into which names; of ``b, n, device = *x.shape, x.device`` the shape, into the first two."""
    parts = value.elts if isinstance(value, ast.Tuple) else []
    if parts and isinstance(parts[0], ast.Starred) and not any(isinstance(each, ast.Starred) for each in parts[1:]):
        return target.elts[: len(target.elts) - len(parts) + 1], parts[0].value
    return target.elts, value


def _enclosing(tree: ast.AST, line: int) -> list[ast.AST]:
    """The statements around a line, outermost first."""
    found: list[ast.AST] = []
    nodes: list[ast.AST] = [tree]
    while nodes:
        inside = None
        for node in nodes:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt) and child.lineno <= line <= (child.end_lineno or child.lineno):
                    inside = child
                elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                    for each in child.body:
                        if each.lineno <= line <= (each.end_lineno or each.lineno):
                            inside = each
        if inside is None:
            break
        found.append(inside)
        nodes = [inside]
    return found


class _Reader:
    """Evaluates harmless expressions of one frame, and knows which of them speak of a tensor's shape."""

    def __init__(self, frame: FrameType, tree: ast.AST) -> None:
        self.tree = tree
        self._frame = frame
        self._sizes = dict(_size_names(tree))

    def value(self, node: ast.expr) -> Any:
        """The value; None where evaluating might do something."""
        if not _is_harmless(node):
            return None
        try:
            code = compile(ast.Expression(node), "<condition>", "eval")
            names = self._frame.f_globals, self._frame.f_locals
            return eval(code, *names)  # noqa: S307  the user's own expression, once more
        except Exception:
            return None

    def says(self, node: ast.expr) -> _Said | None:
        """What of a tensor the expression speaks of."""
        if isinstance(node, ast.Name) and node.id in self._sizes:
            source, axis, rank = self._sizes[node.id]
            said = self.says(source)
            if axis is None:
                return said
            if said is not None and said.what == "shape" and (rank is None or rank == len(said.operand.shape)):
                return _Said("size", said.operand, axis) if axis < len(said.operand.shape) else None
            return said if said is not None and said.what in ("size", "rank") else None
        if isinstance(node, ast.Attribute):
            tensor = self._tensor(node.value)
            if tensor is not None:
                named = {"shape": "shape", "ndim": "rank", "dtype": "dtype"}
                what = named.get(node.attr)
                return _Said(what, tensor) if what else None  # type: ignore[arg-type]
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return None

    def _subscript(self, node: ast.Subscript) -> _Said | None:
        said = self.says(node.value)
        if said is None or said.what != "shape":
            return None
        index = self.value(node.slice) if not isinstance(node.slice, ast.Slice) else None
        if isinstance(index, int):
            return _Said("size", said.operand, index)
        return said if isinstance(node.slice, ast.Slice) else None

    def _call(self, node: ast.Call) -> _Said | None:
        if isinstance(node.func, ast.Name) and node.func.id in ("len", "int", "tuple", "list", "max") and node.args:
            said = self.says(node.args[0])
            if node.func.id == "len":
                tensor = self._tensor(node.args[0])
                if tensor is not None and tensor.shape:
                    return _Said("size", tensor, 0)
                return _Said("rank", said.operand) if said is not None and said.what == "shape" else None
            return said
        if not isinstance(node.func, ast.Attribute):
            return None
        tensor = self._tensor(node.func.value)
        if tensor is None:
            said = self.says(node.func.value)
            return said if node.func.attr == "item" else None
        if node.func.attr == "size":
            index = self.value(node.args[0]) if node.args else None
            return _Said("size", tensor, index) if isinstance(index, int) else _Said("shape", tensor)
        if node.func.attr in ("dim", "ndimension"):
            return _Said("rank", tensor)
        if node.func.attr in ("max", "min") and not node.args:
            return _Said("most" if node.func.attr == "max" else "least", tensor)
        return None

    def _tensor(self, node: ast.expr) -> Operand | None:
        value = self.value(node) if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) else None
        return operand(value) if isinstance(value, torch.Tensor) else None

    def want(self, test: ast.expr, truth: bool) -> Iterator[Wish]:
        """Wishes that would make the test come out as `truth`."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield from self.want(test.operand, not truth)
        elif isinstance(test, ast.BoolOp):
            every = isinstance(test.op, ast.And) == truth
            for part in test.values:
                if every and bool(self.value(part)) == truth and _is_harmless(part):
                    continue
                yield from self.want(part, truth)
        elif isinstance(test, ast.Compare):
            left = test.left
            for operator, right in zip(test.ops, test.comparators, strict=True):
                kind = type(operator) if truth else _FLIPPED[type(operator)]
                yield from self._compare(left, kind, right)
                left = right
        elif isinstance(test, ast.Call):
            yield from self._called(test, truth)
        elif isinstance(test, ast.Name) and truth and self.value(test) is None:
            yield Activate((test.id,))

    def _called(self, test: ast.Call, truth: bool) -> Iterator[Wish]:
        if not truth:
            return
        name = ast.unparse(test.func).rpartition(".")[2]
        if name == "isinstance" and len(test.args) == 2:
            value, kind = self.value(test.args[0]), self.value(test.args[1])
            kinds = kind if isinstance(kind, tuple) else (kind,)
            if isinstance(value, torch.Tensor):
                for each in kinds:
                    yield from _as_kind(operand(value), each)
            elif value is None and isinstance(test.args[0], ast.Name):
                yield Activate((test.args[0].id,))
        elif name in ("is_floating_point", "is_complex", "all", "any") and isinstance(test.func, ast.Attribute):
            tensor = self._tensor(test.func.value) or (self._tensor(test.args[0]) if test.args else None)
            if tensor is not None and name.startswith("is_"):
                yield Recast(tensor, "float" if name == "is_floating_point" else "complex")
            elif isinstance(test.func.value, ast.Compare):
                yield from self.want(test.func.value, True)
        elif name in ("all", "any") and test.args:
            yield from self.want(test.args[0], True)

    def _compare(self, left: ast.expr, kind: type[ast.cmpop], right: ast.expr) -> Iterator[Wish]:
        if kind is ast.IsNot and isinstance(left, ast.Name) and self.value(right) is None:
            yield Activate((left.id,))
            return
        if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod) and kind is ast.Eq:
            said, factor = self.says(left.left), self.value(left.right)
            if said is not None and said.what == "size" and isinstance(factor, int) and factor > 1:
                yield Divide(said.operand, said.axis, factor)
            return
        for one, other, operator in ((left, right, kind), (right, left, _MIRRORED.get(kind, kind))):
            goal = self.value(other)
            said = self.says(one)
            if said is None and isinstance(one, ast.BinOp) and isinstance(goal, int):
                said, goal = self._inverted(one, goal)
            if said is not None:
                yield from _reach(said, operator, goal)

    def _inverted(self, node: ast.BinOp, goal: int) -> tuple[_Said | None, int]:
        """``n + 1 == goal`` solved for n."""
        for one, other, left in ((node.left, node.right, True), (node.right, node.left, False)):
            said, value = self.says(one), self.value(other)
            if said is None or not isinstance(value, int) or said.what != "size":
                continue
            if isinstance(node.op, ast.Add):
                return said, goal - value
            if isinstance(node.op, ast.Sub) and left:
                return said, goal + value
            if isinstance(node.op, ast.Mult) and value and goal % value == 0:
                return said, goal // value
            if isinstance(node.op, (ast.FloorDiv, ast.Div)) and left:
                return said, goal * value
        return None, goal


def _reach(said: _Said, kind: type[ast.cmpop], goal: Any) -> Iterator[Wish]:
    """Wishes that make what is said compare with the goal."""
    if said.what == "dtype":
        dtypes = goal if isinstance(goal, (tuple, list, set)) else (goal,)
        if kind in (ast.Eq, ast.In, ast.Is):
            for each in dtypes:
                yield from _as_dtype(said.operand, each)
        return
    if said.what in ("most", "least"):
        if isinstance(goal, (int, float)) and not said.operand.value.is_floating_point():
            yield Bound(said.operand, int(goal) + (kind is ast.LtE), 0 if said.what == "most" else int(goal))
        else:
            yield Unit(said.operand)
        return
    if kind is ast.In and isinstance(goal, (tuple, list, set, range)):
        numbers = tuple(each for each in goal if isinstance(each, int))
        if said.what == "rank":
            yield Rerank(said.operand, numbers)
        elif said.what == "size":
            for each in numbers[:4]:
                yield Resize(said.operand, said.axis, each)
        return
    if said.what == "shape":
        if kind is ast.Eq and isinstance(goal, (tuple, list, torch.Size)):
            yield from _as_shape(said.operand, tuple(goal))
        return
    if not isinstance(goal, int) or isinstance(goal, bool):
        return
    shift = {ast.Lt: -1, ast.Gt: 1}.get(kind, 0)
    if kind is ast.NotEq:
        now = len(said.operand.shape) if said.what == "rank" else said.operand.shape[said.operand.axis(said.axis)]
        if now != goal:
            return
        shift = 1
    if said.what == "rank":
        yield Rerank(said.operand, (goal + shift,))
        return
    now = said.operand.shape[said.operand.axis(said.axis)]
    axis = said.operand.axis(said.axis)
    if kind is ast.Eq and len(said.operand.shape) == 3 and axis < 2 and said.operand.shape[1 - axis] == goal != now:
        yield Swap(said.operand)
    yield Resize(said.operand, said.axis, goal + shift)


def _as_shape(tensor: Operand, goal: tuple[Any, ...]) -> Iterator[Wish]:
    if len(goal) > len(tensor.shape):
        yield Rerank(tensor, (len(goal),))
        return
    offset = len(tensor.shape) - len(goal)
    for axis, size in enumerate(goal):
        if isinstance(size, int) and tensor.shape[axis + offset] != size:
            yield Resize(tensor, axis + offset, size)


def _as_dtype(tensor: Operand, dtype: Any) -> Iterator[Wish]:
    if dtype == torch.bool:
        yield Recast(tensor, "bool")
    elif isinstance(dtype, torch.dtype):
        yield Recast(tensor, "complex" if dtype.is_complex else "float" if dtype.is_floating_point else "int")


def _as_kind(tensor: Operand, kind: Any) -> Iterator[Wish]:
    if kind is dict:
        yield Contain(None, "key", tensor)
    elif kind in (list, tuple):
        yield Contain(None, "iterate", tensor)
    elif kind in (int, float):
        yield Recast(tensor, "number")
    elif kind is str:
        yield Recast(tensor, "strings")


def _is_harmless(node: ast.AST) -> bool:
    """Whether evaluating has no effect: names, attributes, items, arithmetic, comparisons and questions about a shape."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            name = each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", "")
            known = ("size", "dim", "ndimension", "numel", "len", "int", "tuple", "list", "min", "max", "isinstance")
            if name not in (*known, "item", "is_floating_point", "sum", "prod", "range", "abs", "get"):
                return False
        elif isinstance(each, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom, ast.Lambda)):
            return False
    return True


def _size_names(tree: ast.AST) -> Iterator[tuple[str, tuple[ast.expr, int | None, int | None]]]:
    """Names that a function gives to sizes: ``b, n, d = x.shape``, ``h = x.size(2)``; with the count unpacked into."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for one, whole in pairs:
            names, source = _filled(one, whole) if isinstance(one, ast.Tuple) else ([], whole)
            if names and not isinstance(source, ast.Tuple):
                rank = None if any(isinstance(each, ast.Starred) for each in names) else len(names)
                for axis, each in enumerate(names):
                    if isinstance(each, ast.Starred):
                        break
                    if isinstance(each, ast.Name):
                        yield each.id, _sliced(source, axis, rank)
            elif isinstance(one, ast.Name) and one.id not in {
                n.id for n in ast.walk(source) if isinstance(n, ast.Name)
            }:
                yield one.id, (source, None, None)


def _sliced(source: ast.expr, axis: int, count: int | None) -> tuple[ast.expr, int, int | None]:
    """``h, w = x.shape[-2:]``: counted from the end."""
    if isinstance(source, ast.Subscript) and isinstance(source.slice, ast.Slice):
        lower = source.slice.lower
        if isinstance(lower, ast.UnaryOp) and isinstance(lower.operand, ast.Constant):
            return source.value, axis - int(lower.operand.value), None  # type: ignore[arg-type]
        start = int(lower.value) if isinstance(lower, ast.Constant) else 0  # type: ignore[arg-type]
        return source.value, axis + start, None
    return source, axis, count
