"""``config/train.py``: adds a config dataclass at the end, and the imports that it needs where they belong."""

from __future__ import annotations

import ast

from ...errors import Conflict
from ..draft import Draft, Edit, Insertion
from ..imports import need_name
from ..source import Source


def edit(data: bytes, path: str, *, name: str, text: str, imports: tuple[tuple[str, str], ...], width: int) -> Edit:
    """Append the class `name`.

    Args:
        data: the file's bytes.
        path: for messages.
        name: the class.
        text: its source, decorator included.
        imports: (module, name) pairs that `text` uses; modules may be relative (``.base``).
        width: the longest line allowed.

    Raises:
        Conflict: the file does not parse, or the class or one of the names is taken.
    """
    taken = read_back(data, path)
    for known in taken:
        if known.lower() == name.lower():
            raise Conflict(
                f"{path} defines {known} already",
                place=f"{path}:{taken[known]}",
                hint="choose another name with --name",
            )
    draft = Draft(data, path)
    for module, imported in imports:
        need_name(draft, _as_written(draft, module), imported, width=width)
    newline = Source(draft.data, path).newline
    content = draft.data.rstrip(b" \t\r\n")
    tail = draft.data[len(content) :]
    have = len([each for each in tail.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if each == ord("\n")])
    lead = newline * max(3 - have, 0) if content.removeprefix(b"\xef\xbb\xbf") else b""
    body = text.strip("\n").encode("utf-8").replace(b"\n", newline) + newline
    draft.insert([Insertion(len(draft.data), lead + body)])
    result = draft.finish(name)
    if name not in read_back(result.after, path):
        raise Conflict(f"{path} does not define {name} after the edit", place=path)
    return result


def read_back(data: bytes, path: str) -> dict[str, int]:
    """The classes that the module defines at its top level, with their lines."""
    return {node.name: node.lineno for node in Source(data, path).tree.body if isinstance(node, ast.ClassDef)}


def _as_written(draft: Draft, module: str) -> str:
    """The spelling of a relative `module` that the file uses already (``config.base`` for ``.base``), else `module`."""
    if not module.startswith("."):
        return module
    for node in Source(draft.data, draft.path).tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").endswith(module):
            return node.module or module
    return module
