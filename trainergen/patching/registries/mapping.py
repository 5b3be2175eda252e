"""A dict of trainers: a literal at module level, in a class or in a function, ``dict(...)``, or one assignment a key."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import Conflict
from ..analogy import Analogy
from ..binding import below, bring, bring_name, defines_base, function_name, imports_itself
from ..joining import Entry, Gives, Lookup, Registration, Registry, Sibling
from ..keys import spell_key, taken
from ..literals import add_element, element_indent, read_brackets
from ..project_code import CodeFile, ProjectCode
from ..snippets import snippet
from ..storage import manner_of, refuse_prefixes

PRECEDENCE = 0
WORDS = ("trainer", "registr", "engine", "runner", "learner", "experiment")


@dataclass(frozen=True)
class Pair:
    """One entry: the expressions of its key and value."""

    key: ast.expr
    value: ast.expr
    sibling: Sibling | None


@dataclass(frozen=True)
class Place:
    """One dict, wherever it is written.

    Attributes:
        node: the literal or the call of ``dict``; None where every key is an assignment of its own.
        symbol: what it is called from outside (``REGISTRY``, ``Factory.REGISTRY``), or the function that holds it.
        function: the function that holds it; "" outside.
        pairs: its entries, in order; unpacked dicts are left out.
    """

    node: ast.Dict | ast.Call | None
    symbol: str
    function: str
    pairs: tuple[Pair, ...]


def find(code: ProjectCode) -> list[Registry]:
    """Every dict whose values are trainers."""
    found = []
    for file in code.files:
        for number, place in enumerate(places(code, file)):
            first = place.node or place.pairs[0].key
            keys = tuple(key for pair in place.pairs if (key := key_text(file, pair.key)) is not None)
            detail = {"number": str(number), "function": place.function}
            found.append(Registry("mapping", file.path, first.lineno, place.symbol, keys, detail))
    return found


def places(code: ProjectCode, file: CodeFile) -> list[Place]:
    """The dicts of one file that list trainers, in the order they are written."""
    found: list[Place] = []
    seen: list[ast.AST] = []
    for node in ast.walk(file.tree):
        pairs = _pairs(code, file, node)
        if pairs and not any(above in seen for above in file.above(node)):
            assert isinstance(node, ast.Dict | ast.Call)
            symbol, function = _symbol(file, node)
            if is_list_of_trainers(code, [pair.sibling for pair in pairs], symbol):
                seen.append(node)
                found.append(Place(node, symbol, function, pairs))
    return found + _assigned(code, file)


def is_list_of_trainers(code: ProjectCode, listed: Sequence[Sibling | None], symbol: str) -> bool:
    """Whether so many elements are trainers that it is their list: most of them, and more than one or by its name."""
    hits = {each.name for each in listed if each is not None}
    named = any(word in symbol.lower() for word in WORDS)
    enough = len(hits) > 1 or (len(hits) == 1 and (named or len(code.siblings) == 1))
    return symbol != "__all__" and enough and 2 * sum(each is not None for each in listed) >= len(listed)


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """Add the entry, and import what it names.

    Raises:
        Conflict: its key is taken, or keys are made of something that only a person can add to.
    """
    path = registry.path
    file = code.current(path)
    place = _again(code, file, registry)
    key = key_for(code, file, place.pairs, entry, registry)
    if place.node is not None and any(isinstance(each, ast.DictComp) for each in ast.walk(place.node)):
        raise by_hand(registry, entry, "is computed")
    value, analogy, given = value_for(code, file, place.pairs, entry, key)
    outside = not place.function and given != "text" and defines_base(file, entry)
    lookup = _lookup(file, registry, place, key, given)
    said = f'{registry.symbol}["{key}"]' if not place.function else f'"{key}" in {registry.symbol}'
    if outside:
        imports_itself(code, path, entry, registry.symbol)
        statement = f"{registry.symbol}[{quote}{key}{quote}] = {value}"
        module = (file.module, registry.symbol.partition(".")[0])
        return Registration(key, statement=statement, decorator_import=module, lookup=lookup, said=said)
    insert(code, file, place, key, value, width=width, quote=quote)
    if given != "text":
        bring(code, path, entry, width=width, function=place.function)
    if analogy.names_config and entry.config:
        bring_name(code, path, *entry.config.split(":", 1), width=width)
    return Registration(key, lookup=lookup, said=said)


def key_text(file: CodeFile, node: ast.expr) -> str | None:
    """A key as a user types it; None where it is no text and stands for none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute) and node.attr == "__name__" and isinstance(node.value, ast.Name):
        return file.names.get(node.value.id, node.value.id).rpartition(":")[2]
    return None


