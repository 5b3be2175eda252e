"""Dataclasses, attrs classes: a config class a trainer, its values in Python; or one class for all."""

from __future__ import annotations

from collections.abc import Sequence

from ..configuration import ConfigPlace, Configuration, Field
from ..joining import Entry, Sibling
from .survey import class_place, class_style
from .survey.project import Project

RANK = 21


def find(project: Project, siblings: Sequence[Sibling], base_file: str) -> ConfigPlace | None:
    """See `ConfigStyle`."""
    return class_place.find(project, siblings, base_file, "dataclass")


def configure(
    place: ConfigPlace, fields: Sequence[Field], entry: Entry, project: Project, *, width: int, quote: str
) -> Configuration:
    """See `ConfigStyle`."""
    return class_style.configure(place, fields, entry, project, width=width, quote=quote)
