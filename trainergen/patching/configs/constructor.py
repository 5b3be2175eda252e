"""No configuration: a trainer's settings are its constructor's arguments, or dicts that it is handed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from ..configuration import ConfigPlace, Configuration, Field, KeyPath
from ..joining import Entry, Sibling
from .survey.project import Project, class_named
from .survey.reads import Read, shared_reads, sibling_reads
from .survey.words import key_for, place_fields

RANK = 90


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`: what is left where the project has no other style."""
    reads = [read for sibling in siblings for read in sibling_reads(project, sibling)]
    reads += shared_reads(project, siblings, base_file)
    parameters: dict[str, None] = {}
    for sibling in siblings:
        parameters |= dict.fromkeys(_parameters(project, sibling.file, sibling.name))
    if base_file and (source := project.source(base_file)) is not None:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef):
                parameters |= dict.fromkeys(_parameters(project, base_file, node.name))
    roots = [name for name in parameters if any(read.root == name and read.how == "item" for read in reads)]
    place = ConfigPlace(style="", access="item" if roots else "attribute")
    if roots:
        return replace(
            place,
            symbol=", ".join(roots),
            keys=tuple(dict.fromkeys(read.keys for read in reads if read.root in roots)),
            required=tuple(dict.fromkeys(read.keys for read in reads if read.root in roots and not read.optional)),
            optional=tuple(dict.fromkeys(read.keys for read in reads if read.root in roots and read.optional)),
            detail={"roots": "\n".join(roots), **_homes(reads, roots)},
        )
    return replace(place, keys=tuple((name,) for name in parameters))


def _parameters(project: Project, path: str, name: str) -> list[str]:
    source = project.source(path)
    node = class_named(source, name) if source is not None else None
    for each in node.body if node is not None else ():
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return [argument.arg for argument in (*each.args.args[1:], *each.args.kwonlyargs)]
    return []


def _homes(reads: Sequence[Read], roots: Sequence[str]) -> dict[str, str]:
    """Key -> the dict that it is read from."""
    return {f"key:{'.'.join(read.keys)}": read.root for read in reads if read.root in roots}


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`: nothing is edited."""
    del entry, project, width
    roots = place.detail.get("roots", "").split("\n") if "roots" in place.detail else []
    if not roots:
        placed = {name: keys[-1] for name, keys in place_fields(fields, place.keys).items()}
        return Configuration(
            style="",
            arguments={each.name: replace(each, name=placed[each.name]) for each in fields},
            access=placed,
            said="the constructor's arguments",
        )
    model = next((root for root in roots if root.startswith(("model", "net"))), "")
    main = next((root for root in roots if root.startswith("train")), roots[-1])
    access = {each.name: _reach(place, each, model, main, quote) for each in fields}
    return Configuration(style="", access=access, said=f"{place.symbol} of the constructor")


def _reach(place: ConfigPlace, each: Field, model: str, main: str, quote: str) -> str:
    """A setting in the dict that holds its kind; one that the base does not insist on has our default."""
    key: KeyPath | None = key_for(each.name, place.keys, place.required)
    name = each.name
    root = main
    if key is None and model and name.startswith("model_") and name not in ("model_save_directory",):
        root, name = model, name.removeprefix("model_")
        key = key_for(name, [known for known in place.keys if place.detail.get(f"key:{'.'.join(known)}") == model])
    if key is not None:
        root = place.detail.get(f"key:{'.'.join(key)}", root)
    steps = key if key is not None else (name,)
    above = root + "".join(f"[{quote}{step}{quote}]" for step in steps[:-1])
    if key is not None and key in place.required:
        return f"{above}[{quote}{steps[-1]}{quote}]"
    return f"{above}.get({quote}{steps[-1]}{quote}, {each.value})"
