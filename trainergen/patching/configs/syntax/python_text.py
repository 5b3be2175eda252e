"""Settings written in Python as text: where the value of a class field, a dict key, a tree's leaf or an option stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ....errors import Conflict
from ...configuration import KeyPath
from ...draft import Span
from ...source import Source

Body = list[ast.stmt]


def locate(data: bytes, path: str, keys: KeyPath) -> Span:
    """Where a value stands.

    Args:
        data: the file.
        path: for messages.
        keys: a class, function or name of the module first (dotted for a method), then fields, dict keys or ``--option``.

    Raises:
        Conflict: there is none.
    """
    source = Source(data, path)
    node = find(source.tree.body, keys)
    if node is None:
        raise Conflict(f"{path} has no {'.'.join(keys)} with a value", place=path)
    return source.start(node), source.end(node)


def spell(value: object) -> str:
    """A value as Python writes it."""
    return repr(value)


def find(body: Body, keys: KeyPath) -> ast.expr | None:
    """The expression that `keys` lead to, from the statements of a module or class."""
    head, rest = keys[0], keys[1:]
    for node in _flat(body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == head and rest:
            inner = _option(node, rest[0]) if rest[0].startswith("-") else find(node.body, rest)
            if inner is None and isinstance(node, ast.ClassDef):
                inner = find(_init(node), ("self", *rest))
            if inner is not None:
                return inner
        found = _assigned(node, keys)
        if found is not None:
            return found
    # a parser that the module itself makes: `head` is its variable
    return _option(ast.Module(body, []), rest[0]) if len(rest) == 1 and rest[0].startswith("-") else None


def _flat(body: Body) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _flat(node.body)


def _init(node: ast.ClassDef) -> Body:
    return next((each.body for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), [])


def _assigned(node: ast.stmt, keys: KeyPath) -> ast.expr | None:
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets, value = [node.target], node.value
    else:
        return None
    for target in targets:
        chain = chain_of(target)
        if chain and keys[: len(chain)] == chain:
            found = into(value, keys[len(chain) :])
            if found is not None:
                return found
    return None


def chain_of(node: ast.expr) -> KeyPath:
    """``_C.TRAIN.LR`` or ``config["lr"]`` as keys; () where it is something else."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        inner = chain_of(node.value)
        return (*inner, node.attr) if inner else ()
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        inner = chain_of(node.value)
        return (*inner, node.slice.value) if inner else ()
    return ()


def into(value: ast.expr, keys: KeyPath) -> ast.expr | None:
    """What `keys` lead to inside an expression: dict keys, keywords of calls; ``field(default=x)`` is x."""
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg in ("default", "default_factory") and ast.unparse(value.func).endswith(("field", "Field")):
                inner = keyword.value.body if isinstance(keyword.value, ast.Lambda) else keyword.value
                return into(inner, keys)
        if ast.unparse(value.func).endswith("Field") and value.args and not keys:
            return value.args[0]
    if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Path") and value.args and not keys:
        return value.args[0]
    if not keys:
        return value
    if isinstance(value, ast.Dict):
        for key, inner in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == keys[0]:
                return into(inner, keys[1:])
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg == keys[0]:
                return into(keyword.value, keys[1:])
        for each in value.args:
            found = into(each, keys) if isinstance(each, ast.Dict | ast.Call) else None
            if found is not None:
                return found
    return None


def options(node: ast.AST) -> list[ast.Call]:
    """The calls of ``add_argument`` below `node`, in order."""
    found = [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "add_argument"
    ]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def option_names(call: ast.Call) -> list[str]:
    """The spellings of an option, long ones first."""
    names = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return sorted(names, key=lambda name: not name.startswith("--"))


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword of a call."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def _option(node: ast.AST, name: str) -> ast.expr | None:
    for call in options(node):
        if name in option_names(call):
            return keyword(call, "default")
    return None


def literal(node: ast.expr | None) -> object:
    """The value of a literal expression; None where it is no literal."""
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError):
        return None
