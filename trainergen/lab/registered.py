"""Looks a trainer up in the edited copy as the project itself does, whatever the style of its registry."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import EnumType
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

Lookup = Mapping[str, Any]
"""``patching.joining.Lookup`` as a plain mapping: how, module, symbol, key, needs, gives, expects, parameter."""


class _Built(BaseException):
    """The trainer's class is being instantiated; nothing may catch it on the way out."""

    def __init__(self, found: type) -> None:
        super().__init__(found.__name__)
        self.found = found


class Placeholder(str):
    """Stands for an argument that a factory asks for: the key wherever text is compared, itself wherever it is looked into."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> Placeholder:
        return self

    def __call__(self, *_: object, **__: object) -> Placeholder:
        """As what it stands for may be called."""
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def get(self, *_: object) -> Placeholder:
        """As a configuration's."""
        return self

    def keys(self) -> tuple[str, ...]:
        """No keyword arguments."""
        return ()


def listed(lookup: Lookup) -> list[str]:
    """What the registry lists, in its order; () for a function or a class that can't be asked.

    Raises:
        LookupError: the registry is not where it should be.
    """
    how = lookup["how"]
    if how == "entry-point":
        return list(_entry_points(lookup))
    _import_needs(lookup)
    if how == "attribute":
        module = importlib.import_module(lookup["module"])
        return [
            name for name in getattr(module, "__all__", dir(module)) if isinstance(getattr(module, name, None), type)
        ]
    if how == "scan":
        return [_called(each) for each in _subclasses(_symbol(lookup))]
    if how == "mapping":
        held = _symbol(lookup)
        if isinstance(held, EnumType):
            return list(held.__members__)
        if isinstance(held, Mapping):
            return [str(key) for key in held]
        return [_called(each) for each in held] if isinstance(held, Iterable) else []
    return []


def find(lookup: Lookup) -> object:
    """The trainer: its class where it can be had, else what the registry gives (an instance, a function).

    Args:
        lookup: how; a text that it gives is resolved.

    Raises:
        LookupError: the registry does not give it.
    """
    how, key = lookup["how"], lookup["key"]
    if how == "entry-point":
        points = _entry_points(lookup)
        if key not in points:
            raise LookupError(
                f"{lookup['module']} declares no {key} in {lookup['symbol']}: {', '.join(points) or 'none'}"
            )
        return _resolved(points[key], lookup)
    _import_needs(lookup)
    if how == "call":
        found = _call(_symbol(lookup), lookup)
    elif how == "scan":
        found = _first((each for each in _subclasses(_symbol(lookup)) if key in _names(each)), lookup)
    elif how == "mapping":
        found = _held(_symbol(lookup), lookup)
    else:
        found = _symbol(lookup)
    if isinstance(found, str):
        return _resolved(found, lookup)
    if lookup["gives"] == "function" and callable(found) and not isinstance(found, type):
        return _call(found, lookup)
    return _class_within(found, lookup)


def _import_needs(lookup: Lookup) -> None:
    for module in lookup.get("needs", ()):
        importlib.import_module(module)


def _symbol(lookup: Lookup) -> Any:
    found: Any = importlib.import_module(lookup["module"])
    for part in lookup["symbol"].split("."):
        if not hasattr(found, part):
            raise LookupError(f"{lookup['module']} has no {lookup['symbol']}")
        owner, found = found, getattr(found, part)
        if (
            isinstance(owner, type)
            and inspect.isfunction(found)
            and next(iter(inspect.signature(found).parameters), "") == "self"
        ):
            found = getattr(_call(owner, lookup), part)  # a method: an instance is asked
    return found


def _held(registry: Any, lookup: Lookup) -> object:
    key = lookup["key"]
    if isinstance(registry, EnumType):
        return registry[key].value if key in registry.__members__ else _first(iter(()), lookup)
    if isinstance(registry, Mapping) or (hasattr(registry, "__getitem__") and not isinstance(registry, list | tuple)):
        try:
            return registry[key]
        except (KeyError, ValueError) as problem:
            raise LookupError(f"{lookup['module']}.{lookup['symbol']} does not list {key}") from problem
    return _first((each for each in registry if key in _names(each)), lookup)


def _first(found: Iterator[object], lookup: Lookup) -> object:
    for each in found:
        return each
    raise LookupError(f"{lookup['module']}.{lookup['symbol']} does not give {lookup['key']}")


def _subclasses(base: type) -> list[type]:
    direct: list[type] = type.__subclasses__(base)
    return list(dict.fromkeys([*direct, *(deeper for each in direct for deeper in _subclasses(each))]))


