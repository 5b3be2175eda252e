"""A second dict with the keys of the trainers' own (their configurations, help texts): both are edited, or neither."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..binding import bring_name, function_name
from ..joining import Entry, Registration, Registry, Sibling
from ..project_code import CodeFile, ProjectCode
from . import mapping
from .mapping import Pair, Place, by_hand, key_text

PRECEDENCE = 10


@dataclass(frozen=True)
class Partner:
    """A dict beside a dict of trainers: where it stands, its entries with the trainer that each belongs to."""

    node: ast.Dict
    symbol: str
    pairs: tuple[Pair, ...]


def find(code: ProjectCode) -> list[Registry]:
    """Every dict outside of functions that has an entry for each key of a dict of trainers."""
    owners = _owners(code)
    found = []
    for file in code.files:
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
    """Key -> trainer of every dict of trainers."""
    found = []
    for file in code.files:
        for place in mapping.places(code, file):
            pairs = [(key_text(file, pair.key), pair.sibling) for pair in place.pairs]
            found.append({key: sibling for key, sibling in pairs if key is not None and sibling is not None})
    return [each for each in found if each]


def _partners(code: ProjectCode, file: CodeFile, owners: list[dict[str, Sibling]]) -> list[Partner]:
    trainers = {id(place.node) for place in mapping.places(code, file)}
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
