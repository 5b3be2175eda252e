"""The default registry: ``TRAINER_REGISTRY`` in ``train/__init__.py``, one dict literal of key -> ``module:Class``."""

from __future__ import annotations

import ast

from ...errors import Conflict
from ..draft import Draft, Edit
from ..literals import add_element, element_indent, read_brackets
from ..snippets import snippet
from ..source import Source

REGISTRY = "TRAINER_REGISTRY"


def detect(data: bytes, path: str) -> bool:
    """Whether the file holds a registry of this style."""
    try:
        return _find(Source(data, path)) is not None
    except Conflict:
        return False


def edit(data: bytes, path: str, *, key: str, target: str, width: int, quote: str = '"', spread: bool = True) -> Edit:
    """Add ``key: target`` to the registry.

    Args:
        data: the file's bytes.
        path: for messages.
        key: the registry key, e.g. ``DigitsNetTrainer``.
        target: ``module:Class``.
        width: the longest line allowed.
        quote: for the first entry; others take the first one's.
        spread: the first entry gets a line of its own even where the brackets have room.

    Raises:
        Conflict: no registry of this style, or `key` is there already (in whatever case).
    """
    source = Source(data, path)
    registry = _find(source)
    if registry is None:
        raise Conflict(
            f"{path} holds no {REGISTRY} that is one dict literal",
            place=path,
            hint=f"write it as {REGISTRY}: dict[str, str] = {{...}}",
        )
    for known in read_back(data, path):
        if known.lower() == key.lower():
            raise Conflict(
                f"{REGISTRY} lists {known} already" + ("" if known == key else ", which differs from it only in case"),
                place=f"{path}:{registry.lineno}",
                hint="choose another name with --name",
            )
    brackets = read_brackets(source, source.start(registry))
    indent = element_indent(source, brackets).decode()
    words = {"key": key, "target": target, "quote": _quote(source, registry, quote), "newline": "", "indent": ""}
    text = snippet("default", **words)
    if len(indent.expandtabs(4)) + len(text) + 1 > width:
        text = snippet("default", **{**words, "newline": source.newline.decode(), "indent": indent})
    draft = Draft(data, path)
    draft.insert(add_element(source, brackets, text, width=width, explode=spread))
    result = draft.finish(REGISTRY)
    if read_back(result.after, path).get(key) != target:
        raise Conflict(f"{REGISTRY} can't be added to: it does not list {key} after the edit", place=path)
    return result


def read_back(data: bytes, path: str) -> dict[str, str]:
    """What the registry lists: key -> target, in order; entries that are no plain text are left out."""
    registry = _find(Source(data, path))
    if registry is None:
        return {}
    return {
        key.value: value.value
        for key, value in zip(registry.keys, registry.values, strict=True)
        if isinstance(key, ast.Constant)
        and isinstance(key.value, str)
        and isinstance(value, ast.Constant)
        and isinstance(value.value, str)
    }


def _find(source: Source) -> ast.Dict | None:
    """The dict literal bound to the registry's name; None if there is none, or more than one."""
    found: list[ast.expr | None] = []
    for node in source.tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == REGISTRY for target in targets):
            found.append(node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None)
    return found[0] if len(found) == 1 and isinstance(found[0], ast.Dict) else None


def _quote(source: Source, registry: ast.Dict, otherwise: str) -> str:
    first = next((key for key in registry.keys if key is not None), None)
    if first is None:
        return otherwise
    return "'" if source.data[source.start(first) :].startswith(b"'") else '"'
