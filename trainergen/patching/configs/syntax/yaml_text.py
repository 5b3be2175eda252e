"""YAML as text: where a value stands, and a section added below its siblings with comments, anchors and line ends kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ....errors import Conflict
from ...configuration import KeyPath
from ...draft import Draft, Edit, Insertion, Span
from .formats import escaped
from .tree import Tree, confirm
from .yaml_document import Document, load, pairs_of

if TYPE_CHECKING:
    from yaml.nodes import Node

__all__ = ["insert", "load", "locate", "spell"]

PLAIN = re.compile(r"[A-Za-z_./][\w./+-]*( [\w./+-]+)*\Z")
RESERVED = re.compile(r"(?i)(true|false|yes|no|on|off|null|none|nan|inf|y|n|~|\.nan|[-+]?\.inf|[-+.\d_:eE]*)\Z")


def insert(
    data: bytes, path: str, keys: KeyPath, tree: object, *, docs: Mapping[KeyPath, str] | None = None, like: str = ""
) -> Edit:
    """Add `tree` under `keys`, after everything that stands under the mapping above them.

    Args:
        data: the file's bytes.
        path: for messages.
        keys: the last one is new, those above exist.
        tree: a mapping or a value.
        docs: comments for key paths below `keys`.
        like: a sibling of the new key: its indentation and its blank line above are followed, and its merges (``<<: *x``).

    Raises:
        Conflict: the file can't take it.
    """
    document = Document(data, path)
    before = load(data, path)
    parent = document.node(keys[:-1])
    merge = _merge_of(document, (*keys[:-1], like)) if like else ""
    newline = document.newline
    draft = Draft(data, path)
    if parent is not None and getattr(parent, "flow_style", False):
        draft.insert(_into_flow(document, parent, keys[-1], tree))
    else:
        at, column = _end_of(document, parent, keys)
        step = _step(document, (*keys[:-1], like)) if like else any_step(document)
        lines = render(tree, step=step, docs=docs or {}, key=keys[-1], merge=merge, width=column)
        text = newline.join(lines) + newline
        apart = bool(like) and isinstance(tree, dict) and _blank_above(document, (*keys[:-1], like))
        if apart and not _keeps_blank_lines(document, parent):
            above = document.text[:at].splitlines()
            text = text if above and not above[-1].strip() else newline + text
        if document.text[:at] and not document.text[:at].endswith(("\n", "\r")):
            text = newline + text
        draft.insert([Insertion(document.at(at), text.encode("utf-8"))])
    result = draft.finish(".".join(keys))
    expected = tree
    if merge and isinstance(tree, dict):
        after = load(result.after, path)
        inherited = _under(after, keys)
        expected = {**{key: value for key, value in inherited.items() if key not in tree}, **tree}
    confirm(before, load(result.after, path), keys, expected, path)
    return result


def _under(tree: object, keys: KeyPath) -> Tree:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def _end_of(document: Document, parent: Node | None, keys: KeyPath) -> tuple[int, int]:
    """Where a new last pair of a block mapping begins, and in which column."""
    text = document.text
    pairs = pairs_of(parent)
    if not pairs:
        if len(keys) > 1:
            raise Conflict(f"{document.path} has nothing under {'.'.join(keys[:-1])} to add to", place=document.path)
        return len(text), 0
    column = pairs[0][0].start_mark.column
    at = _leaf_end(pairs[-1][1])
    if text[at - 1 : at] not in ("\r", "\n"):  # a block scalar ends at a line's start
        at = _next_line(text, at)
    while at < len(text):  # comments that stand as deep belong to what is above them
        line = text[at : _next_line(text, at)]
        stripped = line.lstrip(" ")
        deep = len(line) - len(stripped) >= max(column, 1) or (column == 0 and bool(line.strip()))
        if not (stripped.startswith("#") and deep) and (line.strip() or not _comment_follows(text, at, column)):
            break
        at = _next_line(text, at)
    return at, column


def _comment_follows(text: str, at: int, column: int) -> bool:
    """Whether the blank lines at `at` are followed by a comment that belongs to the mapping above."""
    rest = text[at:].lstrip("\r\n")
    line = rest.splitlines()[0] if rest.strip() else ""
    indent = len(line) - len(line.lstrip(" "))
    return line.lstrip().startswith("#") and (indent >= column > 0 or (column == 0 and not _keys_below(rest)))


def _keys_below(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _leaf_end(node: Node) -> int:
    """Where the text of a value ends, comments behind it not counted."""
    children = [each for pair in pairs_of(node) for each in pair]
    if not children and isinstance(node.value, list):
        children = list(node.value)
    if children and not getattr(node, "flow_style", False):
        return max(_leaf_end(children[-1]), int(children[-1].start_mark.index))
    return int(node.end_mark.index)


def _keeps_blank_lines(document: Document, node: Node | None) -> bool:
    """Whether a value ends in block text that owns the blank lines below it (``|+``)."""
    while node is not None and isinstance(node.value, list) and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    if node is None or getattr(node, "style", None) not in ("|", ">"):
        return False
    start = int(node.start_mark.index)
    return "+" in document.text[start : _next_line(document.text, start)].partition("#")[0]


def _next_line(text: str, at: int) -> int:
    found = re.compile(r"\r\n|\r|\n").search(text, at)
    return found.end() if found else len(text)


def _blank_above(document: Document, keys: KeyPath) -> bool:
    """Whether the siblings are set apart by blank lines."""
    pairs = pairs_of(document.node(keys[:-1]))
    lines = document.text.splitlines()
    for key, _ in pairs[1:]:
        line: int = key.start_mark.line - 1
        while line >= 0 and lines[line].lstrip().startswith("#"):
            line -= 1
        if line >= 0 and not lines[line].strip():
            return True
    return False


def _step(document: Document, keys: KeyPath) -> int:
    pair = document.pair(document.node(keys[:-1]), keys[-1])
    inner = pairs_of(pair[1]) if pair else []
    if pair is None or not inner or getattr(pair[1], "flow_style", False):
        return any_step(document)
    step: int = inner[0][0].start_mark.column - pair[0].start_mark.column
    return max(step, 1)


def any_step(document: Document) -> int:
    """The indentation that the file uses; 2 where it has none."""
    for _key, value in pairs_of(document.root):
        inner = pairs_of(value)
        if inner and not getattr(value, "flow_style", False) and inner[0][0].start_mark.column:
            return int(inner[0][0].start_mark.column)
    return 2


def _merge_of(document: Document, keys: KeyPath) -> str:
    """The sibling's ``*alias`` that it merges; "" for none."""
    for key, value in pairs_of(document.node(keys)):
        if key.tag == "tag:yaml.org,2002:merge":
            between = document.text[key.end_mark.index : key.end_mark.index + 200]
            found = re.match(r"\s*:\s*(\*[^\s,\]}]+)[ \t]*(#.*)?(\r|\n|\Z)", between)
            if found is not None and value is not None:
                return found.group(1)
    return ""


