"""A YAML file a trainer that names its class (``_target_``), in a project that instantiates it by code of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ..configuration import ConfigPlace, Configuration, Field, Load
from ..joining import Entry, Sibling
from .survey import section_place, section_style
from .survey.instantiation import TARGET, as_keywords
from .survey.project import Project

RANK = 12


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`; the project's own loader takes who knows what, so the file itself is read."""
    if not any(TARGET.encode() in project.data(path) for path in project.files if path.endswith((".yaml", ".yml"))):
        return None
    place = section_place.find(project, siblings, base_file, "yaml_text")
    if place is None or place.detail["kind"] != "file" or (TARGET,) not in place.keys:
        return None
    path = PurePosixPath(place.path)
    pattern = str(path.with_name(place.symbol + path.suffix))
    return replace(place, access="item", load=Load("read", "yaml", "safe_load", (repr(pattern),)))


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`; the settings are the constructor's arguments."""
    del width, quote
    result = section_style.configure(place, fields, entry, project)
    found = as_keywords(place, fields, project, result, '{{config}}["{key}"]')
    return result if found is None else found
