"""Settings that name the class which takes them (``_target_``): the keys beside it are its constructor's arguments."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from ...configuration import ConfigPlace, Configuration, Field
from .project import Project, class_named
from .section_place import sibling_of

TARGET = "_target_"


def as_keywords(
    place: ConfigPlace, fields: Sequence[Field], project: Project, result: Configuration, access: str
) -> Configuration | None:
    """`result` with its settings as arguments of the trainer's constructor; None where the siblings' take none of them.

    Args:
        place: where the siblings have theirs.
        fields: of the new trainer.
        project: its files.
        result: the settings as they are written.
        access: the expression by which the lab reaches ``{key}`` in what is loaded.
    """
    parameters = _parameters(project, place)
    if (TARGET,) not in place.keys or not any(keys[-1] in parameters for keys in place.keys):
        return None
    names = {each.name: result.slots[each.name].keys[-1] for each in fields if each.name in result.slots}
    return replace(
        result,
        arguments={each.name: replace(each, name=names[each.name]) for each in fields if each.name in names},
        access={name: access.format(key=key) for name, key in names.items()},
    )


def _parameters(project: Project, place: ConfigPlace) -> set[str]:
    """The parameters of the followed sibling's constructor."""
    sibling = sibling_of(place)
    source = project.source(sibling.file)
    node = class_named(source, sibling.name) if source is not None else None
    for each in node.body if node is not None else ():
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return {argument.arg for argument in (*each.args.args, *each.args.kwonlyargs)}
    return set()
