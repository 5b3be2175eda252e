"""Dicts that map a trainer's name to its config class (``CONFIGS = {"wine": WineConfig}``): the new class joins them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...configuration import ConfigPlace
from ...draft import Draft, Edit, Insertion, as_one
from ...imports import need_name
from ...joining import Entry
from ...literals import add_element, read_brackets
from ...source import Source
from .. import dataclass_module
from .class_imports import from_imports
from .names import fill, pattern_of, refuse_taken
from .project import Project, class_named
from .section_place import sibling_of


@dataclass(frozen=True)
class Table:
    """Such a dict, and the key of the class that is followed."""

    node: ast.Dict
    key: ast.Constant


def join_tables(
    edits: Mapping[str, Edit], place: ConfigPlace, project: Project, name: str, entry: Entry, *, width: int
) -> dict[str, Edit]:
    """The edits with an entry for the class `name` in every table that has the followed sibling's.

    Args:
        edits: those that are made already.
        place: whose class is followed.
        project: its files.
        name: the new class.
        entry: the new trainer.
        width: the longest line allowed.

    Raises:
        Conflict: a key is taken.
    """
    result = dict(edits)
    for source in list(project.python(place.detail["class"])):
        if source.path == sibling_of(place).file or not list(_tables(source, place)):
            continue
        draft = Draft(result[source.path].after if source.path in result else source.data, source.path)
        spelled = from_imports(source).get(place.detail["class"])
        if spelled is not None and source.path not in result:
            own_file = place.detail["destination"] == "file"
            module = pattern_of(spelled, sibling_of(place)) if own_file else None
            need_name(draft, fill(module, entry) if module else spelled, name, width=width)
        for number in range(len(list(_tables(source, place)))):
            now = Source(draft.data, source.path)
            table = list(_tables(now, place))[number]
            pattern = pattern_of(str(table.key.value), sibling_of(place))
            if pattern is None:
                continue
            key = fill(pattern, entry)
            taken = {str(each.value): each.lineno for each in table.node.keys if isinstance(each, ast.Constant)}
            refuse_taken(key, taken, "a key", source.path)
            quote = chr(now.data[now.start(table.key)])
            text = f"{quote}{key}{quote}: {name}"
            draft.insert(add_element(now, read_brackets(now, now.start(table.node)), text, width=width))
        if draft.spans:
            edit = draft.finish(name)
            result[source.path] = (
                as_one([result[source.path], edit], source.path, result[source.path].label)
                if source.path in result
                else edit
            )
    return result


def _tables(source: Source, place: ConfigPlace) -> Iterator[Table]:
    """The tables of a file that hold the followed class."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if (
                isinstance(key, ast.Constant)
                and isinstance(key.value, str)
                and isinstance(value, ast.Name)
                and value.id == place.detail["class"]
            ):
                yield Table(node, key)


def before_table(
    source: Source, place: ConfigPlace, *, name: str, text: str, imports: tuple[tuple[str, str], ...], width: int
) -> Edit | None:
    """The class `name` below the followed one, where a table of the same file comes after that; None where there is none.

    Raises:
        Conflict: the class is taken.
    """
    if not list(_tables(source, place)):
        return None
    refuse_taken(name, dataclass_module.read_back(source.data, source.path), "a class", source.path)
    draft = Draft(source.data, source.path)
    for module, imported in imports:
        need_name(draft, module, imported, width=width)
    now = Source(draft.data, source.path)
    followed = class_named(now, place.detail["class"])
    assert followed is not None
    newline = now.newline
    body = newline * 2 + text.strip("\n").encode("utf-8").replace(b"\n", newline) + newline
    draft.insert([Insertion(now.next_line(now.end(followed)), body)])
    return draft.finish(name)