def _names(element: object) -> set[str]:
    """What an element of a list is called: a function's name, a class's in several cases or a text that it has as an attribute."""
    if isinstance(element, str):
        last = element.replace(":", ".").rpartition(".")[2]
        return {element, last, last.lower()}
    if inspect.isfunction(element):
        return {element.__name__}
    kind = element if isinstance(element, type) else type(element)
    texts = [value for owner in kind.__mro__[:-1] for value in vars(owner).values() if isinstance(value, str)]
    return {kind.__name__, kind.__name__.lower(), kind.__name__.upper(), *texts}


def _called(element: object) -> str:
    return element if isinstance(element, str) else getattr(element, "__name__", type(element).__name__)


def _resolved(text: str, lookup: Lookup) -> object:
    """The object that ``module:Class``, ``module.Class``, ``Class`` or ``module`` names."""
    home = lookup["module"] if lookup["how"] != "entry-point" else ""
    expected = lookup.get("expects", "").rpartition(":")[2]
    module, _, name = text.partition(":") if ":" in text else text.rpartition(".")
    package = importlib.import_module(home).__package__ or "" if text.startswith(".") else None
    dots = text[: len(text) - len(text.lstrip("."))]
    try:
        found: object = importlib.import_module(module if module.strip(".") else dots or home, package)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        try:
            found = importlib.import_module(text, package)
        except ImportError as problem:
            said = f"{text!r}, which {lookup['symbol']} gives for {lookup['key']}, can't be imported: {problem}"
            raise LookupError(said) from problem
    return getattr(found, expected) if isinstance(found, ModuleType) and hasattr(found, expected) else found


def _class_within(found: object, lookup: Lookup) -> object:
    """The trainer's class in a tuple or dict that holds more than it; the object itself otherwise."""
    parts = list(found.values()) if isinstance(found, dict) else list(found) if isinstance(found, tuple | list) else []
    expected = lookup.get("expects", "").rpartition(":")[2]
    for part in parts:
        if isinstance(part, type) and part.__name__ == expected:
            return part
        if isinstance(part, str) and part.replace(":", ".").rpartition(".")[2] == expected:
            return _resolved(part, lookup)
    return found


def _call(function: Callable[..., object], lookup: Lookup) -> object:
    """What `function` gives for the key; the class that it builds as soon as it begins to build it."""
    key = lookup["key"]
    arguments, keywords = _arguments(function, key, lookup.get("parameter", ""))
    module, _, name = lookup.get("expects", "").partition(":")

    def watch(frame: FrameType, event: str, _: object) -> None:
        if (
            event != "call"
            or frame.f_code.co_name not in ("__init__", "__new__", "__call__")
            or not frame.f_code.co_varnames
        ):
            return
        first = frame.f_locals.get(frame.f_code.co_varnames[0])
        kind = first if isinstance(first, type) else type(first)
        if kind.__name__ == name and kind.__module__ == module:
            raise _Built(kind)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        return function(*arguments, **keywords)
    except _Built as built:
        return built.found
    except (Exception, SystemExit) as problem:
        said = f"{type(problem).__name__}: {problem}"
        raise LookupError(f"{lookup['module']}.{lookup['symbol']} does not give {key}: {said}") from problem
    finally:
        sys.setprofile(before)


def _arguments(function: Callable[..., object], key: str, asked: str) -> tuple[list[object], dict[str, object]]:
    """The key for every argument that has no default: as text, and as a configuration that answers with it."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [key], {}
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    names = [each.name for each in positional]
    count = max([number for number, each in enumerate(positional, 1) if each.default is each.empty], default=0)
    if asked in names:
        count = max(count, names.index(asked) + 1)
    elif not asked:
        count = max(count, min(1, len(positional)))
    given: list[object] = [
        Placeholder(key) if each.default is each.empty or each.name == asked or number == 0 else each.default
        for number, each in enumerate(positional[:count])
    ]
    named = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    return given, {each.name: Placeholder(key) for each in named if each.default is each.empty or each.name == asked}


def _entry_points(lookup: Lookup) -> dict[str, str]:
    """The entry points of a group as the project's own file declares them: those installed are of before the edit."""
    file = Path(lookup["module"])
    if file.suffix == ".toml":
        import tomllib

        held = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        standard = held.get("project", {}).get("entry-points", {}).get(lookup["symbol"])
        poetry = held.get("tool", {}).get("poetry", {}).get("plugins", {}).get(lookup["symbol"])
        return {str(key): str(value) for key, value in (standard or poetry or {}).items()}
    import configparser

    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read_string(file.read_text(encoding="utf-8-sig"))
    rows = parser.get("options.entry_points", lookup["symbol"], fallback="").splitlines()
    return {key.strip(): value.strip() for key, found, value in (row.partition("=") for row in rows) if found}
