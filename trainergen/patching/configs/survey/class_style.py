"""A new trainer's settings in a config class: its class, that class's section, its imports and exports; or fields in the class for all."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ... import exports
from ...configuration import ConfigPlace, Configuration, Field, KeyPath, Slot
from ...draft import Edit
from ...joining import Entry
from ...source import Source
from .. import dataclass_module
from ..syntax import ini_text
from ..syntax.formats import format_of
from ..syntax.python_text import literal
from ..syntax.tree import at, flatten, grow
from .class_imports import bound_names, from_imports, header, imports_of
from .class_loading import pattern_in, with_loading
from .class_place import definition
from .class_tables import before_table, join_tables
from .class_text import TYPING, class_text, field_lines, manner_of, spoken, words_in
from .classes import ClassField, fields_of
from .names import fill, refuse_taken
from .project import Project
from .section_place import sibling_of
from .sections import docs_for, fill_section
from .shared_class import add_fields
from .words import place_fields


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """The class and its section.

    Raises:
        Conflict: a class, section or file is taken, or a file can't be edited.
    """
    node = definition(project, place)
    known = fields_of(project, place.path, node)
    if place.detail["destination"] == "shared":
        return _shared(place, fields, entry, project, known, width=width, quote=quote)
    source = Source(project.data(place.path), place.path)
    sibling = sibling_of(place)
    name = fill(place.symbol, entry)
    flat = place.detail.get("section_form") == "ini_text"
    placed = place_fields(fields, [key for key in place.keys if not flat or len(key) == 1], place.required)
    placed = {each: _settable(keys, known) for each, keys in placed.items()}
    shared = _inherited(fields, placed, known) if place.detail.get("section_file") is None else {}
    said = [each for each in fields if each.name not in shared]
    manner = manner_of(source, node)
    pydantic = any("BaseModel" in base or "BaseSettings" in base for base in _bases(project, place, node))
    lines = field_lines(
        said,
        {each.name: placed[each.name] for each in said},
        known,
        manner,
        pydantic=pydantic,
        quote=quote,
        kept=_kept(place, node, source, placed, entry),
    )
    own = [each.keys[0] for each in known if each.own]
    text = class_text(source, node, name, entry, sibling, lines, kept=own, fields=said, placed=placed, width=width)
    result = Configuration(
        style="",
        access={each.name: "{config}" + "".join(f".{key}" for key in placed[each.name]) for each in fields},
        shared=shared,
        annotation=name,
    )
    result = _put_class(result, place, project, source, name, text, entry, width=width)
    where = next(iter((*result.created, *result.edits)), entry.file)
    if place.detail["destination"] != "trainer":
        result = replace(result, edits=join_tables(result.edits, place, project, name, entry, width=width))
    result = replace(
        result,
        slots={each.name: Slot(where, (name, *placed[each.name]), "python_text") for each in said if manner.defaults}
        | {
            each.name: Slot(
                where, (name, *placed[each.name]), "python_text", inherited=_type_of(placed[each.name], known)
            )
            for each in fields
            if each.name in shared
        },
        said=f"{name} in {where}",
    )
    if "section_file" in place.detail:
        result = _put_section(result, place, fields, placed, entry, project)
    return with_loading(result, place, project, name, entry, where, has_values=manner.defaults)


def _bases(project: Project, place: ConfigPlace, node: ast.ClassDef) -> list[str]:
    return [
        ast.unparse(base) for _, each in [(place.path, node), *project.lineage(place.path, node)] for base in each.bases
    ]


def _settable(keys: KeyPath, known: Sequence[ClassField]) -> KeyPath:
    """A group's field can be set only where the group is a class of the project; else the field stands by itself."""
    groups = {each.keys[0] for each in known if len(each.keys) == 2 and each.group}
    return (
        keys
        if len(keys) == 1 or (len(keys) == 2 and keys[0] in groups and any(each.keys == keys for each in known))
        else ("_".join(keys),)
    )


def _inherited(fields: Sequence[Field], placed: dict[str, KeyPath], known: Sequence[ClassField]) -> dict[str, str]:
    """Field name -> literal that the class inherits for it, as the sibling does: the project has it for all its trainers."""
    values = {each.keys: literal(each.value) for each in known if not each.own and each.value is not None}
    return {
        each.name: repr(values[placed[each.name]])
        for each in fields
        if placed[each.name] in values and values[placed[each.name]] is not None
    }


def _type_of(keys: KeyPath, known: Sequence[ClassField]) -> str:
    return next((each.annotation for each in known if each.keys == keys and each.annotation), "object")


def _kept(
    place: ConfigPlace, node: ast.ClassDef, source: Source, placed: dict[str, KeyPath], entry: Entry
) -> dict[KeyPath, str]:
    """Statements of fields that are none of ours, but read by the base, common to the siblings, or said of the sibling's name."""
    sibling = sibling_of(place)
    common = [tuple(each) for each in json.loads(place.detail["common"])]
    taken = {keys[0] for keys in placed.values()}
    kept: dict[KeyPath, str] = {}
    for each in node.body:
        if not isinstance(each, ast.AnnAssign | ast.Assign) or "ClassVar" in ast.unparse(each):
            continue
        target = each.target if isinstance(each, ast.AnnAssign) else each.targets[0]
        if not isinstance(target, ast.Name) or target.id in taken or target.id.startswith("_"):
            continue
        if isinstance(each, ast.Assign) and any(isinstance(one, ast.AnnAssign) for one in node.body):
            continue  # no field, kept as it is
        plain = source.data[source.start(each) : source.end(each)].decode("utf-8")
        text = spoken(source, each, sibling, entry)
        if (target.id,) in (*common, *place.required) or text != plain.replace("\r\n", "\n"):
            kept[(target.id,)] = text
    return kept


