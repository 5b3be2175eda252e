"""Settings as plain Python: a dict a trainer, a dict of dicts, a module a trainer, or one module of constants for all."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from ..configuration import ConfigPlace, Configuration, Field, KeyPath, Load, Slot
from ..draft import Draft, Insertion
from ..joining import Entry, Sibling
from ..literals import add_element, element_indent, read_brackets
from ..source import Source
from .survey.loading import filled
from .survey.names import fill, refuse_taken
from .survey.project import Project
from .survey.python_places import Place, all_places, places
from .survey.reads import Read, manner, shared_reads, sibling_reads
from .survey.section_place import sibling_of
from .survey.sections import Section, fill_section, kept_keys
from .syntax.tree import flatten, grow

RANK = 51


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    own = [read for sibling in siblings for read in sibling_reads(project, sibling)]
    shared = shared_reads(project, siblings, base_file)
    chosen = places(project, siblings, [*own, *shared])
    if chosen is None:
        return None
    sibling = chosen.sibling
    module = project.module_name(chosen.path, sibling.module, sibling.file)
    loads = {
        "dict": Load("attribute", module, chosen.pattern),
        "entry": Load("attribute", module, chosen.owner, (), (chosen.pattern,)),
        "module": Load("attribute", f"{module.rpartition('.')[0]}.{chosen.pattern}".lstrip("."), ""),
        "constants": Load("attribute", module, ""),
    }
    keys = tuple(flatten(chosen.values))
    read = tuple(dict.fromkeys(each.keys for each in shared if not each.optional and each.keys in keys))
    # what only leads to the settings says nothing of how they are reached
    heard = [each for each in (own or shared) if any(each.keys[-len(key) :] == key for key in keys)]
    inside = (chosen.pattern,) if chosen.kind == "entry" and _walks(own, chosen) else ()
    load = loads[chosen.kind]
    return ConfigPlace(
        style="",
        path=chosen.path,
        line=chosen.line,
        symbol=chosen.pattern,
        example=chosen.name,
        keys=keys,
        required=read,
        access=manner(heard) if chosen.kind in ("dict", "entry") and heard else _access(chosen.kind),
        inside=inside,
        load=replace(load, path=()) if inside else load,
        detail={
            "kind": chosen.kind,
            "owner": chosen.owner,
            "name": sibling.name,
            "module": sibling.module,
            "file": sibling.file,
            "used": "1" if chosen.used else "",
        },
    )


def _access(kind: str) -> Literal["attribute", "item"]:
    return "item" if kind in ("dict", "entry") else "attribute"


def _walks(reads: Sequence[Read], chosen: Place) -> bool:
    return any(read.keys[:1] == (chosen.name,) for read in reads)


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`.

    Raises:
        Conflict: a name, key or file is taken, or the file does not parse.
    """
    sibling, kind = sibling_of(place), place.detail["kind"]
    source = Source(project.data(place.path), place.path)
    chosen = next(each for each in _again(project, place) if each.name == place.example)
    if kind == "constants":
        return _constants(place, chosen, fields, entry, source, quote)
    quote = _own_quote(source, chosen.node, quote)
    example = Section(place.path, (), place.example, sibling, chosen.values)
    kept = kept_keys([example], place.required)
    values, placed = fill_section(fields, place.keys, kept, sibling, entry, read=place.required)
    texts: dict[KeyPath, object] = {
        key: _spelled(value, quote, next((each.value for each in fields if placed[each.name] == key), None))
        for key, value in values.items()
    }
    name = fill(place.symbol, entry)
    if kind == "module":
        return _own_module(place, name, texts, placed, fields, entry, project, source)
    draft = Draft(source.data, place.path)
    newline = source.newline.decode()
    if kind == "entry":
        refuse_taken(name, list(_keys(chosen.node)), "a key", place.path, line=chosen.line)
        brackets = read_brackets(source, source.start(chosen.node))
        alone = not source.data[source.line_start(brackets.close.start) : brackets.close.start].strip()
        indent = element_indent(source, brackets).decode()
        body = _dict(grow(texts), quote, indent if alone else None, chosen.called)
        text = f"{quote}{name}{quote}: {body}"
        draft.insert(add_element(source, brackets, text.replace("\n", newline), width=max(width, 10_000)))
        slot_head: KeyPath = (place.detail["owner"], name)
        said = f'{place.detail["owner"]}["{name}"] in {place.path}'
    else:
        taken = {target.id: node.lineno for node in source.tree.body for target in _targets(node)}
        refuse_taken(name, taken, "a name", place.path)
        statement = next(node for node in source.tree.body if any(each.id == place.example for each in _targets(node)))
        at = source.next_line(source.end(statement))
        unfinished = at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
        body = _dict(grow(texts), quote, "", chosen.called)
        text = ("\n" if unfinished else "") + f"\n{name} = {body}\n"
        draft.insert([Insertion(at, text.replace("\n", newline).encode("utf-8"))])
        slot_head = (name,)
        said = f"{name} in {place.path}"
    Source(draft.data, place.path)
    imports = ((project.module_name(place.path, sibling.module, sibling.file), slot_head[0]),)
    steps = [fill(key, entry) for key in place.inside]
    construct = slot_head[0] if kind == "dict" else f'{slot_head[0]}["{name}"]'
    used = bool(place.detail["used"])
    return Configuration(
        style="",
        edits={place.path: draft.finish(said)},
        access={each.name: _reach((*steps, *placed[each.name]), place.access) for each in fields},
        slots={each.name: Slot(place.path, (*slot_head, *placed[each.name]), "python_text") for each in fields},
        imports=imports if used else (),
        construct=construct if used else "",
        load=filled(place.load, entry),
        said=said,
    )


