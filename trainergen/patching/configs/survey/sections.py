"""Sections of data files that are called after the trainers that exist, and what a new one of them holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...configuration import Field, KeyPath
from ...joining import Entry, Sibling
from ..syntax.formats import SUFFIXES, format_of
from ..syntax.python_text import literal
from ..syntax.tree import Tree, flatten
from .names import common_pattern, core, follow, forms, matches, pattern_of
from .project import LARGEST, Project
from .words import place_fields

DEPTH = 4
"""How deep below the top of a file sections are looked for."""


@dataclass(frozen=True)
class Section:
    """A sibling's section.

    Attributes:
        path: of the file.
        parent: keys above it.
        key: its own.
        sibling: whose.
        tree: what it holds.
    """

    path: str
    parent: KeyPath
    key: str
    sibling: Sibling
    tree: Tree


NOT_SETTINGS = frozenset({"pyproject.toml", "setup.cfg", "tox.ini", "package.json", "package-lock.json", "mkdocs.yml"})


def data_files(
    project: Project, suffixes: Sequence[str] = tuple(SUFFIXES), words: Sequence[str] = ()
) -> Iterator[tuple[str, Tree]]:
    """Every settings file with one of the suffixes that can be read, with its values; those of tools are left out.

    With `words` only those in whose text or path one of them stands.
    """
    for path in project.with_suffix(*suffixes):
        if words and not any(word in path or word.encode("utf-8") in project.text(path) for word in words):
            continue
        hidden = path.startswith(".") or "/." in path
        if not hidden and path.rpartition("/")[2] not in NOT_SETTINGS and (tree := project.values(path)) is not None:
            yield path, tree


def _words(siblings: Sequence[Sibling]) -> list[str]:
    """Every spelling of the siblings' names."""
    return [word for sibling in siblings for word in forms(core(sibling.name)).values()] + [
        each.name for each in siblings
    ]


def refuse_broken(project: Project, words: Sequence[str], suffixes: Sequence[str]) -> None:
    """Raise where a settings file that has a key with one of `words` can't be read: what is in it is not known.

    Raises:
        Conflict: why it can't be read.
    """
    for path in project.with_suffix(*suffixes):
        data = project.data(path)
        as_key = rb"(?m)^\s*[\[\"']?[\w.-]*%s[\w.-]*[\"']?\s*[:=\]{]"
        named = any(re.search(as_key % re.escape(word.encode("utf-8")), data) for word in words)
        if named and project.values(path) is None and len(data) <= LARGEST:
            format_of(path).load(data, path)


def mappings(tree: Mapping[str, object], above: KeyPath = ()) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    """Every mapping of a tree with the keys that lead to it."""
    yield above, tree
    if len(above) < DEPTH:
        for key, value in tree.items():
            if isinstance(value, Mapping):
                yield from mappings(value, (*above, str(key)))


def sections_of(project: Project, siblings: Sequence[Sibling], suffixes: Sequence[str]) -> list[Section]:
    """The sections, all in one file and below one mapping, that are called after the most siblings."""
    best: list[Section] = []
    for path, tree in data_files(project, suffixes, _words(siblings)):
        for parent, inner in mappings(tree):
            named = {key: value for key, value in inner.items() if isinstance(value, Mapping)}
            found = [
                Section(path, parent, key, sibling, dict(named[key]))
                for key, sibling in matches(map(str, named), siblings).items()
                if isinstance(named.get(key), dict)
            ]
            if len(found) > len(best):
                best = found
    return best


def files_of(project: Project, siblings: Sequence[Sibling], suffixes: Sequence[str]) -> list[Section]:
    """Files of one folder that are called after siblings, the whole file being a sibling's section."""
    folders: dict[tuple[str, str], dict[str, str]] = {}
    readable = dict(data_files(project, suffixes, _words(siblings)))
    for path in readable:
        suffix = "." + path.rpartition(".")[2]
        if suffix.lower() in suffixes:
            folder, _, name = path.rpartition("/")
            folders.setdefault((folder, suffix), {})[name.removesuffix(suffix)] = path
    best: list[Section] = []
    for names in folders.values():
        found = [
            Section(names[name], (), name, sibling, readable[names[name]])
            for name, sibling in matches(names, siblings).items()
        ]
        if len(found) > len(best):
            best = found
    return best


def pattern(sections: Sequence[Section]) -> str:
    """How the siblings' sections are called."""
    return common_pattern([(each.key, each.sibling) for each in sections]) or sections[-1].key


def followed(sections: Sequence[Section]) -> Section:
    """The section that a new one looks like: the last that follows the pattern and holds something."""
    wanted = pattern(sections)
    fitting = [each for each in sections if pattern_of(each.key, each.sibling) == wanted and each.tree]
    return (fitting or list(sections))[-1]


def kept_keys(sections: Sequence[Section], required: Sequence[KeyPath]) -> dict[KeyPath, object]:
    """Keys that a new section needs whatever our fields are, with the values of the first.

    They are those that the base reads without a default, that each sibling's section has, or that say the sibling's name.
    """
    example = sections[0]
    common = set.intersection(*[set(flatten(each.tree)) for each in sections]) if len(sections) > 1 else set()
    return {
        key: value
        for key, value in flatten(example.tree).items()
        if key in common or any(key[: len(each)] == each for each in required) or _says_name(value, example.sibling)
    }


def _says_name(value: object, sibling: Sibling) -> bool:
    return isinstance(value, str) and (sibling.name in value or pattern_of(value, sibling) is not None)


def fill_section(
    fields: Sequence[Field],
    keys: Sequence[KeyPath],
    kept: Mapping[KeyPath, object],
    sibling: Sibling | None,
    entry: Entry,
    *,
    read: Sequence[KeyPath] = (),
    nested: bool = True,
) -> tuple[dict[KeyPath, object], dict[str, KeyPath]]:
    """Values of a new section by key path, in the siblings' order, and where each of our fields stands.

    Args:
        fields: ours.
        keys: the siblings' keys.
        kept: keys with the sibling's values that are needed anyway.
        sibling: whose values those are; texts that say its name say the new one's.
        entry: the new trainer.
        read: the keys that the base reads.
        nested: whether the format has groups.
    """
    placed = place_fields(fields, keys if nested else [key for key in keys if len(key) == 1], read)
    ours = {placed[each.name]: _plain(each.value) for each in fields}
    order = [key for key in keys if key in ours or key in kept]
    values: dict[KeyPath, object] = {}
    for key in order:
        value = ours[key] if key in ours else kept[key]
        if key not in ours and isinstance(value, str) and sibling is not None:
            value = follow(value, sibling, entry)
        values[key] = value
    for key, value in ours.items():
        values.setdefault(key, value)
    return values, placed


def _plain(text: str) -> object:
    value = literal(ast.parse(text, mode="eval").body)
    return list(value) if isinstance(value, tuple) else value


def docs_for(fields: Sequence[Field], placed: Mapping[str, KeyPath]) -> dict[KeyPath, str]:
    """The fields' sentences by key path, each in one line."""
    return {placed[each.name]: " ".join(each.doc.split()) for each in fields if each.doc}
