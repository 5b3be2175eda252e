"""A YAML document as nodes with positions, and as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import Conflict
from ...configuration import KeyPath
from ...source import BOM, LINE_END
from .tree import Tree

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node


class Document:
    """One YAML document.

    Raises:
        Conflict: it does not parse, holds several documents, or is no mapping.
    """

    def __init__(self, data: bytes, path: str) -> None:
        import yaml

        self.data, self.path = data, path
        self.offset = len(BOM) if data.startswith(BOM) else 0
        try:
            self.text = data.decode("utf-8-sig")
            self.root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except UnicodeDecodeError as problem:
            raise Conflict(f"{path} is not UTF-8: {problem.reason}", place=path, hint="save it as UTF-8") from None
        except yaml.YAMLError as problem:
            mark = getattr(problem, "problem_mark", None)
            raise Conflict(
                f"{path} can't be read as one YAML document: {getattr(problem, 'problem', None) or problem}",
                place=f"{path}:{mark.line + 1}" if mark else path,
                hint="correct it first; nothing can be added to a file that does not parse",
            ) from None
        if self.root is not None and not isinstance(self.root, yaml.MappingNode):
            raise Conflict(f"{path} is no mapping at its top", place=path, hint="settings need keys")

    @property
    def newline(self) -> str:
        """The line end that the file uses most."""
        ends = [end.decode() for end in LINE_END.findall(self.data)]
        return max(sorted(set(ends)), key=ends.count) if ends else "\n"

    def at(self, character: int) -> int:
        """The byte offset of a character of the text."""
        return self.offset + len(self.text[:character].encode("utf-8"))

    def node(self, keys: KeyPath) -> Node | None:
        """The value under `keys`.

        Raises:
            Conflict: one of them stands twice.
        """
        node: Node | None = self.root
        for key in keys:
            pair = self.pair(node, key)
            if pair is None:
                return None
            node = pair[1]
        return node

    def pair(self, node: Node | None, key: str) -> tuple[Node, Node] | None:
        """Key and value nodes of `key` in a mapping."""
        found = [(known, value) for known, value in pairs_of(node) if known.value == key]
        if len(found) > 1:
            line = found[1][0].start_mark.line + 1
            raise Conflict(f"{self.path} has {key} twice", place=f"{self.path}:{line}", hint="keep one of the two")
        return found[0] if found else None

    def line(self, keys: KeyPath) -> int:
        """The line (from 1) of the last of `keys`."""
        pair = self.pair(self.node(keys[:-1]), keys[-1])
        return pair[0].start_mark.line + 1 if pair else 1


def pairs_of(node: Node | None) -> list[tuple[Node, Node]]:
    """Key and value nodes of a mapping; none for anything else."""
    from yaml.nodes import MappingNode

    return list(node.value) if isinstance(node, MappingNode) else []


def load(data: bytes, path: str) -> Tree:
    """Plain values as PyYAML's safe loader resolves them; a tag of the project's own becomes its text; merges are applied.

    Raises:
        Conflict: see `Document`; or a key stands twice.
    """
    document = Document(data, path)
    return _mapping(document, document.root, {}) if document.root is not None else {}


def _mapping(document: Document, node: MappingNode, seen: dict[int, object]) -> Tree:
    tree: Tree = {}
    merged: Tree = {}
    for key, value in pairs_of(node):
        if key.tag == "tag:yaml.org,2002:merge":
            for each in value.value if not pairs_of(value) and isinstance(value.value, list) else [value]:
                for name, inherited in _mapping(document, each, seen).items():
                    merged.setdefault(name, inherited)
            continue
        name = str(key.value)
        if name in tree:
            line = key.start_mark.line + 1
            raise Conflict(
                f"{document.path} has {name} twice", place=f"{document.path}:{line}", hint="keep one of the two"
            )
        tree[name] = _value(document, value, seen)
    return {**{name: value for name, value in merged.items() if name not in tree}, **tree}


def _value(document: Document, node: Node, seen: dict[int, object]) -> object:
    import yaml

    if id(node) not in seen:
        if isinstance(node, yaml.MappingNode):
            seen[id(node)] = _mapping(document, node, seen)
        elif isinstance(node, yaml.SequenceNode):
            seen[id(node)] = [_value(document, each, seen) for each in node.value]
        else:
            try:
                seen[id(node)] = yaml.SafeLoader("").construct_object(node)
            except yaml.YAMLError:
                seen[id(node)] = f"{node.tag} {node.value}"
    return seen[id(node)]
