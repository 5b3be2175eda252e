"""What an annotation asks for: live hints, or their text where it can't be evaluated, as one small form."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import os
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from ..sources import plain_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal[
    "any", "int", "float", "bool", "str", "none", "sequence", "tuple", "mapping", "choice", "config", "module", "class",
    "callable", "tensor", "array", "dtype", "device", "path", "union", "object",
]  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What is wanted for an argument.

    Attributes:
        kind: `sequence` and `tuple` have `parts` (one for any length, or one an item), `union` has its choices there.
        owner: the class, for `choice` of an enumeration, `config`, `module`, `class` (what it must derive from), `object`.
        choices: the values of a ``Literal`` or the members of an enumeration.
        fixed: a tuple whose every item is spelled out.
    """

    kind: Kind
    parts: tuple[Wanted, ...] = ()
    owner: type | None = None
    choices: tuple[Any, ...] = ()
    fixed: bool = False

    def alternatives(self) -> tuple[Wanted, ...]:
        """What a union has to choose from, None left out unless it is all; itself for anything else."""
        if self.kind != "union":
            return (self,)
        return tuple(part for part in self.parts if part.kind != "none") or self.parts

    @property
    def item(self) -> Wanted:
        """What the items of a sequence are."""
        return self.parts[0] if self.parts else ANY


ANY = Wanted("any")
_SIMPLE: dict[Any, Kind] = {
    int: "int",
    float: "float",
    bool: "bool",
    str: "str",
    type(None): "none",
    None: "none",
    torch.dtype: "dtype",
    torch.device: "device",
    list: "sequence",
    tuple: "tuple",
    dict: "mapping",
    object: "any",
    Any: "any",
    type: "class",
}
_CONTAINERS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)


def hints_of(function: Any) -> dict[str, Any]:
    """The annotations of `function` by parameter, evaluated where they can be, else as text."""
    plain = plain_function(function)
    if plain is None:
        return {}
    try:
        return typing.get_type_hints(plain)
    except Exception:  # a name under TYPE_CHECKING, a syntax of a later Python: each is looked at by itself
        hints: dict[str, Any] = {}
        for name, hint in getattr(plain, "__annotations__", {}).items():
            hints[name] = _evaluated(hint, plain.__globals__)
        return hints


def wanted(hint: Any) -> Wanted:
    """What a hint asks for; `ANY` for what says nothing."""
    try:
        if hint in _SIMPLE:
            return Wanted(_SIMPLE[hint])
    except TypeError:  # not hashable
        return ANY
    if isinstance(hint, (str, typing.ForwardRef)):
        return _of_text(hint if isinstance(hint, str) else hint.__forward_arg__)
    if isinstance(hint, typing.NewType):
        return wanted(hint.__supertype__)
    if isinstance(hint, typing.TypeVar):
        return wanted(hint.__bound__) if hint.__bound__ is not None else ANY
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return wanted(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return Wanted("union", tuple(wanted(each) for each in arguments))
    if origin is typing.Literal:
        return Wanted("choice", choices=arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return Wanted("tuple", (wanted(arguments[0]),))
        return Wanted("tuple", tuple(wanted(each) for each in arguments), fixed=True)
    if origin is type:
        inner = arguments[0] if arguments and isinstance(arguments[0], type) else None
        return Wanted("class", owner=inner)
    if origin is collections.abc.Callable or hint is typing.Callable or hint is collections.abc.Callable:
        return Wanted("callable")
    base = origin if isinstance(origin, type) else hint
    if isinstance(base, type):
        return _of_class(base, arguments)
    return ANY


def _of_class(cls: type, arguments: tuple[Any, ...]) -> Wanted:
    if cls in _CONTAINERS or cls is collections.abc.MutableSequence:
        return Wanted("sequence", tuple(wanted(each) for each in arguments[:1]))
    if issubclass(cls, (dict, collections.abc.Mapping)) and not hasattr(cls, "__required_keys__"):
        return Wanted("mapping", owner=cls)
    if issubclass(cls, enum.Enum):
        return Wanted("choice", owner=cls, choices=tuple(cls))
    if issubclass(cls, nn.Module):
        return Wanted("module", owner=cls)
    if issubclass(cls, torch.Tensor):
        return Wanted("tensor")
    if issubclass(cls, os.PathLike):
        return Wanted("path", owner=cls)
    if issubclass(cls, int):
        return Wanted("int")
    if dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields") or hasattr(cls, "__attrs_attrs__"):
        return Wanted("config", owner=cls)
    if hasattr(cls, "_fields") or hasattr(cls, "__required_keys__"):  # a namedtuple, a TypedDict
        return Wanted("config", owner=cls)
    return Wanted("object", owner=cls)


def _of_text(text: str) -> Wanted:
    """A hint that could not be evaluated, by what its text says."""
    bare = text.replace("typing.", "").replace("t.", "").strip()
    options = [part.strip() for part in bare.split("|")]
    if bare.startswith("Optional["):
        return Wanted("union", (_of_text(bare[9:-1]), Wanted("none")))
    if len(options) > 1 and all(each.count("[") == each.count("]") for each in options):
        return Wanted("union", tuple(_of_text(each) for each in options))
    names: dict[str, Kind] = {
        "int": "int",
        "float": "float",
        "bool": "bool",
        "str": "str",
        "None": "none",
        "nn.Module": "module",
        "Module": "module",
        "torch.nn.Module": "module",
        "Tensor": "tensor",
        "torch.Tensor": "tensor",
        "dict": "mapping",
        "Dict": "mapping",
    }
    head = bare.partition("[")[0]
    if head in {"List", "list", "Sequence", "Iterable", "Tuple", "tuple"}:
        inner = bare.partition("[")[2].removesuffix("]").partition(",")[0].strip()
        return Wanted("tuple" if head.lower() == "tuple" else "sequence", (_of_text(inner),) if inner else ())
    if head in {"Type", "type"}:
        return Wanted("class", owner=nn.Module)
    if head == "Callable":
        return Wanted("callable")
    return Wanted(names[head]) if head in names else ANY


def _evaluated(hint: Any, scope: Mapping[str, Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, dict(scope))  # noqa: S307 - the user's own annotation, in the user's own module
    except Exception:
        return hint


def parameters_of(make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a call of `make` may give, by name; nothing where the signature is not to be had."""
    try:
        return dict(inspect.signature(make).parameters)
    except (TypeError, ValueError):
        return {}
