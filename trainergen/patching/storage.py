"""Reads where a project keeps what is registered, and what its lookups do to a name: lower case, prefixes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import Conflict
from .project_code import CodeFile, Function, ProjectCode


@dataclass(frozen=True)
class Manner:
    """What looking up does to the name that a user types.

    Attributes:
        lowered: it is lower-cased first.
        prefix: the first key that begins with it is taken, or the first that it begins with, without trying it whole.
        place: where that is done.
    """

    lowered: bool = False
    prefix: bool = False
    place: str = ""


@dataclass(frozen=True)
class Storage:
    """Where registered classes end up.

    Attributes:
        module: dotted name of the module that holds the place.
        symbol: dotted name within it (``REGISTRY``, ``BaseTrainer._known``).
        key: how the key is made where none is given: ``name`` (``__name__``), ``lower``, ``upper``, ``attribute x``, "".
    """

    module: str
    symbol: str
    key: str = ""


def manner_of(code: ProjectCode, symbol: str) -> Manner:
    """What the functions that mention `symbol` do to a name before they look it up there."""
    last = symbol.rpartition(".")[2]
    lowered = prefix = False
    place = ""
    for file in code.files:
        for function in ast.walk(file.tree):
            if not isinstance(function, Function) or not _mentions(function, last):
                continue
            calls = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
            attributes = [each.func.attr for each in calls if isinstance(each.func, ast.Attribute)]
            lowered = lowered or bool({"lower", "casefold"} & set(attributes))
            if "startswith" in attributes and not _tries_whole(function, last):
                prefix, place = True, f"{file.path}:{function.lineno}"
    return Manner(lowered, prefix, place)


def refuse_prefixes(key: str, keys: Iterable[str], manner: Manner) -> None:
    """Refuse a key that a lookup by prefix would mix up with one that exists.

    Raises:
        Conflict: one of the two begins with the other.
    """
    if not manner.prefix:
        return
    for known in keys:
        low, other = key.casefold(), known.casefold()
        if low != other and (low.startswith(other) or other.startswith(low)):
            raise Conflict(
                f"trainers are looked up by prefix here, and {key} and {known} begin alike: one would be taken for the other",
                place=manner.place,
                hint=f"choose a name that does not begin like {known} with --name",
            )


def storage_of(code: ProjectCode, file: CodeFile, callee: ast.expr) -> Storage | None:
    """Where what is handed to `callee` (a decorator or a register function of the project) is kept."""
    origin = file.resolve(callee)
    if origin is None:
        return None
    module, _, dotted = origin.partition(":")
    defined = _definition(code, module, dotted)
    if defined is None:
        return None
    home, path, node, owner = defined
    if isinstance(node, ast.ClassDef):
        hook = next((each for each in node.body if isinstance(each, Function) and each.name == "__call__"), None)
        hook = hook or next(
            (each for each in node.body if isinstance(each, Function) and each.name == "__init__"), None
        )
        return stored_in(code, home, hook, path) if hook is not None else None
    return stored_in(code, home, node, owner)


def _definition(
    code: ProjectCode, module: str, dotted: str
) -> tuple[CodeFile, str, ast.ClassDef | Function, str] | None:
    """The file, dotted name and node of ``module:dotted``, imports followed, and what ``self`` is called outside."""
    home = code.of_module(module)
    head, _, rest = dotted.partition(".")
    for _ in range(5):
        if home is None:
            return None
        moved = home.names.get(head)
        if moved is None or moved == f"{home.module}:{head}":
            break
        if moved.endswith(":"):
            home = code.of_module(moved[:-1])
            head, _, rest = rest.partition(".")
            continue
        home, head = code.of_module(moved.partition(":")[0]), moved.partition(":")[2]
    if home is None:
        return None
    node: ast.AST | None = next(
        (each for each in home.tree.body if isinstance(each, ast.ClassDef | Function) and each.name == head), None
    )
    if node is None:
        return _method_of_instance(code, home, head, rest)
    owner = head
    if rest and isinstance(node, ast.ClassDef):
        node = next((each for each in node.body if isinstance(each, Function) and each.name == rest), None)
    return (home, head, node, owner) if isinstance(node, ast.ClassDef | Function) else None


def _method_of_instance(
    code: ProjectCode, home: CodeFile, name: str, method: str
) -> tuple[CodeFile, str, ast.ClassDef | Function, str] | None:
    """The method of an object that the module makes of a class of the project (``REGISTRY = Registry()``)."""
    for node in home.tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if not isinstance(value, ast.Call) or not any(
            isinstance(each, ast.Name) and each.id == name for each in targets
        ):
            continue
        origin = home.resolve(value.func)
        made = _definition(code, *origin.split(":", 1)) if origin else None
        if made is None or not isinstance(made[2], ast.ClassDef):
            return None
        wanted = method or "__call__"
        found = next((each for each in made[2].body if isinstance(each, Function) and each.name == wanted), None)
        return (home, name, found, name) if found is not None else None
    return None


def stored_in(code: ProjectCode, home: CodeFile, function: Function, owner: str) -> Storage | None:
    """Where a function (``__init_subclass__`` too) puts what it is given; `owner` is what ``self`` is called outside."""
    for each in ast.walk(function):
        target: ast.expr | None = None
        key: ast.expr | None = None
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Subscript):
            target, key = each.targets[0].value, each.targets[0].slice
        elif (
            isinstance(each, ast.Call)
            and isinstance(each.func, ast.Attribute)
            and each.args
            and each.func.attr in ("setdefault", "append", "add")
        ):
            target, key = each.func.value, each.args[0] if each.func.attr == "setdefault" else None
        if target is None:
            continue
        first = function.args.args[0].arg if function.args.args else ""
        symbol = ast.unparse(target)
        if first in ("self", "cls") and symbol.startswith(first + "."):
            symbol = f"{owner}.{symbol.partition('.')[2]}"
        elif isinstance(target, ast.Name):
            origin = home.names.get(target.id)
            if origin and origin.partition(":")[0] != home.module and code.of_module(origin.partition(":")[0]):
                return Storage(origin.partition(":")[0], origin.partition(":")[2], _key_of(function, key))
        elif not isinstance(target, ast.Attribute):
            continue
        return Storage(home.module, symbol, _key_of(function, key))
    return None


def _key_of(function: Function, key: ast.expr | None) -> str:
    if key is None:
        return ""
    # a local that the key was put into says how it is made
    texts = [ast.unparse(key)]
    names = {each.id for each in ast.walk(key) if isinstance(each, ast.Name)}
    for each in ast.walk(function):
        if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in each.targets):
            texts.append(ast.unparse(each.value))
    return key_form(" ".join(texts), [each.arg for each in ast.walk(function) if isinstance(each, ast.arg)])


def key_form(text: str, names: Iterable[str]) -> str:
    """How an expression makes a key of a class that one of `names` holds.

    Returns:
        ``name`` (``__name__``), ``lower``, ``upper`` (the same in that case), ``attribute x``, or "" (as given).
    """
    if "__name__" in text or "__qualname__" in text:
        return "lower" if ".lower()" in text else "upper" if ".upper()" in text else "name"
    match = re.search(rf"\b(?:{'|'.join(map(re.escape, names)) or '(?!)'})\.([a-z_A-Z]\w*)\b(?!\()", text)
    return f"attribute {match[1]}" if match else ""


def _mentions(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(each, ast.Name) and each.id == name) or (isinstance(each, ast.Attribute) and each.attr == name)
        for each in ast.walk(node)
    )


def _tries_whole(function: Function, name: str) -> bool:
    """Whether the function looks for the whole name in `name` before it tries prefixes."""
    prefixed = min(
        (each.lineno for each in ast.walk(function) if isinstance(each, ast.Attribute) and each.attr == "startswith"),
        default=0,
    )
    return any(
        (isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.In) and _mentions(each.comparators[0], name))
        or (isinstance(each, ast.Subscript) and _mentions(each.value, name))
        or (
            isinstance(each, ast.Call)
            and isinstance(each.func, ast.Attribute)
            and each.func.attr == "get"
            and _mentions(each.func, name)
        )
        for each in ast.walk(function)
        if getattr(each, "lineno", prefixed) < prefixed
    )