def _put_class(
    result: Configuration,
    place: ConfigPlace,
    project: Project,
    source: Source,
    name: str,
    text: str,
    entry: Entry,
    *,
    width: int,
) -> Configuration:
    """The class into the module that holds them, into a file of its own, or into the trainer's."""
    sibling, destination = sibling_of(place), place.detail["destination"]
    used = words_in(text)
    if destination == "trainer":
        return replace(result, definition=text, definition_imports=imports_of(source, used, sibling.module))
    module = _module_as_imported(project, place)
    if destination == "file":
        old = PurePosixPath(place.path)
        pattern = pattern_in(old.stem, place)
        path = str(old.with_name(fill(pattern, entry) + ".py"))
        refuse_taken(path, project.files, "the file", str(old.parent))
        head = header(source, used)
        newline = source.newline.decode()
        whole = "\n".join([*head, *(["", ""] if head else []), text.rstrip("\n")]) + "\n"
        module = fill(pattern_in(module, place), entry)
        edits = _export(place, project, name, lambda spelled: fill(pattern_in(spelled, place), entry), width=width)
        return replace(result, edits=edits, created={path: whole.replace("\n", newline)}, imports=((module, name),))
    bound = bound_names(source)
    imports = tuple(sorted((module_, word) for word, module_ in TYPING.items() if word in used and word not in bound))
    data = project.data(place.path)
    below = before_table(source, place, name=name, text=text, imports=imports, width=width)
    edits = {
        place.path: below or dataclass_module.edit(data, place.path, name=name, text=text, imports=imports, width=width)
    }
    edits |= _export(place, project, name, lambda spelled: spelled, width=width)
    return replace(result, edits=edits, imports=((module, name),))


def _export(
    place: ConfigPlace, project: Project, name: str, module: Callable[[str], str], *, width: int
) -> dict[str, Edit]:
    """The package's export of the class, where it exports the sibling's; `module` makes the new one's of the sibling's."""
    package = str(PurePosixPath(place.path).with_name("__init__.py"))
    source = project.source(package) if package in project.files and package != place.path else None
    spelled = from_imports(source).get(place.detail["class"]) if source is not None else None
    if source is None or spelled is None:
        return {}
    return {package: exports.edit(source.data, package, module=module(spelled), name=name, width=width)}


def _module_as_imported(project: Project, place: ConfigPlace) -> str:
    """The module that the sibling imports its class from, as it is written there; else the class's own."""
    sibling = sibling_of(place)
    source = project.source(sibling.file)
    spelled = from_imports(source).get(place.detail["class"]) if source is not None else None
    return spelled or project.module_name(place.path, sibling.module, sibling.file)


def _put_section(
    result: Configuration,
    place: ConfigPlace,
    fields: Sequence[Field],
    placed: dict[str, KeyPath],
    entry: Entry,
    project: Project,
) -> Configuration:
    path, form = place.detail["section_file"], place.detail["section_form"]
    section = fill(place.detail["section_pattern"], entry)
    data = project.data(path)
    tree = format_of(path).load(data, path)
    around = at(tree, place.parent)
    refuse_taken(section, list(around) if isinstance(around, dict) else [], "a section", path)
    values, _ = fill_section(fields, list(placed.values()), {}, None, entry)
    values = {placed[each.name]: values[placed[each.name]] for each in fields if each.name in placed}
    present = {key: value for key, value in values.items() if value is not None or form in ("yaml_text", "json_text")}
    body = grow(present)
    if form == "ini_text":
        like = {str(number): value for number, value in enumerate(flatten(tree).values())}
        body = ini_text.texts({key[-1]: value for key, value in present.items()}, like)
    lines = [line.strip() for line in data.splitlines()]
    commented = sum(line.startswith((b"#", b";")) for line in lines[1:]) * 4 > sum(bool(line) for line in lines)
    docs = docs_for(fields, placed) if commented else {}
    prefix = (*place.parent, section)
    edit = format_of(path).insert(data, path, prefix, body, docs=docs, like=place.detail["section"])
    slots = dict(result.slots)
    slots |= {
        each.name: Slot(path, (*prefix, *placed[each.name]), form) for each in fields if placed[each.name] in present
    }
    said = f"[{section}] of {path}" if form == "ini_text" else f"{'.'.join(prefix)} in {path}"
    return replace(result, edits={**result.edits, path: edit}, slots=slots, said=f"{result.annotation}, {said}")


def _shared(
    place: ConfigPlace,
    fields: Sequence[Field],
    entry: Entry,
    project: Project,
    known: Sequence[ClassField],
    *,
    width: int,
    quote: str,
) -> Configuration:
    """One class for all trainers: its fields are used, those that it lacks are added."""
    placed = place_fields(fields, place.keys, place.required)
    placed = {each: keys if keys in place.keys else (("_".join(keys),)) for each, keys in placed.items()}
    have = {each.keys: each.value for each in known}
    missing = [each for each in fields if placed[each.name] not in have]
    edit = add_fields(project, place, missing, placed, width=width, quote=quote) if missing else None
    name = place.detail["class"]
    result = Configuration(
        style="",
        edits={place.path: edit} if edit is not None else {},
        access={each.name: "{config}" + "".join(f".{key}" for key in placed[each.name]) for each in fields},
        shared={
            each.name: repr(literal(value))
            for each in fields
            if (value := have.get(placed[each.name])) is not None and literal(value) is not None
        },
        slots={
            each.name: Slot(place.path, (name, *placed[each.name]), "python_text")
            for each in fields
            if placed[each.name] not in have
        },
        annotation=name,
        imports=((_module_as_imported(project, place), name),),
        said=f"{name} in {place.path}",
    )
    return with_loading(result, place, project, name, entry, place.path, has_values=True)
