"""Argument values as plain data, and how each is spelled in Python: what travels between rooms is no object.

A value is a scalar, a list, a mapping with text keys, or one of

* ``{"$tuple": [...]}``: a tuple;
* ``{"$ref": "module:Name.MEMBER"}``: the object of that name itself (a class, a function, a member of an enumeration);
* ``{"$call": "module:Name", "args": [...], "kwargs": {...}}``: what the call gives.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""Plain data as above: JSON has no narrower name for it."""

TUPLE, REF, CALL = "$tuple", "$ref", "$call"
NAMESPACE = "types:SimpleNamespace"


@dataclass(frozen=True)
class Import:
    """One name that a spelled value needs; `alias` is how the text writes it (usually `name` itself)."""

    module: str
    name: str
    alias: str

    @property
    def statement(self) -> str:
        """``from module import name``, with ``as alias`` where they differ."""
        renamed = "" if self.alias == self.name else f" as {self.alias}"
        return f"from {self.module} import {self.name}{renamed}"


@dataclass(frozen=True)
class Spelled:
    """A value as a Python expression on one line, and the imports it needs, in order of their first use."""

    text: str
    imports: tuple[Import, ...] = ()


def tuple_of(items: Collection[Value]) -> Value:
    """The tuple of `items`."""
    return {TUPLE: list(items)}


def reference(target: str) -> Value:
    """The object that ``module:Name`` names."""
    return {REF: target}


def call(target: str, arguments: Collection[Value] = (), keywords: Mapping[str, Value] | None = None) -> Value:
    """What ``module:Name`` returns for these arguments."""
    return {CALL: target, "args": list(arguments), "kwargs": dict(keywords or {})}


def is_tagged(value: Value, tag: str) -> bool:
    """Whether `value` is the form that `tag` (`TUPLE`, `REF`, `CALL`) stands for."""
    return isinstance(value, dict) and tag in value and set(value) <= {tag, "args", "kwargs"}


def items_of(value: Value) -> list[Value] | None:
    """The items of a list or tuple; None for anything else."""
    if isinstance(value, list):
        return value
    return list(value[TUPLE]) if is_tagged(value, TUPLE) else None


def like(value: Value, items: Collection[Value]) -> Value:
    """`items` as a sequence of the same kind as `value`."""
    return tuple_of(items) if is_tagged(value, TUPLE) else list(items)


def children(value: Value) -> Mapping[str, Value] | None:
    """The named parts of a mapping or a call (of its only argument, where that is a mapping); None for what has none."""
    if is_tagged(value, CALL):
        wrapped = _wrapped(value)
        keywords: Mapping[str, Value] = value.get("kwargs", {})
        return wrapped if wrapped is not None else keywords
    if isinstance(value, dict) and not is_tagged(value, TUPLE) and not is_tagged(value, REF):
        return value
    return None


def at(value: Value, path: tuple[str, ...]) -> Value:
    """The part of `value` that `path` leads to.

    Raises:
        KeyError: it leads nowhere.
    """
    for key in path:
        parts = children(value)
        if parts is None or key not in parts:
            raise KeyError(key)
        value = parts[key]
    return value


def put(value: Value, path: tuple[str, ...], part: Value) -> Value:
    """A copy of `value` with `part` at `path` (a new key is added); `value` itself stays as it is.

    Raises:
        KeyError: something on the way has no named parts.
    """
    if not path:
        return part
    parts = children(value)
    if parts is None:
        raise KeyError(path[0])
    return _with_parts(value, {**parts, path[0]: put(parts.get(path[0], {}), path[1:], part)})


def without(value: Value, path: tuple[str, ...]) -> Value:
    """A copy of `value` that lacks what `path` leads to.

    Raises:
        KeyError: it leads nowhere.
    """
    owner = at(value, path[:-1])
    kept = {key: part for key, part in (children(owner) or {}).items() if key != path[-1]}
    return put(value, path[:-1], _with_parts(owner, kept))


def _wrapped(value: Value) -> Mapping[str, Value] | None:
    """The mapping in ``DictConfig({...})``."""
    given: list[Value] = value.get("args", [])
    if len(given) != 1 or value.get("kwargs"):
        return None
    inner: Value = given[0]
    return inner if isinstance(inner, dict) and not any(is_tagged(inner, tag) for tag in (TUPLE, REF, CALL)) else None


def _with_parts(value: Value, parts: dict[str, Value]) -> Value:
    if not is_tagged(value, CALL):
        return parts
    return {**value, "args": [parts]} if _wrapped(value) is not None else {**value, "kwargs": parts}


def leaf_paths(value: Value, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths to everything in `value` that has no named parts of its own, in order."""
    parts = children(value)
    if parts is None:
        yield path
        return
    for key, part in parts.items():
        yield from leaf_paths(part, (*path, key))


def spell(value: Value, taken: Collection[str] = ()) -> Spelled:
    """`value` as source: ``Config(dim=32, act=ReLU())`` with what has to be imported for it.

    Args:
        value: plain data as above.
        taken: names that mean something else where the text will stand; an import of such a name is given an alias.

    Raises:
        TypeError: something in it is no plain data.
    """
    speller = _Speller(set(taken))
    text = speller.spell(value)
    return Spelled(text, tuple(speller.imports.values()))


class _Speller:
    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.imports: dict[tuple[str, str], Import] = {}

    def spell(self, value: Value) -> str:
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        if value is None or isinstance(value, (bool, int, float)):
            return repr(value)
        if isinstance(value, str):
            return _quoted(value)
        if isinstance(value, list):
            return "[" + ", ".join(self.spell(item) for item in value) + "]"
        if is_tagged(value, TUPLE):
            inner = ", ".join(self.spell(item) for item in value[TUPLE])
            return f"({inner},)" if len(value[TUPLE]) == 1 else f"({inner})"
        if is_tagged(value, REF):
            return self._name(value[REF])
        if is_tagged(value, CALL):
            name = self._name(value[CALL])
            given = [self.spell(item) for item in value.get("args", ())]
            given += [f"{key}={self.spell(item)}" for key, item in value.get("kwargs", {}).items()]
            return f"{name}({', '.join(given)})"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.spell(key)}: {self.spell(item)}" for key, item in value.items()) + "}"
        raise TypeError(f"{type(value).__name__} is no plain data: {value!r:.80}")

    def _name(self, target: str) -> str:
        module, _, dotted = target.partition(":")
        head, _, rest = dotted.partition(".")
        if module == "builtins" and head not in self.taken:
            return dotted
        if (module, head) not in self.imports:
            alias = head
            while alias in self.taken:
                alias += "_"
            self.taken.add(alias)
            self.imports[module, head] = Import(module, head, alias)
        alias = self.imports[module, head].alias
        return f"{alias}.{rest}" if rest else alias


def _quoted(text: str) -> str:
    """`text` in double quotes, as the project's formatter would have it."""
    plain = repr(text)
    if plain.startswith("'") and '"' not in text:
        return f'"{plain[1:-1]}"'
    return plain
