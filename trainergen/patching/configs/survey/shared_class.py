"""Fields that a config class for all trainers lacks, added after the last that it has."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from ....errors import Conflict
from ...configuration import ConfigPlace, Field, KeyPath
from ...draft import Draft, Edit, Insertion
from ...imports import need_name
from ...source import Source
from .class_place import definition
from .class_text import TYPING, manner_of, quoted, statement, words_in
from .project import Project, class_named


def add_fields(
    project: Project,
    place: ConfigPlace,
    fields: Sequence[Field],
    placed: Mapping[str, KeyPath],
    *,
    width: int,
    quote: str,
) -> Edit:
    """Add fields to the class that the trainers share.

    Raises:
        Conflict: it has no fields to follow.
    """
    path = place.path
    node = definition(project, place)
    source = Source(project.data(path), path)
    manner = manner_of(source, node)
    pydantic = "Model" in " ".join(map(ast.unparse, node.bases)) or "Settings" in " ".join(map(ast.unparse, node.bases))
    texts = [
        statement(placed[each.name][-1], each, quoted(each.value, quote), manner, pydantic=pydantic, quote=quote)
        for each in fields
    ]
    used = words_in("\n".join(texts))
    draft = Draft(source.data, path)
    bound = {
        alias.asname or alias.name for one in source.tree.body if isinstance(one, ast.ImportFrom) for alias in one.names
    }
    for word, module in sorted(TYPING.items()):
        if word in used and word not in bound:
            need_name(draft, module, word, width=width)
    source = Source(draft.data, path)
    found = class_named(source, node.name)
    assert found is not None
    own = [each for each in found.body if isinstance(each, ast.AnnAssign | ast.Assign)]
    if not own:
        raise Conflict(
            f"{node.name} has no fields in its body that new ones could follow",
            place=f"{path}:{node.lineno}",
            hint="give it one field with a default",
        )
    at = source.next_line(source.end(own[-1]))
    indent, newline = source.indentation(source.start(own[-1])), source.newline
    lead = newline if at == len(source.data) and not source.data.endswith((b"\n", b"\r")) else b""
    text = b"".join(indent + each.encode("utf-8") + newline for each in texts)
    draft.insert([Insertion(at, lead + text)])
    Source(draft.data, path)
    return draft.finish(node.name)
