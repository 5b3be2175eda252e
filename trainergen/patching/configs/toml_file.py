"""TOML: a table a trainer in one file, a file a trainer, or one file for all."""

from __future__ import annotations

from collections.abc import Sequence

from ..configuration import ConfigPlace, Configuration, Field
from ..joining import Entry, Sibling
from .survey import section_place, section_style
from .survey.project import Project

RANK = 42


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    return section_place.find(project, siblings, base_file, "toml_text")


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`."""
    del width, quote
    return section_style.configure(place, fields, entry, project)
