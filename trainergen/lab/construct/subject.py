"""What is known of one class or function whose arguments are chosen: signature, annotations, uses, roles."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

from torch import nn

from ..sources import plain_function
from .annotations import ANY, Wanted, hints_of, parameters_of, wanted
from .reads import read_prefixes, read_uses
from .roles import normal_name, role_of
from .uses import ITEM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .roles import Role
    from .uses import Path, Reads, Uses


class Subject:
    """Facts about `make`, each found once and only when asked for.

    Args:
        make: the class or function.
        reads: what its source does with its arguments; read on demand where None.
    """

    def __init__(self, make: Any, reads: Reads | None = None) -> None:
        self.make = make
        self.parameters = parameters_of(make)
        self.hints = self._hints()
        self._reads = reads

    @property
    def reads(self) -> Reads:
        """What the source does with the arguments."""
        if self._reads is None:
            self._reads = read_uses(self.make)
        return self._reads

    def required(self) -> list[str]:
        """Parameters without a default, in order."""
        return [
            name
            for name, each in self.parameters.items()
            if each.default is inspect.Parameter.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        ]

    @functools.cache  # noqa: B019 - lives as long as the search
    def needed(self) -> tuple[str, ...]:
        """What a first call gives: what is required, and ``*dims`` where the source does more than pass it on."""
        spread = [name for name, each in self.parameters.items() if each.kind is each.VAR_POSITIONAL]
        used = [
            name
            for name in spread
            if (uses := self.uses((name,))) is not None and (uses.count or uses.kinds != ["spread"])
        ]
        return (*self.required(), *used)

    def wanted(self, name: str) -> Wanted:
        """What the annotation of a parameter asks for; of one that only ``**kwargs`` take, that of a namesake nearby."""
        if name in self.hints:
            return wanted(self.hints[name])
        return ANY if name in self.parameters else self._namesake(name)

    @functools.cache  # noqa: B019 - lives as long as the search
    def _namesake(self, name: str) -> Wanted:
        home = sys.modules.get(getattr(self.make, "__module__", ""))
        for found in list(vars(home).values()) if home is not None else ():
            function = plain_function(vars(found).get("__init__") if isinstance(found, type) else found)
            if function is not None and name in function.__annotations__:
                asked = wanted(hints_of(function).get(name))
                if asked.kind != "any":
                    return asked
        return ANY

    def role(self, path: Path) -> Role | None:
        """What the value at `path` is used as: its own name says it, else the layers that it ends in."""
        name = path[-1] if path[-1] != ITEM else (path[-2] if len(path) > 1 else "")
        role = role_of(name)
        if role is None or len(normal_name(name)) < 2:
            uses = self.uses(path)
            role = (uses.role() if uses is not None else None) or role
        if role == "channels_in" and self.graph:
            return "features_in"
        if (
            role == "width"
            and normal_name(name) == "channels"
            and self.roles & {"image", "patch"}
            and "channels_in" not in self.roles
        ):
            return "channels_in"
        if role == "features_in" and normal_name(name) == "input_size" and "patch" in self.roles:
            return "image"
        if (
            role == "features_in"
            and "channels_in" in self.roles
            and not {"in", "input"} & set(normal_name(name).split("_"))
        ):
            return "width"  # what comes in are channels
        return role

    def is_number(self, path: Path) -> bool:
        """Whether annotation or use say that a number is wanted, and nothing else."""
        kinds = {each.kind for each in self.wanted(path[0]).alternatives()} if len(path) == 1 else {"any"}
        uses = self.uses(path)
        used = uses is not None and bool({"number", "int"} & set(uses.kinds)) and "sequence" not in uses.kinds
        return kinds <= {"int", "float"} or (kinds == {"any"} and used)

    def own_rank(self, given: Mapping[str, Any]) -> int | None:
        """How many spatial dimensions the class works in, where the user or its own default says so."""
        for name, each in self.parameters.items():
            said = given.get(name, each.default)
            if role_of(name) == "spatial_rank" and isinstance(said, int) and 1 <= said <= 3:
                return said
        return None

    @functools.cached_property
    def graph(self) -> bool:
        """Whether ``forward`` takes the edges of a graph."""
        forward = plain_function(getattr(self.make, "forward", None))
        names = inspect.signature(forward).parameters if forward is not None else {}
        return any("edge" in name or name.startswith(("adj", "graph")) or name in {"g", "data"} for name in names)

    @functools.cached_property
    def roles(self) -> frozenset[Role | None]:
        """What the names of the parameters say, all together."""
        return frozenset(role_of(name) for name in self.parameters)

    def prefixes(self) -> list[str]:
        """What names in ``**kwargs`` may begin with."""
        return read_prefixes(self.make)

    def uses(self, path: Path) -> Uses | None:
        """What the source does with the value at `path`; None where it does nothing that is known."""
        return self.reads.get(path)

    def below(self, path: Path) -> Reads:
        """What is read from the value at `path`, by the paths from there."""
        return {
            each[len(path) :]: uses
            for each, uses in self.reads.items()
            if len(each) > len(path) and each[: len(path)] == path
        }

    def _hints(self) -> Mapping[str, Any]:
        if not isinstance(self.make, type):
            return hints_of(self.make)
        hints: dict[str, Any] = {}
        for owner in reversed(self.make.__mro__[:-1]):
            if "__init__" in vars(owner) and owner is not nn.Module:
                hints |= hints_of(vars(owner)["__init__"])
        if not hints or not any(name in hints for name in self.parameters):
            hints |= {
                name: each.annotation for name, each in self.parameters.items() if each.annotation is not each.empty
            }
        return hints
