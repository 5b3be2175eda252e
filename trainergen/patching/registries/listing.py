"""A list, tuple or set of trainers (``TRAINERS = [LinearTrainer, ...]``), also the one that a loop runs over."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..binding import bring, defines_base, function_name, imports_itself
from ..carried import register_key
from ..joining import Entry, Lookup, Registration, Registry, Sibling
from ..literals import add_element, read_brackets
from ..pairs import Pair, is_list_of_trainers
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import Storage, key_form, storage_of
from .mapping import by_hand, gives, value_for

PRECEDENCE = 4
Display = ast.List | ast.Tuple | ast.Set


@dataclass(frozen=True)
class Place:
    """One literal: what it is called, the function that holds it, and its elements that are trainers."""

    node: Display
    symbol: str
    function: str
    elements: tuple[tuple[ast.expr, Sibling | None], ...]


def find(code: ProjectCode) -> list[Registry]:
    """Every list, tuple or set of trainers that something is made of."""
    found = []
    for file in code.files:
        for number, place in enumerate(places(code, file)):
            keys = tuple(each.name for _, each in place.elements if each is not None)
            detail = {"number": str(number), "function": place.function}
            found.append(Registry("listing", file.path, place.node.lineno, place.symbol, keys, detail))
    return found


def places(code: ProjectCode, file: CodeFile) -> list[Place]:
    """The literals of one file, in the order they are written."""
    found = []
    for node in ast.walk(file.tree):
        if not isinstance(node, Display) or not _stands_for_itself(file, node):
            continue
        elements = tuple((each, code.sibling_at(file, each)) for each in node.elts if not isinstance(each, ast.Starred))
        if isinstance(file.parents[node], ast.For) and any(isinstance(each, ast.Call) for each, _ in elements):
            continue  # trainers that are built and run in a row: a program, no registry
        symbol = _symbol(file, node)
        named = symbol.rpartition(".")[2] or function_name(file, node)
        if is_list_of_trainers(code, [each for _, each in elements], named):
            found.append(Place(node, symbol, function_name(file, node), elements))
    return sorted(found, key=lambda each: each.node.lineno)


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """Add the entry at the end.

    Raises:
        Conflict: its key is taken, or the literal has no brackets.
    """
    path = registry.path
    file = code.current(path)
    place = places(code, file)[int(registry.detail["number"])]
    storage, lookup = _looked_up(code, file, place)
    key, attribute = register_key(code, registry, entry, [], storage, quote)
    pairs = [Pair(ast.Constant(""), element, sibling) for element, sibling in place.elements]
    value, _, given = value_for(code, file, pairs, entry, key)
    said = f"{registry.symbol or path} lists {entry.class_name}"
    name = next((each.value for each in pairs if each.sibling is not None), None)
    kind = gives(name) if name is not None else "class"
    if lookup is None and place.symbol and not place.function:
        lookup = Lookup("mapping", file.module, place.symbol, key, gives=kind)
    elif lookup is not None:
        lookup = Lookup("mapping", lookup.module, lookup.symbol, key, needs=(file.module,), gives=kind)
    source = file.source
    at = source.start(place.node)
    if isinstance(place.node, ast.Tuple) and source.data[at : at + 1] != b"(":
        raise by_hand(registry, entry, "is a tuple without brackets")
    if given != "text" and not place.function and defines_base(file, entry):
        if not place.symbol or not isinstance(place.node, ast.List):
            raise by_hand(registry, entry, "stands in the file that the new trainer has to import")
        imports_itself(code, path, entry, place.symbol)
        statement = f"{place.symbol}.append({value})"
        module = (file.module, place.symbol.partition(".")[0])
        return Registration(
            key, statement=statement, decorator_import=module, class_attribute=attribute, lookup=lookup, said=said
        )
    text = snippet("listing", value=value).replace("\n", source.newline.decode())
    code.draft(path).insert(add_element(source, read_brackets(source, at), text, width=width))
    if given != "text":
        bring(code, path, entry, width=width, function=place.function)
    return Registration(key, class_attribute=attribute, lookup=lookup, said=said)


def _stands_for_itself(file: CodeFile, node: Display) -> bool:
    """Whether a literal is a value or what a loop runs over: no type, no argument of isinstance, no part of a dict."""
    if isinstance(node, ast.List | ast.Tuple) and not isinstance(node.ctx, ast.Load):
        return False
    if any(isinstance(each, ast.Dict | Display | ast.Subscript | ast.Compare) for each in file.above(node)):
        return False
    parent = file.parents[node]
    if isinstance(parent, ast.Call):
        called = ast.unparse(parent.func)
        return called in ("list", "tuple", "set", "frozenset", "enumerate") or called.endswith((".extend", ".update"))
    return isinstance(
        parent, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.comprehension | ast.Return | ast.BinOp
    )


def _symbol(file: CodeFile, node: ast.expr) -> str:
    statement = file.statement(node)
    if isinstance(statement, ast.Assign):
        target: ast.expr | None = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        target = statement.target
    else:
        call = file.parents[node]
        target = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    if any(isinstance(each, ast.comprehension) for each in file.above(node)) or target is None:
        return ""
    owner = next((file.qualified(each) for each in file.above(node) if isinstance(each, ast.ClassDef)), "")
    name = ast.unparse(target)
    return f"{owner}.{name}" if owner else name


def _looked_up(code: ProjectCode, file: CodeFile, place: Place) -> tuple[Storage | None, Lookup | None]:
    """How a key is made of an element, and the dict that is made of the list, by the loops that run over it."""
    last = place.symbol.rpartition(".")[2]
    for home in dict.fromkeys([file, *code.files]):
        for node in ast.walk(home.tree):
            loop = node if isinstance(node, ast.For) else None
            generators = node.generators if isinstance(node, ast.DictComp | ast.ListComp | ast.GeneratorExp) else []
            for over, target in (
                [(loop.iter, loop.target)] if loop else [(each.iter, each.target) for each in generators]
            ):
                here = ast.unparse(over) == ast.unparse(place.node) or (
                    last and ast.unparse(over).rpartition(".")[2] == last
                )
                if not here or not isinstance(target, ast.Name):
                    continue
                made = _made(code, home, node, target.id)
                if made is not None:
                    return made
    return None, None


def _made(code: ProjectCode, home: CodeFile, node: ast.AST, name: str) -> tuple[Storage | None, Lookup | None] | None:
    if isinstance(node, ast.DictComp):
        form = key_form(ast.unparse(node.key), [name])
        statement = home.statement(node)
        if isinstance(statement, ast.Assign) and home.function(node) is None:
            symbol = ast.unparse(statement.targets[0])
            return Storage(home.module, symbol, form), Lookup("mapping", home.module, symbol, "")
        return Storage(home.module, "", form), None
    if isinstance(node, ast.For):
        for each in ast.walk(node):
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Subscript):
                symbol = ast.unparse(each.targets[0].value)
                form = key_form(ast.unparse(each.targets[0].slice), [name])
                lookup = Lookup("mapping", home.module, symbol, "") if home.function(node) is None else None
                return Storage(home.module, symbol, form), lookup
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
                storage = storage_of(code, home, each.value.func)
                if storage is not None:
                    return storage, Lookup("mapping", storage.module, storage.symbol, "")
    form = key_form(ast.unparse(node), [name])
    return (Storage(home.module, "", form), None) if form else None