def key_for(code: ProjectCode, file: CodeFile, pairs: Sequence[Pair], entry: Entry, registry: Registry) -> str:
    """The entry's key in a dict.

    Raises:
        Conflict: it is taken, or the keys are no texts.
    """
    listed = [
        (key, pair.sibling)
        for pair in pairs
        if pair.sibling is not None and (key := key_text(file, pair.key)) is not None
    ]
    keys = [key for pair in pairs if (key := key_text(file, pair.key)) is not None]
    if not listed:
        shown = file.text(pairs[-1].key)
        owner = shown.rpartition(".")[0]
        what = f"a member of {owner} for it" if owner else f"a key like {shown} for it"
        raise by_hand(registry, entry, f"has keys like {shown}; add {what}")
    manner = manner_of(code, registry.symbol)
    key = spell_key(listed, entry, code.siblings)
    key = key.lower() if manner.lowered else key
    taken(key, keys, symbol=registry.symbol, place=f"{registry.path}:{registry.line}")
    refuse_prefixes(key, keys, manner)
    return key


def value_for(
    code: ProjectCode, file: CodeFile, pairs: Sequence[Pair], entry: Entry, key: str
) -> tuple[str, Analogy, Gives]:
    """The entry's value as most siblings' values are written, the analogy it was written by, and what it gives."""
    written: list[tuple[str, Analogy, Gives]] = []
    problem: Conflict | None = None
    for pair in pairs:
        if pair.sibling is None:
            continue
        known = key_text(file, pair.key)
        analogy = Analogy(pair.sibling, entry, code.siblings, {known: key} if known else {})
        try:
            text = analogy.rewrite(file, file.source.start(pair.value), file.source.end(pair.value))
        except Conflict as caught:
            problem = caught
        else:
            written.append((text, analogy, gives(pair.value)))
    if not written:
        assert problem is not None
        raise problem
    counted = Counter(text for text, _, _ in written)
    return max(written, key=lambda each: (counted[each[0]], -len(each[0])))


def gives(value: ast.expr) -> Gives:
    """What a registry's value is: text, the class, a function that builds, or an instance."""
    if isinstance(value, ast.Constant):
        return "text"
    if isinstance(value, ast.Lambda):
        return "function"
    if isinstance(value, ast.Call):
        return "function" if "partial" in ast.unparse(value.func) else "instance"
    return "class"


def by_hand(registry: Registry, entry: Entry, why: str) -> Conflict:
    """A registry that only a person can add to."""
    return Conflict(
        f"{registry.symbol or registry.path} {why}",
        place=f"{registry.path}:{registry.line}" if registry.line else registry.path,
        hint=f"add {entry.class_name} of {entry.module} there by hand, as the entries beside it are written",
    )


def _pairs(code: ProjectCode, file: CodeFile, node: ast.AST) -> tuple[Pair, ...]:
    if isinstance(node, ast.Dict):
        items = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        return tuple(Pair(key, value, code.sibling_at(file, value)) for key, value in items)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return tuple(
            Pair(_keyword(each), each.value, code.sibling_at(file, each.value)) for each in node.keywords if each.arg
        )
    return ()


def _keyword(keyword: ast.keyword) -> ast.expr:
    """The name of a keyword argument as the text that it becomes."""
    return ast.copy_location(ast.Constant(keyword.arg), keyword)


