"""One choice of values for a constructor's arguments: what is passed, where each comes from, and the call itself."""

from __future__ import annotations

import contextlib
import inspect
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...inspection.construction import BuiltArgument
from ...inspection.expressions import CALL, NAMESPACE, at, children, is_tagged, put, without
from ..imports import import_object
from ..sources import MISSING, own_init, plain_function
from .annotations import parameters_of
from .options import Option
from .uses import ITEM
from .values import live, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

    from ...inspection.expressions import Value
    from ..protocol import Context
    from .options import Chooser
    from .uses import Path


@dataclass(frozen=True)
class Assignment:
    """Values for arguments of one class.

    Attributes:
        chooser: knows the class.
        context: where names are imported from.
        values: argument -> what is passed and why; arguments that are not in it keep their defaults.
        given: what the user fixed, as live objects: it is passed as it is and never changed.
    """

    chooser: Chooser
    context: Context
    values: Mapping[str, Option]
    given: Mapping[str, Any]

    def now(self, path: Path) -> Value:
        """The value at `path` as plain data, defaults included; `MISSING` where there is none that can be spelled."""
        path = self._unpacked(path)
        head, rest = path[0], path[1:]
        value = self.values[head].value if head in self.values else _default(self.chooser.parameters.get(head))
        for place, key in enumerate(rest):
            parts = children(value) if value is not MISSING else None
            if parts is None:
                return MISSING
            if key in parts:
                value = parts[key]
            else:
                owner = self.owner(at(self.values[head].value, rest[:place])) if head in self.values else None
                value = _default(parameters_of(owner).get(key)) if owner is not None else MISSING
        return value

    def lead(self, path: Path) -> Path | None:
        """The part of `path` that can be changed: up to where it enters something that has no named parts."""
        path = self._unpacked(path)
        head = path[0]
        if head in self.given or not self.takes(head):
            return None
        if head not in self.values:
            return (head,)
        value = self.values[head].value
        for place, key in enumerate(path[1:], start=1):
            parts = children(value)
            if parts is None or key == ITEM:
                return path[:place]
            if key not in parts:
                owner = self.owner(value)
                if owner is not None and not _takes(parameters_of(owner), key):
                    return path[:place]
                return path[: place + 1]
            value = parts[key]
        return path

    def option(self, path: Path) -> Option | None:
        """Who said the value of the argument that `path` begins with."""
        return self.values.get(path[0])

    def takes(self, name: str) -> bool:
        """Whether the constructor can be given an argument of that name."""
        return _takes(self.chooser.parameters, name)

    def with_change(self, changed: tuple[tuple[Path, Option | None], ...]) -> Assignment | None:
        """The same with some parts changed; None where a part has no place."""
        values = dict(self.values)
        for path, option in changed:
            head, rest = path[0], path[1:]
            if option is None and not rest:
                values.pop(head, None)
                continue
            if not rest:
                assert option is not None
                values[head] = option
                continue
            if head not in values:
                default = _default(self.chooser.parameters.get(head))
                if default is MISSING:
                    return None
                values[head] = Option(default, "default", "the class's own default")
            before = values[head]
            try:
                value = without(before.value, rest) if option is None else put(before.value, rest, option.value)
            except KeyError:
                return None
            smaller = option is not None and option.for_proof
            kept = before.value if smaller and not before.for_proof and head in self.values else before.kept
            values[head] = replace(before, value=value, assumed=True, for_proof=before.for_proof or smaller, kept=kept)
        return replace(self, values=values)

    def key(self) -> str:
        """Equal for equal values."""
        return json.dumps(
            {name: option.value for name, option in sorted(self.values.items())}, sort_keys=True, default=repr
        )

    def arguments(self) -> tuple[BuiltArgument, ...]:
        """What is passed, in the order of the signature; ``*dims`` goes by that name, with a list."""
        found = [
            BuiltArgument(
                name, each.value, each.source, each.reason, each.place, each.assumed, each.for_proof, each.kept
            )
            for name, each in self.values.items()
        ]
        for name, value in self.given.items():
            with contextlib.suppress(TypeError):  # an object that no literal gave has no spelling
                found.append(BuiltArgument(name, plain(value), "given", "given on the command line", assumed=False))
        parameters = self.chooser.parameters
        order = {name: place for place, name in enumerate(parameters)}
        found.sort(key=lambda each: order.get(each.name, len(order)))
        spread = {name for name, each in parameters.items() if each.kind is inspect.Parameter.VAR_POSITIONAL}
        return tuple(replace(each, name=f"*{each.name}") if each.name in spread else each for each in found)

    def _unpacked(self, path: Path) -> Path:
        """What stands in ``**kwargs`` is an argument of its own."""
        parameter = self.chooser.parameters.get(path[0])
        return path[1:] if parameter is not None and parameter.kind is parameter.VAR_KEYWORD and len(path) > 1 else path

    def owner(self, value: Value) -> Any:
        """The class or function that a ``$call`` calls; None for a namespace or a mapping, which take any name."""
        if is_tagged(value, CALL) and value[CALL] != NAMESPACE:
            return import_object(value[CALL], self.context)
        return None


class Call:
    """One call of the constructor with an assignment; knows afterwards which part of it was being made."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.failed: tuple[Path, Any] | None = None

    def __call__(self) -> Any:
        """The model."""
        chooser = self.assignment.chooser
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for name, option in self.assignment.values.items():
            keywords[name] = self._live(option.value, (name,))
        keywords |= self.assignment.given
        for name, parameter in chooser.parameters.items():
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in keywords:
                positional.append(keywords.pop(name))
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL and name in keywords:
                before = [each for each in chooser.parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
                positional += [keywords.pop(each.name) for each in before if each.name in keywords]
                positional += list(keywords.pop(name))
        return chooser.make(*positional, **keywords)

    def root(self) -> tuple[CodeType | None, dict[str, Path]]:
        """The code whose parameters are the arguments of what was being made, and where each of them is given."""
        prefix, make = self.failed if self.failed is not None else ((), self.assignment.chooser.make)
        found = own_init(make) if isinstance(make, type) else None
        function = found[1] if found is not None else plain_function(make)
        if function is None:
            return None, {}
        names: dict[str, Path] = {name: (*prefix, name) for name in parameters_of(make)}
        if hasattr(make, "__dataclass_fields__"):
            names |= {f"self.{name}": path for name, path in list(names.items())}
        return function.__code__, names

    def _live(self, value: Value, path: Path) -> Any:
        if is_tagged(value, CALL):
            make = import_object(value[CALL], self.assignment.context)
            given = [self._live(item, path) for item in value.get("args", ())]
            keywords = {key: self._live(item, (*path, key)) for key, item in value.get("kwargs", {}).items()}
            try:
                return make(*given, **keywords)
            except BaseException:
                if self.failed is None:
                    self.failed = (path, make)
                raise
        parts = children(value)
        if parts is not None:
            return {key: self._live(item, (*path, key)) for key, item in parts.items()}
        return live(value, self.assignment.context)


def _takes(parameters: Mapping[str, inspect.Parameter], name: str) -> bool:
    """Whether a call can give an argument of that name: ``**kwargs`` takes any but its own."""
    if name in parameters:
        return parameters[name].kind is not inspect.Parameter.VAR_KEYWORD
    return any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _default(parameter: inspect.Parameter | None) -> Value:
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return MISSING
    try:
        return plain(parameter.default)
    except TypeError:
        return MISSING
