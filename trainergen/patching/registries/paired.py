"""What has the trainers' keys besides their registry (a dict of configurations, ``choices=[...]``): edited together."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..binding import bring_name, function_name
from ..branches import chains
from ..joining import Entry, Registration, Registry, Sibling
from ..keys import spell_key, taken
from ..literals import add_element, read_brackets
from ..pairs import Pair, Place, key_text, places
from ..project_code import CodeFile, ProjectCode
from . import mapping
from .mapping import by_hand

PRECEDENCE = 10


@dataclass(frozen=True)
class Partner:
    """A dict beside a dict of trainers: where it stands, its entries with the trainer that each belongs to."""

    node: ast.Dict
    symbol: str
    pairs: tuple[Pair, ...]


def find(code: ProjectCode) -> list[Registry]:
    """Every dict outside of functions that has an entry for each key of the trainers, and every list of these keys."""
    owners = _owners(code)
    found = []
    for file in code.files if owners else ():
        for number, node in enumerate(_choices(code, file, owners)):
            shown = tuple(str(each.value) for each in node.elts if isinstance(each, ast.Constant))
            detail = {"number": str(number), "choices": "yes"}
            found.append(Registry("paired", file.path, node.lineno, "", shown, detail))
        for number, partner in enumerate(_partners(code, file, owners)):
            keys = tuple(key for pair in partner.pairs if (key := key_text(file, pair.key)) is not None)
            detail = {"number": str(number)}
            found.append(Registry("paired", file.path, partner.node.lineno, partner.symbol, keys, detail))
    return found


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """Add what belongs to the entry.

    Raises:
        Conflict: its key is taken, or what stands there for the siblings does not follow from their names.
    """
    file = code.current(registry.path)
    if registry.detail.get("choices"):
        return _choose(code, file, registry, entry, width, quote)
    partner = _partners(code, file, _owners(code))[int(registry.detail["number"])]
    place = Place(partner.node, partner.symbol, "", partner.pairs)
    key = mapping.key_for(code, file, partner.pairs, entry, registry)
    texts = [file.text(pair.value) for pair in partner.pairs]
    sentences = all(_is_sentence(pair.value) for pair in partner.pairs)
    config = False
    if sentences and entry.summary:
        first = texts[0][0]
        value = f"{first}{entry.summary.replace(first, '')}{first}"
    elif len(set(texts)) == 1 and len(texts) > 1:
        value = texts[0]
    else:
        value, analogy, _ = mapping.value_for(code, file, partner.pairs, entry, key)
        config = analogy.names_config
        if value in texts:
            raise by_hand(registry, entry, f"holds something for every trainer that only you know, like {texts[-1]}")
    mapping.insert(code, file, place, key, value, width=width, quote=quote)
    if config and entry.config:
        bring_name(code, registry.path, *entry.config.split(":", 1), width=width)
    return Registration(key, said=f'{registry.symbol}["{key}"]')


def _owners(code: ProjectCode) -> list[dict[str, Sibling]]:
    """Key -> trainer of every dict of trainers, and of every function that chooses one."""
    found = []
    for file in code.files:
        for place in places(code, file):
            pairs = [(key_text(file, pair.key), pair.sibling) for pair in place.pairs]
            found.append({key: sibling for key, sibling in pairs if key is not None and sibling is not None})
        for _, branches in chains(code, file):
            known = [(key, each.sibling) for each in branches for key in each.keys[:1]]
            found.append({key: sibling for key, sibling in known if sibling is not None})
    return [each for each in found if each]


def _partners(code: ProjectCode, file: CodeFile, owners: list[dict[str, Sibling]]) -> list[Partner]:
    trainers = {id(place.node) for place in places(code, file)}
    found = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Dict) or id(node) in trainers or function_name(file, node):
            continue
        statement = file.statement(node)
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        if target is None or getattr(statement, "value", None) is not node:
            continue
        items = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        keys = {text for key, _ in items if (text := key_text(file, key)) is not None}
        owner = next((each for each in owners if keys >= set(each) and len(keys) <= len(each) + 1), None)
        if owner is not None and (len(owner) > 1 or len(keys) == 1):
            pairs = tuple(Pair(key, value, owner.get(key_text(file, key) or "")) for key, value in items)
            found.append(Partner(node, ast.unparse(target), pairs))
    return found


def _is_sentence(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str) and " " in value.value


def _choices(
    code: ProjectCode, file: CodeFile, owners: list[dict[str, Sibling]]
) -> list[ast.List | ast.Tuple | ast.Set]:
    """The literals in brackets that list all keys of the trainers and hardly anything else, ``__all__`` aside."""
    found = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.List | ast.Tuple | ast.Set):
            continue
        texts = {each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)}
        fits = any(texts >= set(each) and len(node.elts) <= len(each) + 2 and len(each) > 1 for each in owners)
        names = {each.name for each in code.siblings}
        if fits and not texts & names and not isinstance(file.parents[node], ast.Compare):
            found.append(node)
    return found


def _choose(
    code: ProjectCode, file: CodeFile, registry: Registry, entry: Entry, width: int, quote: str
) -> Registration:
    """One more text in a list of keys."""
    owners = _owners(code)
    node = _choices(code, file, owners)[int(registry.detail["number"])]
    source = file.source
    texts = [str(each.value) for each in node.elts if isinstance(each, ast.Constant)]
    owner = next(each for each in owners if set(texts) >= set(each))
    key = spell_key(list(owner.items()), entry, code.siblings)
    taken(key, texts, symbol=f"{registry.path}:{registry.line}", place=f"{registry.path}:{registry.line}")
    own = source.data[source.start(node.elts[0]) : source.start(node.elts[0]) + 1].decode("utf-8")
    quote = own if own in ("'", '"') else quote
    at = source.start(node)
    if source.data[at : at + 1] not in (b"[", b"(", b"{"):
        opening = [each.start for each in source.lexemes() if each.start < at and each.text == "["]
        if not isinstance(file.parents[node], ast.Subscript) or not opening:  # Literal["a", "b"] has them around it
            raise by_hand(registry, entry, "lists the keys without brackets", f"add {key!r} to it by hand")
        at = opening[-1]
    code.draft(file.path).insert(add_element(source, read_brackets(source, at), f"{quote}{key}{quote}", width=width))
    return Registration(key, said=f"{key} among the choices of {registry.path}")