def _symbol(file: CodeFile, node: ast.expr) -> tuple[str, str]:
    """What a dict is called, and the function that holds it."""
    statement = file.statement(node)
    function = function_name(file, node)
    target = None
    if isinstance(statement, ast.Assign) and statement.value is node:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is node:
        target = statement.target
    parent = file.parents[node]
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "update":
        target = parent.func.value
    if function:
        return function, function
    owner = next((file.qualified(each) for each in file.above(node) if isinstance(each, ast.ClassDef)), "")
    name = ast.unparse(target) if target is not None else ""
    return (f"{owner}.{name}" if owner else name), ""


def _assigned(code: ProjectCode, file: CodeFile) -> list[Place]:
    """Dicts that are filled by one assignment a key."""
    groups: dict[tuple[str, str], list[Pair]] = {}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0]
            sibling = code.sibling_at(file, node.value)
            group = (ast.unparse(target.value), function_name(file, node))
            groups.setdefault(group, []).append(Pair(target.slice, node.value, sibling))
    found = []
    for (symbol, function), pairs in groups.items():
        if is_list_of_trainers(code, [pair.sibling for pair in pairs], symbol) and not _is_loop(file, pairs):
            found.append(Place(None, function or symbol, function, tuple(pairs)))
    return found


def _is_loop(file: CodeFile, pairs: list[Pair]) -> bool:
    return any(isinstance(above, ast.For | ast.ClassDef) for pair in pairs for above in file.above(pair.key))


def _again(code: ProjectCode, file: CodeFile, registry: Registry) -> Place:
    """The same place in the file as edited so far."""
    return places(code, file)[int(registry.detail["number"])]


def insert(code: ProjectCode, file: CodeFile, place: Place, key: str, value: str, *, width: int, quote: str) -> None:
    """Put a pair at the end of a dict, in its manner."""
    source, draft = file.source, code.draft(file.path)
    first = next((pair.key for pair in place.pairs if isinstance(pair.key, ast.Constant)), None)
    own = source.data[source.start(first) : source.start(first) + 1].decode("utf-8") if first is not None else quote
    quote = own if own in ("'", '"') else quote
    words = {"key": key, "value": value, "quote": quote, "symbol": ""}
    sibling = next(pair for pair in reversed(place.pairs) if pair.sibling is not None)
    if place.node is None:
        last = file.statement(place.pairs[-1].value)
        assert isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Subscript)
        symbol = file.text(last.targets[0].value)
        draft.insert([below(source, last, snippet("mapping", **{**words, "symbol": symbol}))])
        return
    if isinstance(sibling.key, ast.Attribute):
        text = f"{value}.__name__: {value}"
    elif isinstance(place.node, ast.Call):
        if not key.isidentifier():
            raise Conflict(
                f"{place.symbol} is written as dict(...), which takes no key like {key}",
                place=f"{file.path}:{place.node.lineno}",
                hint="write it as a dict literal, or choose another name with --name",
            )
        text = f"{key}={value}"
    else:
        text = snippet("mapping", **words)
    at = source.start(place.node)
    if isinstance(place.node, ast.Call):
        at = next(
            each.start for each in source.lexemes() if each.start >= source.end(place.node.func) and each.text == "("
        )
    brackets = read_brackets(source, at)
    indent = element_indent(source, brackets).decode()
    if "\n" in text:  # its lines carry the indentation of the sibling's
        text = text.replace("\n", source.newline.decode())
    elif len(indent.expandtabs(4)) + len(text) + 1 > width and value[:1] in "'\"":
        newline = source.newline.decode() + indent
        step = "\t" if "\t" in indent else "    "
        text = snippet("mapping", **{**words, "value": f"({newline}{step}{value}{newline})"})
    draft.insert(add_element(source, brackets, text, width=width))


def _lookup(file: CodeFile, registry: Registry, place: Place, key: str, given: Gives) -> Lookup | None:
    if place.function:
        return Lookup("call", file.module, place.function, key, gives=given)
    return Lookup("mapping", file.module, registry.symbol, key, gives=given) if registry.symbol else None
