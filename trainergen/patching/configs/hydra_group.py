"""hydra: a file a trainer in a config group (``conf/trainer/wine.yaml``), the defaults list untouched."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ..configuration import ConfigPlace, Configuration, Field, KeyPath, Load
from ..joining import Entry, Sibling
from .survey import section_place, section_style
from .survey.instantiation import as_keywords
from .survey.project import Project
from .survey.reads import Read, manner, shared_reads, sibling_reads
from .syntax.python_text import keyword, literal
from .syntax.tree import at
from .syntax.yaml_document import load

RANK = 10


@dataclass(frozen=True)
class Main:
    """What ``@hydra.main`` or ``hydra.initialize`` says: the folder of the configuration, and its primary file."""

    folder: str
    name: str


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    main = _main(project)
    if main is None:
        return None
    place = section_place.find(project, siblings, base_file, "yaml_text", opened=True)
    if place is None:
        return None
    group = _group(place, main) if place.detail["kind"] == "file" else ()
    header = re.match(r"\s*#\s*@package\s+(\S+)", project.data(place.path).decode("utf-8-sig"))
    if header:
        keys: KeyPath = () if header.group(1) == "_global_" else tuple(header.group(1).split("."))
    else:
        keys = group
    reads = [read for sibling in siblings for read in sibling_reads(project, sibling)]
    shared = shared_reads(project, siblings, base_file)
    heard = [_below(read, keys) for read in (*reads, *shared) if _below(read, keys).keys in place.keys]
    insisted = [_below(read, keys).keys for read in shared if not read.optional]
    whole = bool(keys) and any(read.keys[: len(keys)] == keys for read in (*reads, *shared))
    path = (*keys, *(place.load.path if place.load is not None and not group else ()))
    override: tuple[str, ...] = ()
    if group:
        chosen = "/".join(group)
        prefix = "" if chosen in _defaults(project, main) else "+"
        override = (repr(f"{prefix}{chosen}={place.symbol}"),)
    return replace(
        place,
        access=manner(heard) if heard else "attribute",
        required=tuple(dict.fromkeys(key for key in insisted if key in place.keys)),
        inside=keys if whole else place.inside,
        load=Load(
            "compose", "hydra", "compose", (repr(main.folder), repr(main.name), *override), () if whole else path
        ),
        detail={**place.detail, "header": header.group(0).strip() if header else "", "group": ".".join(keys)},
    )


def _below(read: Read, keys: KeyPath) -> Read:
    """A read of the whole configuration as one of the group's."""
    return replace(read, keys=read.keys[len(keys) :]) if read.keys[: len(keys)] == keys else read


def _main(project: Project) -> Main | None:
    for source in project.python("hydra", "initialize"):
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in ("hydra.main", "hydra.initialize", "initialize"):
                folder = literal(keyword(node, "config_path")) or (literal(node.args[0]) if node.args else None)
                name = literal(keyword(node, "config_name"))
                if isinstance(folder, str):
                    joined = posixpath.normpath(posixpath.join(str(PurePosixPath(source.path).parent), folder))
                    named = str(name).removesuffix(".yaml") if name else _primary(project, joined)
                    return Main(joined, named)
    return None


def _primary(project: Project, folder: str) -> str:
    files = [path for path in project.files if posixpath.dirname(path) == folder and path.endswith(".yaml")]
    return PurePosixPath(files[0]).stem if len(files) == 1 else "config"


def _group(place: ConfigPlace, main: Main) -> KeyPath:
    folder = posixpath.dirname(place.path)
    relative = posixpath.relpath(folder, main.folder)
    return () if relative in (".", "") or relative.startswith("..") else tuple(relative.split("/"))


def _defaults(project: Project, main: Main) -> set[str]:
    """The groups that the primary file's defaults list has."""
    path = f"{main.folder}/{main.name}.yaml"
    found: set[str] = set()
    if path in project.files:
        listed = at(load(project.data(path), path), ("defaults",))
        for each in listed if isinstance(listed, list) else ():
            for group in each if isinstance(each, dict) else ():
                found.add(re.sub(r"^(override|optional)\s+", "", str(group)).partition("@")[0].strip("/"))
    return found


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`; where hydra instantiates the siblings (``_target_``) the settings are the constructor's arguments."""
    del width, quote
    result = section_style.configure(place, fields, entry, project)
    header = place.detail["header"]
    if header:
        result = replace(result, created={path: f"{header}\n{text}" for path, text in result.created.items()})
    # hydra gives the constructor the group's values, whatever else is read of the whole configuration
    path = tuple(filter(None, place.detail["group"].split(".")))
    load = replace(result.load, path=path) if result.load is not None else None
    found = as_keywords(place, fields, project, replace(result, load=load), "{{config}}.{key}")
    return result if found is None else found
