"""A new trainer's settings in data files: its section, its file, or the keys that the file for all lacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ....errors import Conflict
from ...configuration import ConfigPlace, Configuration, Field, KeyPath, Slot
from ...draft import Edit, as_one
from ...joining import Entry, Sibling
from ..syntax import ini_text
from ..syntax.formats import format_of
from ..syntax.tree import at, flatten, grow
from ..syntax.whole_file import whole_file
from ..syntax.yaml_document import Document, pairs_of
from .loading import filled
from .names import fill, refuse_taken
from .project import Project
from .section_place import sibling_of
from .sections import Section, docs_for, fill_section, kept_keys
from .words import same


def access_to(place: ConfigPlace, keys: KeyPath, entry: Entry) -> str:
    """The expression for one setting, ``{config}`` in the object's place."""
    root = place.detail.get(f"root:{keys[0]}")
    if root is not None:
        return root + "".join(f'["{_escaped(step)}"]' for step in keys[1:])
    steps = [fill(key, entry) for key in place.inside] + list(keys)
    if place.access == "attribute" and all(step.isidentifier() for step in steps):
        return "{config}" + "".join(f".{step}" for step in steps)
    return "{config}" + "".join(f'["{_escaped(step)}"]' for step in steps)


def _escaped(step: str) -> str:
    return step.replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}")


def configure(place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project) -> Configuration:
    """The section, the file, or the keys that are missing in the file for all.

    Raises:
        Conflict: what would be new is there already, or the file can't take it.
    """
    kind, form = place.detail["kind"], place.detail["form"]
    if kind == "all":
        return _add_missing(place, fields, entry, project)
    sibling = sibling_of(place)
    name = fill(place.symbol, entry)
    kept = _kept(place, project)
    nested = form != "ini_text" or kind == "file"
    values, placed = fill_section(fields, place.keys, kept, sibling, entry, read=place.required, nested=nested)
    edits: dict[str, Edit] = {}
    created: dict[str, str] = {}
    docs = docs_for(fields, placed) if _has_comments(place, project) else {}
    if form == "toml_text":
        values = {key: value for key, value in values.items() if value is not None}
    if kind == "section":
        path, prefix = place.path, (*place.parent, name)
        data = project.data(path)
        tree = format_of(path).load(data, path)
        above = at(tree, place.parent)
        refuse_taken(name, list(above) if isinstance(above, dict) else [], "a section", path)
        edits[path] = format_of(path).insert(
            data, path, prefix, _tree(values, tree, form), docs=docs, like=place.example
        )
        said = f"{'.'.join(prefix)} in {path}" if form != "ini_text" else f"[{name}] of {path}"
    else:
        old = PurePosixPath(place.path)
        path, prefix = str(old.with_name(name + old.suffix)), ()
        refuse_taken(path, project.files, "the file", str(old.parent))
        created[path] = whole_file(values, docs, project.data(place.path), place.path)
        said = path
    present = set(values)
    return Configuration(
        style="",
        edits=edits,
        created=created,
        access={
            each.name: access_to(place, placed[each.name], entry) for each in fields if placed[each.name] in present
        },
        slots={
            each.name: Slot(path, (*prefix, *placed[each.name]), form)
            for each in fields
            if placed[each.name] in present and not (values[placed[each.name]] is None and form == "ini_text")
        },
        annotation="",
        load=filled(place.load, entry),
        said=said,
    )


def _kept(place: ConfigPlace, project: Project) -> dict[KeyPath, object]:
    """What the followed sibling's section holds and a new one needs as well."""
    tree = format_of(place.path).load(project.data(place.path), place.path)
    sibling = sibling_of(place)
    mine = (*place.parent, place.example) if place.detail["kind"] == "section" else ()
    siblings = [Section(place.path, place.parent, place.example, sibling, _mapping(at(tree, mine)))]
    if place.detail["kind"] == "section":
        around = at(tree, place.parent)
        for key, value in around.items() if isinstance(around, dict) else ():
            if key != place.example and isinstance(value, dict) and _follows(key, place.symbol):
                siblings.append(Section(place.path, place.parent, key, Sibling("", "", ""), value))
    for path in filter(None, place.detail.get("others", "").split("\n")):
        siblings.append(Section(path, (), path, Sibling("", "", ""), format_of(path).load(project.data(path), path)))
    kept = kept_keys(siblings, place.required)
    if place.detail["form"] != "yaml_text":
        return kept
    # what the sibling merges (``<<: *defaults``), the new section merges as well
    written = {key.value for key, _ in pairs_of(Document(project.data(place.path), place.path).node(mine))}
    return {key: value for key, value in kept.items() if key[0] in written}


def _follows(key: str, pattern_text: str) -> bool:
    head, _, tail = pattern_text.partition("{")
    return key.startswith(head) and key.endswith(tail.partition("}")[2])


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _tree(values: dict[KeyPath, object], tree: dict[str, object], form: str) -> dict[str, object]:
    if form != "ini_text":
        return grow(values)
    like = {f"{number}": value for number, value in enumerate(flatten(tree).values())}
    return ini_text.texts({key[-1]: value for key, value in values.items()}, like)


def _has_comments(place: ConfigPlace, project: Project) -> bool:
    """Whether the file explains its settings in lines of comment."""
    data = project.data(place.path)
    lines = [line.strip() for line in data.splitlines()]
    return sum(line.startswith((b"#", b";")) for line in lines[1:]) * 4 > sum(bool(line) for line in lines)


def _add_missing(place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project) -> Configuration:
    """One file for all trainers: what is there is kept and shared, the rest is added."""
    path, form = place.path, place.detail["form"]
    syntax = format_of(path)
    tree = syntax.load(project.data(path), path)
    existing = flatten(_mapping(at(tree, place.parent)))
    _, placed = fill_section(fields, place.keys, {}, None, entry, read=place.required)
    values, _ = fill_section(fields, place.keys, {}, None, entry, read=place.required)
    shared = {each.name: repr(existing[placed[each.name]]) for each in fields if placed[each.name] in existing}
    edits: list[Edit] = []
    data = project.data(path)
    docs = docs_for(fields, placed) if _has_comments(place, project) else {}
    for each in fields:
        key = placed[each.name]
        if key in existing or (values[key] is None and form in ("toml_text", "ini_text")):
            continue
        if any(same(each.name, known) for known in existing):
            raise Conflict(f"{path} has two settings for {each.name}", place=path, hint="keep one of them")
        value = values[key]
        if form == "ini_text":
            value = _tree({key: value}, tree, form)[key[-1]]
        doc: dict[KeyPath, str] = {(): docs[key]} if key in docs else {}
        edits.append(syntax.insert(data, path, (*place.parent, *key), value, docs=doc))
        data = edits[-1].after
    return Configuration(
        style="",
        edits={path: as_one(edits, path, ", ".join(edit.label for edit in edits))} if edits else {},
        access={
            each.name: access_to(place, placed[each.name], entry)
            for each in fields
            if placed[each.name] in existing
            or values[placed[each.name]] is not None
            or form in ("yaml_text", "json_text")
        },
        slots={
            each.name: Slot(path, (*place.parent, *placed[each.name]), form)
            for each in fields
            if placed[each.name] in existing or values[placed[each.name]] is not None
        },
        shared=shared,
        roots={root: (name.removeprefix("root:"),) for name, root in place.detail.items() if name.startswith("root:")},
        load=filled(place.load, entry),
        said=path,
    )
