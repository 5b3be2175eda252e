"""Lists and mappings of tensors whose entries the source does not spell out: how many, and under which keys."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from torch import nn

from .guess import Box, Dim, Slot

if TYPE_CHECKING:
    from .evidence import Layer
    from .subject import Subject

_NO_VALUE = object()


def entries_wanted(model: nn.Module, nodes: Iterable[ast.AST], aliases: set[str]) -> int:
    """How many entries a function demands of a list: ``len(x) == self.views``, ``zip(self.branches, x)``; 0 where it says nothing.

    Args:
        model: live: what ``self`` holds is looked up in it.
        nodes: of the function; comparisons and calls are looked at.
        aliases: names of the list in it.
    """
    for node in nodes:
        found: Any = _NO_VALUE
        if isinstance(node, ast.Compare) and len(node.comparators) == 1:
            if not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                continue
            for side, other in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                if _calls(side, "len", aliases):
                    found = _held(model, other)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip":
            ours = any(isinstance(each, ast.Name) and each.id in aliases for each in node.args)
            if ours:
                found = next((held for each in node.args if (held := _held(model, each)) is not _NO_VALUE), _NO_VALUE)
        if isinstance(found, (nn.ModuleList, nn.Sequential, list, tuple)):
            found = len(found)
        if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 64:
            return found
    return 0


def _calls(node: ast.expr, name: str, aliases: set[str]) -> bool:
    called = (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name and len(node.args) == 1
    )
    return called and isinstance(node.args[0], ast.Name) and node.args[0].id in aliases  # type: ignore[attr-defined]


def _held(model: nn.Module, node: ast.expr) -> Any:
    """A literal, what ``self.a.b`` is, or the length of that."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
        sized = _held(model, node.args[0])
        return len(sized) if hasattr(sized, "__len__") else _NO_VALUE
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not parts or not isinstance(node, ast.Name) or node.id != "self":
        return _NO_VALUE
    found: Any = model
    for part in reversed(parts):
        found = getattr(found, part, _NO_VALUE)
    return found


def keyed(subject: Subject) -> Box | None:
    """A mapping of tensors with a key for each part of the model that is kept by key, fitted to that part's first layer.

    Keys are those of a mapping that the constructor got, else of the model's ``ModuleDict``, without what the source adds to
    them (``f"{name}_embed"``); None where the model keeps nothing by key.
    """
    for keys in _keys(subject):
        entries = tuple((key, slot) for key in keys if (slot := _fitting(key, subject)) is not None)
        if entries and len(entries) == len(keys):
            return Box("mapping", entries)
    return None


def _keys(subject: Subject) -> Iterator[list[str]]:
    for value in subject.evidence.hints.arguments.values():
        if isinstance(value, dict) and value and all(isinstance(key, str) for key in value):
            yield list(value)
    for module in subject.model.modules():
        if isinstance(module, nn.ModuleDict) and len(module):
            keys = list(module.keys())
            for before, after in _affixes(subject.evidence.text):
                if all(key.startswith(before) and key.endswith(after) for key in keys):
                    yield [key.removeprefix(before).removesuffix(after) for key in keys]
            yield keys


def _affixes(text: str) -> list[tuple[str, str]]:
    """What the source writes around a name in a text: ``("", "_embed")`` for ``f"{name}_embed"``."""
    return re.findall(r"f['\"]([A-Za-z0-9]*_)?\{\w+\}(_[A-Za-z0-9]+)?['\"]", text)


def _fitting(key: str, subject: Subject) -> Slot | None:
    """What the first layer below a part of that key takes."""
    for layer in subject.evidence.layers:
        if any(re.fullmatch(rf"(?:.*_)?{re.escape(key)}(?:_.*)?", part) for part in layer.name.split(".")):
            return _slot(layer, subject)
    return None


def _slot(layer: Layer, subject: Subject) -> Slot:
    why = f"{layer.name} takes {layer.width}"
    if layer.kind == "embedding":
        dims: tuple[Dim, ...] = ("batch", "length") if subject.evidence.sequence else ("batch",)
        return Slot("int64", dims, 0, layer.width, why=f"{layer.name} is a table of {layer.width}")
    if layer.kind == "conv":
        sides: tuple[Dim, ...] = {1: ("length",), 2: ("height", "width")}.get(layer.rank, ("depth", "height", "width"))
        return Slot("float32", ("batch", layer.width, *sides), why=why)
    if layer.kind in ("recurrent", "attention"):
        return Slot("float32", ("batch", "length", layer.width), why=why)
    return Slot("float32", ("batch", layer.width), why=why)
