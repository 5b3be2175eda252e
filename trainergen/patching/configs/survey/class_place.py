"""Where settings in config classes are: which class each trainer has, in which file, with which section of a data file."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from ...configuration import ConfigPlace
from ...joining import Sibling
from ..syntax.formats import SUFFIXES, format_name
from .classes import ConfigClass, config_classes, fields_of, is_shared, outside_names, texts_in
from .names import common_pattern, pattern_of
from .project import Project
from .reads import shared_reads
from .sections import Section, data_files, mappings, refuse_broken, sections_of

Kind = Literal["section", "dataclass", "pydantic", "constants"]
PYDANTIC = frozenset({"BaseModel", "BaseSettings", "RootModel"})
DATACLASS = frozenset({"dataclass", "define", "frozen", "attrs", "s", "NamedTuple", "dataclass_json"})


def find(project: Project, siblings: Sequence[Sibling], base_file: str, kind: Kind) -> ConfigPlace | None:
    """The place where the siblings have config classes of that kind; None where they have none.

    ``section``: each class has a section of a data file; ``constants``: a class that is no record, with values in its body.
    """
    classes = config_classes(project, siblings)
    if not classes:
        return None
    shared = is_shared(classes)
    pattern = None if shared else common_pattern([(each.node.name, each.sibling) for each in classes])
    fitting = [each for each in classes if pattern and pattern_of(each.node.name, each.sibling) == pattern] or classes
    example = fitting[-1]
    sections = [] if shared else class_sections(project, fitting) or _spread(project, fitting)
    if _kind(project, example, sections) != kind:
        return None
    fields = fields_of(project, example.path, example.node)
    keys = tuple(each.keys for each in fields)
    reads = shared_reads(project, siblings, base_file)
    detail = {
        "name": example.sibling.name,
        "module": example.sibling.module,
        "file": example.sibling.file,
        "class": example.node.name,
        "destination": "shared" if shared else _destination(example),
        "construct": example.construct,
        "maker": example.maker,
        "common": json.dumps(_common(project, fitting)),
    }
    mine = next((each for each in sections if each.sibling == example.sibling), None)
    if mine is not None:
        detail |= {"section_file": mine.path, "section": mine.key, "section_form": format_name(mine.path)}
        detail |= {"section_pattern": pattern_of(mine.key, mine.sibling) or mine.key}
    return ConfigPlace(
        style="",
        path=example.path,
        line=example.node.lineno,
        symbol=pattern or example.node.name,
        example=example.node.name,
        parent=mine.parent if mine is not None else (),
        keys=keys,
        required=tuple(dict.fromkeys(read.keys for read in reads if not read.optional and read.keys in keys)),
        optional=tuple(dict.fromkeys(read.keys for read in reads if read.optional and read.keys in keys)),
        access="attribute",
        detail=detail,
    )


def class_sections(project: Project, classes: Sequence[ConfigClass]) -> list[Section]:
    """The sections of data files that the classes name, those of one file and below one mapping."""
    found: list[Section] = []
    for path, tree in data_files(project):
        for parent, inner in mappings(tree):
            here = []
            for each in classes:
                named = next(
                    (
                        text
                        for text in texts_in(each.node)
                        if pattern_of(text, each.sibling) and isinstance(inner.get(text), dict)
                    ),
                    None,
                )
                if named is not None:
                    here.append(Section(path, parent, named, each.sibling, dict(_mapping(inner[named]))))
            if len(here) > len(found):
                found = here
    if not found:
        words = [text for each in classes for text in texts_in(each.node)[:-1] if pattern_of(text, each.sibling)]
        refuse_broken(project, words, tuple(SUFFIXES))
    return found


def _spread(project: Project, classes: Sequence[ConfigClass]) -> list[Section]:
    """The sections called after the siblings, where these are spread over the class's fields (``WineConfig(**section)``)."""
    calls = [ast.parse(each.construct, mode="eval").body for each in classes if each.construct]
    if not any(isinstance(call, ast.Call) and any(each.arg is None for each in call.keywords) for call in calls):
        return []
    return sections_of(project, [each.sibling for each in classes], tuple(SUFFIXES))


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _kind(project: Project, example: ConfigClass, sections: Sequence[Section]) -> Kind:
    if sections:
        return "section"
    outside = outside_names(project, example.path, example.node)
    if outside & PYDANTIC:
        return "pydantic"
    return "dataclass" if outside & DATACLASS else "constants"


def _destination(example: ConfigClass) -> str:
    """Where a new class goes: the trainer's own file, a file of its own, or the module that holds them all."""
    if example.path == example.sibling.file:
        return "trainer"
    return "file" if pattern_of(PurePosixPath(example.path).stem, example.sibling) else "module"


def _common(project: Project, classes: Sequence[ConfigClass]) -> list[list[str]]:
    """The fields that each of several classes defines itself."""
    if len(classes) < 2:
        return []
    own = [{each.keys[0] for each in fields_of(project, config.path, config.node) if each.own} for config in classes]
    return [[name] for name in sorted(set.intersection(*own))]


def definition(project: Project, place: ConfigPlace) -> ast.ClassDef:
    """The class that is followed."""
    source = project.source(place.path)
    assert source is not None
    return next(
        node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef) and node.name == place.detail["class"]
    )
