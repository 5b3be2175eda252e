"""Frozen dataclasses to JSON-able data and back: what flows between rooms and processes is plain."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """`value` with every dataclass as a dict and every tuple as a list, ready for ``json.dumps``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def tagged(value: Any) -> Any:
    """A literal as JSON, tuples marked so that they arrive as tuples."""
    if isinstance(value, tuple):
        return {"$tuple": [tagged(item) for item in value]}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if isinstance(value, dict):
        return {str(key): tagged(item) for key, item in value.items()}
    return value


def from_plain(kind: type[T], data: Any) -> T:
    """The dataclass `kind` from what `to_plain` gave.

    Raises:
        TypeError: `data` does not have the form of `kind`; the message names the field.
    """
    result: T = _decode(kind, data, kind.__name__)
    return result


def _decode(hint: Any, data: Any, where: str) -> Any:
    if hint is Any or hint is object:
        return data
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is typing.Literal:
        if data not in arguments:
            raise TypeError(f"{where}: {data!r} is none of {arguments}")
        return data
    if origin in (typing.Union, types.UnionType):
        return _decode_union(arguments, data, where)
    if origin is tuple:
        _demand(isinstance(data, list), where, "a list", data)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(data))
        _demand(len(data) == len(arguments), where, f"{len(arguments)} items", data)
        return tuple(_decode(each, item, where) for each, item in zip(arguments, data, strict=True))
    if origin is dict:
        _demand(isinstance(data, dict), where, "an object", data)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in data.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        _demand(isinstance(data, dict), where, "an object", data)
        hints = _hints(hint)
        unknown = sorted(set(data) - {field.name for field in dataclasses.fields(hint)})
        _demand(not unknown, where, f"no field {', '.join(unknown)}", data)
        return hint(**{key: _decode(hints[key], item, f"{where}.{key}") for key, item in data.items()})
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if hint is type(None):
        _demand(data is None, where, "null", data)
        return None
    _demand(isinstance(data, hint) and not (isinstance(data, bool) and hint is not bool), where, hint.__name__, data)
    return data


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The fields' types, evaluated once a class: evaluating takes longer than the decoding that it is for."""
    return typing.get_type_hints(kind)


def _decode_union(arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    problems = []
    for choice in arguments:
        try:
            return _decode(choice, data, where)
        except TypeError as problem:
            problems.append(str(problem))
    raise TypeError("; ".join(problems))


def _demand(condition: bool, where: str, expected: str, data: Any) -> None:
    if not condition:
        raise TypeError(f"{where}: expected {expected}, got {type(data).__name__} {str(data)[:80]}")