def _into_flow(document: Document, parent: Node, key: str, tree: object) -> list[Insertion]:
    close = parent.end_mark.index - 1
    pairs = pairs_of(parent)
    text = f"{spell(key)}: {spell(tree)}"
    if not pairs:
        return [Insertion(document.at(close), text.encode("utf-8"))]
    at = _leaf_end(pairs[-1][1])
    comma = re.match(r"\s*,", document.text[at:close])
    multi = "\n" in document.text[parent.start_mark.index : close]
    lead = document.newline + " " * pairs[0][0].start_mark.column if multi else " "
    if comma:
        return [Insertion(document.at(at + comma.end()), (lead + text + ("," if multi else "")).encode("utf-8"))]
    return [Insertion(document.at(at), ("," + lead + text).encode("utf-8"))]


def render(
    tree: object,
    *,
    step: int = 2,
    docs: Mapping[KeyPath, str] | None = None,
    key: str = "",
    merge: str = "",
    width: int = 0,
    above: KeyPath = (),
) -> list[str]:
    """Lines of a block; with `key` it is the value of that."""
    pad = " " * width
    if not isinstance(tree, dict) or not tree:
        return [f"{pad}{spell(key)}: {spell(tree)}"]
    lines = [f"{pad}{spell(key)}:"] if key else []
    inner = width + step if key else width
    if merge:
        lines.append(f"{' ' * inner}<<: {merge}")
    for name, value in tree.items():
        doc = (docs or {}).get((*above, name))
        if doc:
            lines.append(f"{' ' * inner}# {doc}")
        lines += render(value, step=step, docs=docs, key=name, width=inner, above=(*above, name))
    return lines


def spell(value: object) -> str:
    """A value in one line, so that PyYAML's loaders and OmegaConf read the same type (``1e-05`` would be text)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(spell, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spell(str(key))}: {spell(each)}" for key, each in value.items()) + "}"
    text = str(value)
    if PLAIN.match(text) and not RESERVED.match(text):
        return text
    return escaped(text)


def _float(value: float) -> str:
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[text]
    if "e" in text:
        mantissa, exponent = text.split("e")
        sign = exponent[0] if exponent[0] in "+-" else "+"
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent.lstrip('+-').lstrip('0') or '0'}"
    return text


def locate(data: bytes, path: str, keys: KeyPath) -> Span:
    """Where the value under `keys` stands.

    Raises:
        Conflict: there is none.
    """
    document = Document(data, path)
    node = document.node(keys)
    if node is None:
        raise Conflict(f"{path} has no {'.'.join(keys)}", place=path)
    return document.at(node.start_mark.index), document.at(_leaf_end(node))
