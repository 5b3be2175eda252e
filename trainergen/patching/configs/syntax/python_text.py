"""Settings written in Python as text: where the value of a class field, a dict key, a tree's leaf or an option stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
        keys: a class, function or name of the module first (dotted for a method), then fields, dict keys or ``--option``;
            a subcommand's name stands before its option, or before what its ``set_defaults`` gives.

    Raises:
        Conflict: there is none.
    """
    source = Source(data, path)
    node = find(source.tree.body, keys)
    if node is None:
        raise Conflict(f"{path} has no {'.'.join(keys)} with a value", place=path)
    return source.start(node), source.end(node)


def add_field(data: bytes, path: str, keys: KeyPath, annotation: str, value: object) -> bytes:
    """The file with one more field in a class, below its others: one that it has inherited until now.

    Args:
        data: the file.
        path: for messages.
        keys: the class and the field.
        annotation: the field's type.
        value: its value.

    Raises:
        Conflict: the class is not there.
    """
    source = Source(data, path)
    name, key = keys
    node = next((each for each in ast.walk(source.tree) if isinstance(each, ast.ClassDef) and each.name == name), None)
    if node is None:
        raise Conflict(f"{path} has no class {name}", place=path)
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)] or node.body[:1]
    end = source.end(fields[-1])
    line = f"{source.newline.decode()}{' ' * fields[-1].col_offset}{key}: {annotation} = {spell(value)}"
    return data[:end] + line.encode("utf-8") + data[end:]


def spell(value: object) -> str:
    """A value as Python writes it."""
    return repr(value)


def find(body: Body, keys: KeyPath) -> ast.expr | None:
    """The expression that `keys` lead to, from the statements of a module or class."""
    head, rest = keys[0], keys[1:]
    for node in _flat(body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == head and rest:
            inner = (
                _option(node, rest[0]) if rest[0].startswith("-") else _of_command(node, rest) or find(node.body, rest)
            )
            if inner is None and isinstance(node, ast.ClassDef):
                inner = find(_init(node), ("self", *rest))
            if inner is not None:
                return inner
        found = _assigned(node, keys)
        if found is not None:
            return found
    # a parser that the module itself makes: `head` is its variable
    module = ast.Module(body, [])
    return _option(module, rest[0]) if len(rest) == 1 and rest[0].startswith("-") else _of_command(module, rest)


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


@dataclass(frozen=True)
class Subcommand:
    """A parser that ``add_parser`` gives.

    Attributes:
        name: as it is typed.
        variable: what holds it.
        statement: ``variable = commands.add_parser(name)``.
        body: the statements that follow it, up to the next one of its variable: calls of its methods, or with it.
        options: those that it adds.
        inherited: those of its ``parents``, and those that a function adds which it is given to.
    """

    name: str
    variable: str
    statement: ast.Assign
    body: tuple[ast.Expr, ...]
    options: tuple[ast.Call, ...]
    inherited: tuple[ast.Call, ...]


def subcommands(node: ast.Module | ast.FunctionDef, around: ast.Module | None = None) -> list[Subcommand]:
    """The subcommands that the statements of a function or module make, in order; `around` is the function's module."""
    makers = [
        each for each in node.body if isinstance(each, ast.Assign) and _adds_parser(each) and chain_of(each.targets[0])
    ]
    every = options(node)
    found = []
    for each in makers:
        variable = ".".join(chain_of(each.targets[0]))
        call = each.value
        assert isinstance(call, ast.Call)
        ends = [other.lineno for other in makers if other.lineno > each.lineno and _targets(other) == variable]
        body = tuple(
            statement
            for statement in node.body
            if isinstance(statement, ast.Expr)
            and each.lineno < statement.lineno < min(ends, default=statement.lineno + 1)
            and isinstance(statement.value, ast.Call)
            and _is_about(statement.value, variable)
        )
        parents = keyword(call, "parents")
        above = {ast.unparse(it) for it in parents.elts} if isinstance(parents, ast.List | ast.Tuple) else set[str]()
        own = tuple(it.value for it in body if isinstance(it.value, ast.Call) and it.value in every)
        inherited = [it for it in every if isinstance(it.func, ast.Attribute) and ast.unparse(it.func.value) in above]
        called = {ast.unparse(it.value.func) for it in body if isinstance(it.value, ast.Call)}
        for name, function in functions(around.body if around is not None else ()):
            inherited += options(function) if name in called else []
        found.append(Subcommand(str(literal(call.args[0])), variable, each, body, own, tuple(inherited)))
    return found


def _is_about(call: ast.Call, variable: str) -> bool:
    """Whether a call is of a method of `variable`, or is given it first."""
    of = call.func.value if isinstance(call.func, ast.Attribute) else None
    return any(each is not None and ast.unparse(each) == variable for each in (of, *call.args[:1]))


def _targets(node: ast.Assign) -> str:
    return ".".join(chain_of(node.targets[0]))


def _adds_parser(node: ast.Assign) -> bool:
    call = node.value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "add_parser"
        and bool(call.args)
        and isinstance(literal(call.args[0]), str)
    )


def _of_command(node: ast.AST, keys: Sequence[str]) -> ast.expr | None:
    """What a subcommand's option, or its ``set_defaults``, has as default: keys are the command and ``--option`` or a name."""
    if len(keys) != 2 or not isinstance(node, ast.Module | ast.FunctionDef):
        return None
    for each in subcommands(node):
        if each.name != keys[0]:
            continue
        for statement in each.body:
            call = statement.value
            if isinstance(call, ast.Call) and (
                keys[1] in option_names(call) if keys[1].startswith("-") else is_defaults(call)
            ):
                found = keyword(call, "default" if keys[1].startswith("-") else keys[1])
                if found is not None:
                    return found
    return None


def is_defaults(call: ast.Call) -> bool:
    """Whether a call is one of ``set_defaults``."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "set_defaults"


def destination(call: ast.Call) -> str:
    """The attribute that an option's value goes to."""
    named = literal(keyword(call, "dest"))
    if isinstance(named, str):
        return named
    names = option_names(call)
    return names[0].lstrip("-").replace("-", "_") if names else ""


def functions(body: Sequence[ast.stmt], above: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions and methods among `body`, by dotted name."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield above + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node.body, f"{above}{node.name}.")


def literal(node: ast.expr | None) -> object:
    """The value of a literal expression; None where it is no literal."""
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError):
        return None
