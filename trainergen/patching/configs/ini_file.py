"""INI read by configparser: a section a trainer; texts are turned into numbers where they are used, as the siblings do."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from ..configuration import ConfigPlace, Configuration, Field, Slot
from ..joining import Entry, Sibling
from .survey import section_place, section_style
from .survey.names import fill
from .survey.project import Project, trainer_named

RANK = 43
GETTERS = {"int": "getint", "float": "getfloat", "bool": "getboolean"}


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    place = section_place.find(project, siblings, base_file, "ini_text")
    if place is None:
        return None
    return replace(place, detail={**place.detail, "getters": "1" if _uses_getters(project, siblings) else ""})


def _uses_getters(project: Project, siblings: Sequence[Sibling]) -> bool:
    """Whether the trainers ask a section for numbers (``section.getint("epochs")``)."""
    nodes = [
        node
        for sibling in siblings
        if (source := project.source(sibling.file)) is not None
        and (found := trainer_named(source, sibling.name)) is not None
        for node in ast.walk(found)
    ]
    return any(isinstance(node, ast.Attribute) and node.attr in GETTERS.values() for node in nodes)


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`."""
    del width, quote
    result = section_style.configure(place, fields, entry, project)
    access = {
        each.name: _converted(place, each, result.slots[each.name], entry)
        for each in fields
        if each.name in result.slots
    }
    return replace(result, access=access)


def _converted(place: ConfigPlace, each: Field, slot: Slot, entry: Entry) -> str:
    """The expression that gives a field its type."""
    inside = [fill(key, entry) for key in place.inside]
    key = slot.keys[-1]
    section = "{config}" + "".join(f'["{step}"]' for step in inside)
    if place.detail["kind"] == "file" or (place.detail["kind"] == "all" and not place.parent):
        section += f'["{slot.keys[0]}"]'
    kind = each.annotation.partition("|")[0].strip()
    if kind in GETTERS and place.detail["getters"]:
        return f'{section}.{GETTERS[kind]}("{key}")'
    value = f'{section}["{key}"]'
    if kind in ("int", "float"):
        return f"{kind}({value})"
    if kind == "bool":
        return f'{value}.lower() in ("1", "true", "yes", "on")'
    if kind.startswith(("tuple", "list")):
        part = "float" if "float" in kind else "int" if "int" in kind else "str"
        made = f'[{part}(part) for part in {value}.split(",")]'
        return made if kind.startswith("list") else f"tuple({made})"
    return value
