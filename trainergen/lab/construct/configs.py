"""Classes for an argument that is an object: configs found by annotation or by name, what derives from an abstract one."""

from __future__ import annotations

import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from torch import nn

from .annotations import parameters_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .uses import Uses

_ENDINGS = (
    "config",
    "configuration",
    "cfg",
    "conf",
    "args",
    "arguments",
    "params",
    "parameters",
    "hparams",
    "options",
    "settings",
    "hyperparameters",
)
_COVERED = 0.7
"""Share of what the source reads that a class must have to be taken for its config."""


def config_classes(make: Any, name: str, uses: Uses | None) -> Iterator[type]:
    """Classes that may be the config that `make` wants under the argument `name`, the likeliest first.

    They are looked for in the module that defines `make`, and in the modules of its package that are loaded.
    """
    own = getattr(make, "__name__", "").lower()
    read = [] if uses is None else [each for each in (*uses.attributes, *uses.keys) if not each.startswith("_")]
    ranked: list[tuple[float, int, str, type]] = []
    for distance, found in classes_near(make):
        bare = found.__name__.lower().replace("_", "")
        ending = next((each for each in _ENDINGS if bare.endswith(each)), None)
        if ending is None or issubclass(found, nn.Module) or found is make:
            continue
        fields = fields_of(found)
        covered = sum(each in fields for each in read) / len(read) if read else 0.0
        named = bare.removesuffix(ending)
        match = 2 if named and named == own else 1 if named and (named in own or own in named) else 0
        same = 1 if bare == name.lower().replace("_", "") else 0
        if covered >= _COVERED or (not read and (match or same or distance == 0)):
            ranked.append((-(covered + match + same / 2), distance, found.__name__, found))
    for *_, found in sorted(ranked, key=lambda each: each[:3]):
        yield found


def mapping_classes(make: Any) -> Iterator[type]:
    """Mappings with a character of their own (keys that are attributes too) in the module that defines `make`."""
    for distance, found in classes_near(make):
        if distance == 0 and issubclass(found, dict) and found.__module__ not in {"builtins", "collections", "typing"}:
            yield found


def concrete_classes(cls: type) -> Iterator[type]:
    """`cls`, or where its methods are left to others (``raise NotImplementedError``), the classes that derive from it."""
    open_ended = inspect.isabstract(cls) or any(
        isinstance(each, FunctionType) and "NotImplementedError" in each.__code__.co_names
        for each in vars(cls).values()
    )
    found: type
    for found in cls.__subclasses__() if open_ended else ():
        if not inspect.isabstract(found):
            yield found
    yield cls


def fields_of(cls: type) -> set[str]:
    """The names that instances of a config class have, as far as signature, annotations and class attributes tell."""
    names = set(parameters_of(cls))
    for owner in cls.__mro__[:-1]:
        names |= set(getattr(owner, "__annotations__", {}))
        names |= {name for name, value in vars(owner).items() if not name.startswith("__") and not callable(value)}
    return names


def classes_near(make: Any) -> Iterator[tuple[int, type]]:
    """Classes of the module that defines `make` (0: defined or imported there), then of its loaded neighbours (1)."""
    home = sys.modules.get(getattr(make, "__module__", ""))
    if home is None:
        return
    seen: set[type] = set()
    package = home.__name__.rpartition(".")[0] or home.__name__
    neighbours = [name for name in sys.modules if name == package or name.startswith(package + ".")]
    for distance, module in [(0, home), *((1, sys.modules[name]) for name in sorted(neighbours)[:200])]:
        for found in list(vars(module).values()) if module is not None else ():
            if inspect.isclass(found) and found not in seen and found.__module__ != "builtins":
                seen.add(found)
                yield distance, found