def _own_quote(source: Source, node: ast.expr, quote: str) -> str:
    """The quote of the first text in what the sibling has."""
    texts = [each for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    first = chr(source.data[source.start(texts[0])]) if texts else quote
    return first if first in ("'", '"') else quote


def _again(project: Project, place: ConfigPlace) -> list[Place]:
    return [
        each
        for each in all_places(project, [sibling_of(place)])
        if each.path == place.path and each.kind == place.detail["kind"] and each.owner == place.detail["owner"]
    ]


def _targets(node: ast.stmt) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [each for each in targets if isinstance(each, ast.Name)]


def _keys(node: ast.expr) -> list[str]:
    return [
        str(key.value) for key in (node.keys if isinstance(node, ast.Dict) else ()) if isinstance(key, ast.Constant)
    ]


def _reach(keys: KeyPath, access: str) -> str:
    if access == "attribute":
        return "{config}" + "".join(f".{key}" for key in keys)
    return "{config}" + "".join(f'["{key}"]' for key in keys)


def _spelled(value: object, quote: str, literal: str | None) -> str:
    """A value's source text, ours as the plan writes it."""
    if isinstance(value, str) and not {"'", '"', "\\"} & set(value):
        return f"{quote}{value}{quote}"
    return literal if literal is not None else repr(value)


def _dict(tree: dict[str, object], quote: str, indent: str | None, called: bool) -> str:
    """A dict display, or a call of `dict`; one key a line below `indent`, on one line where that is None."""
    parts = []
    inner = None if indent is None else indent + "    "
    for key, value in tree.items():
        text = _dict(value, quote, inner, called) if isinstance(value, dict) else str(value)
        parts.append(f"{key}={text}" if called and key.isidentifier() else f"{quote}{key}{quote}: {text}")
    opening, closing = ("dict(", ")") if called and all(key.isidentifier() for key in tree) else ("{", "}")
    if indent is None:
        return opening + ", ".join(parts) + closing
    return opening + "\n" + "".join(f"{inner}{part},\n" for part in parts) + indent + closing


def _own_module(
    place: ConfigPlace,
    name: str,
    texts: dict[KeyPath, object],
    placed: dict[str, KeyPath],
    fields: Sequence[Field],
    entry: Entry,
    project: Project,
    source: Source,
) -> Configuration:
    """A module of constants for the new trainer."""
    path = str(PurePosixPath(place.path).with_name(f"{name}.py"))
    refuse_taken(path, project.files, "the file", str(PurePosixPath(path).parent))
    quote = '"'
    lines = [
        f"{key} = {_dict(value, quote, '', False) if isinstance(value, dict) else value}"
        for key, value in grow(texts).items()
    ]
    module = filled(place.load, entry)
    assert module is not None
    text = f'"""Settings of {entry.class_name}."""\n\n' + "\n".join(lines) + "\n"
    parent, _, last = module.module.rpartition(".")
    return Configuration(
        style="",
        created={path: text.replace("\n", source.newline.decode())},
        access={each.name: _mixed(placed[each.name]) for each in fields},
        slots={each.name: Slot(path, placed[each.name], "python_text") for each in fields},
        imports=((parent, last) if parent else (last, ""),) if place.detail["used"] else (),
        construct=last if place.detail["used"] else "",
        load=module,
        said=path,
    )


def _mixed(keys: KeyPath) -> str:
    """A module's name by attribute, a dict's keys below it by item."""
    return "{config}." + keys[0] + "".join(f'["{key}"]' for key in keys[1:])


def _constants(
    place: ConfigPlace, chosen: Place, fields: Sequence[Field], entry: Entry, source: Source, quote: str
) -> Configuration:
    """One module for all: its constants are used, those that it lacks are added after the last."""
    flat = [key for key in place.keys if len(key) == 1]
    values, placed = fill_section(fields, flat, {}, None, entry, read=place.required)
    have = flatten(chosen.values)
    missing = [each for each in fields if placed[each.name] not in have]
    edits = {}
    if missing:
        draft = Draft(source.data, place.path)
        last = [node for node in source.tree.body if _targets(node)][-1]
        at = source.next_line(source.end(last))
        unfinished = at == len(source.data) and not source.data.endswith((b"\n", b"\r"))
        lines = [
            f"{placed[each.name][0]} = {_spelled(values[placed[each.name]], quote, each.value)}" for each in missing
        ]
        text = ("\n" if unfinished else "") + "\n".join(lines) + "\n"
        draft.insert([Insertion(at, text.replace("\n", source.newline.decode()).encode("utf-8"))])
        Source(draft.data, place.path)
        edits[place.path] = draft.finish("constants")
    assert place.load is not None
    parent, _, last_name = place.load.module.rpartition(".")
    return Configuration(
        style="",
        edits=edits,
        access={each.name: _mixed(placed[each.name]) for each in fields},
        slots={each.name: Slot(place.path, placed[each.name], "python_text") for each in missing},
        shared={each.name: repr(have[placed[each.name]]) for each in fields if placed[each.name] in have},
        imports=((parent, last_name) if parent else (last_name, ""),),
        construct=last_name,
        load=place.load,
        said=place.path,
    )
