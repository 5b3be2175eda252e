"""A dict of trainers: a literal at module level, in a class or in a function, ``dict(...)``, or one assignment a key."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

from ...errors import Conflict
from ..analogy import Analogy
from ..binding import below, bring, bring_name, defines_base, imports_itself
from ..joining import Entry, Gives, Lookup, Registration, Registry
from ..keys import spell_key, taken
from ..literals import add_element, element_indent, read_brackets
from ..pairs import Pair, Place, key_text, places
from ..project_code import CodeFile, Function, ProjectCode
from ..snippets import snippet
from ..storage import manner_of, refuse_prefixes

PRECEDENCE = 0


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
        raise _no_text(code, file, pairs, entry, registry)
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
    if not any(isinstance(each, ast.Name) for each in ast.walk(value)):
        return "text"
    if isinstance(value, ast.Lambda):
        return "function"
    if isinstance(value, ast.Call):
        return "function" if "partial" in ast.unparse(value.func) else "instance"
    return "class"


def by_hand(registry: Registry, entry: Entry, why: str, hint: str = "") -> Conflict:
    """A registry that only a person can add to."""
    return Conflict(
        f"{registry.symbol or registry.path} {why}",
        place=f"{registry.path}:{registry.line}" if registry.line else registry.path,
        hint=hint or f"add {entry.class_name} of {entry.module} there by hand, as the entries beside it are written",
    )


def _no_text(code: ProjectCode, file: CodeFile, pairs: Sequence[Pair], entry: Entry, registry: Registry) -> Conflict:
    """Keys that are members of an enumeration, or whatever else is no text: what to write by hand."""
    members = [(pair.key, pair.sibling) for pair in pairs if isinstance(pair.key, ast.Attribute) and pair.sibling]
    if not members:
        return by_hand(registry, entry, f"has keys that are no texts, like {file.text(pairs[-1].key)}")
    owner = file.text(members[-1][0].value)
    name = spell_key([(key.attr, sibling) for key, sibling in members], entry, code.siblings)
    why = f"has members of {owner} for keys, and {owner} has none for {entry.class_name}"
    hint = f"add a member {name} to {owner}, and {owner}.{name}: {entry.class_name} to {registry.symbol}, by hand"
    return by_hand(registry, entry, why, hint)


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
        assert isinstance(last, ast.Assign)
        target = last.targets[0]
        symbol = file.text(target.value) if isinstance(target, ast.Subscript) else ""
        text = snippet("mapping", **{**words, "symbol": symbol}) if symbol else f"{key} = {value}"
        draft.insert([below(source, last, text)])
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
    if place.function.endswith("__init__"):
        asking = _asking(file, place)
        return Lookup("call", file.module, asking, key, gives=given) if asking else None
    if place.function:
        return Lookup("call", file.module, place.function, key, gives=given)
    return Lookup("mapping", file.module, registry.symbol, key, gives=given) if registry.symbol else None


def _asking(file: CodeFile, place: Place) -> str:
    """The method that looks into a dict that ``__init__`` puts on self; "" where none does."""
    owner = place.function.removesuffix(".__init__")
    assert place.node is not None or place.pairs
    statement = file.statement(place.node or place.pairs[0].value)
    names = {
        each.attr
        for each in ast.walk(statement)
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "self"
    }
    for node in ast.walk(file.tree):
        if isinstance(node, Function) and file.qualified(node).rpartition(".")[0] == owner and node.name != "__init__":
            asked = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
            if asked & names and len(node.args.args) > 1:
                return file.qualified(node)
    return ""
