"""Loads a trainer's configuration the way the project does, and says what its settings are then."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Loading:
    """How to load, see `patching.configuration.Load`; the two have the same fields."""

    how: str
    module: str
    symbol: str
    arguments: Sequence[str] = ()
    path: Sequence[str] = ()
    merge: str = ""
    into: str = ""


@dataclass(frozen=True)
class Setting:
    """A setting as the trainer will find it: its `repr`, and its type's name."""

    text: str
    kind: str


def load(loading: Loading) -> Any:
    """The configuration object that a trainer is given.

    Must run in the root of the (copied) project, its import roots on the path.

    Raises:
        Exception: whatever the project's own loader raises.
    """
    found = _load(loading)
    if loading.merge:
        found = found.clone() if hasattr(found, "clone") else found
        found.merge_from_file(loading.merge)
    for key in loading.path:
        inner = _step(found, key)
        if inner is not None:
            found = inner
    if loading.into:
        module, _, symbol = loading.into.partition(":")
        return _symbol(module, symbol)(**found)
    return found


def _load(loading: Loading) -> Any:
    positional, keywords = _literals(loading.arguments)
    if loading.how == "ini":
        import configparser

        parser = configparser.ConfigParser()
        parser.read(positional[0], encoding="utf-8-sig")
        return parser
    if loading.how == "parse":
        return _parsed(_symbol(loading.module, loading.symbol), positional)
    if loading.how == "compose":
        return _composed(positional)
    target = _symbol(loading.module, loading.symbol)
    if loading.how == "attribute":
        return target
    if loading.how == "read":
        mode = "rb" if loading.module in ("tomllib", "tomli") else "r"
        with Path(positional[0]).open(mode, encoding=None if mode == "rb" else "utf-8-sig") as file:
            return target(file)
    return target(*positional, **keywords)


def _symbol(module: str, symbol: str) -> Any:
    found: Any = import_module(module)
    for part in filter(None, symbol.split(".")):
        found = getattr(found, part)
    return found


def _literals(arguments: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    call = ast.parse(f"f({', '.join(arguments)})", mode="eval").body
    assert isinstance(call, ast.Call)
    positional = [ast.literal_eval(each) for each in call.args]
    return positional, {each.arg or "": ast.literal_eval(each.value) for each in call.keywords}


def _step(found: Any, key: str) -> Any:
    """One key down, by item or by attribute; None where there is no such key."""
    try:
        return found[key]
    except (KeyError, TypeError, IndexError, AttributeError):
        return getattr(found, key, None)


def _parsed(target: Any, words: Sequence[str]) -> Any:
    """Options as the project's parser gives them: a function that parses, makes a parser, or adds to one."""
    import argparse
    import inspect

    before = sys.argv
    sys.argv = [before[0], *words]
    try:
        if isinstance(target, argparse.ArgumentParser):
            return target.parse_args(list(words))
        wanted = [each for each in inspect.signature(target).parameters.values() if each.default is each.empty]
        if wanted and wanted[0].kind in (wanted[0].POSITIONAL_OR_KEYWORD, wanted[0].POSITIONAL_ONLY):
            first = wanted[0].name
            if first in ("argv", "args", "arguments", "words"):
                result = target(list(words))
            else:
                parser = argparse.ArgumentParser()
                result = target(parser)
                result = parser if result is None else result
        else:
            result = target()
        if isinstance(result, argparse.ArgumentParser):
            return result.parse_known_args(list(words))[0]
        return result[0] if isinstance(result, tuple) else result
    finally:
        sys.argv = before


def _composed(arguments: Sequence[Any]) -> Any:
    """What hydra composes: folder, name, overrides."""
    hydra: Any = import_module("hydra")
    folder, name, *overrides = arguments
    with hydra.initialize_config_dir(version_base=None, config_dir=str(Path(folder).resolve())):
        return hydra.compose(config_name=name, overrides=list(overrides))


def settings(
    config: Any, access: Mapping[str, str], roots: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Setting]:
    """What each setting is.

    Args:
        config: from `load`.
        access: name -> expression, ``{config}`` in the object's place.
        roots: other names that an expression may start from -> keys to them.

    Raises:
        Exception: what reaching one raises (KeyError, AttributeError, ConfigAttributeError).
    """
    found = {}
    for name, expression in access.items():
        value = reach(config, expression, roots)
        found[name] = Setting(repr(value), type(value).__name__)
    return found


def reach(config: Any, expression: str, roots: Mapping[str, Sequence[str]] | None = None) -> Any:
    """The value that an expression of `access` has."""
    names = {"config": config}
    for root, keys in (roots or {}).items():
        names[root] = config
        for key in keys:
            names[root] = _step(names[root], key)
    return eval(expression.format(config="config"), names)  # noqa: S307 - text of our own


def agrees(value: Any, literal: str) -> bool:
    """Whether a setting is what `literal` says; a path is its text, a list-like thing is its elements, 1 is 1.0.

    Values that went through a file of text come back as numbers only where the project makes them so.
    """
    return bool(_plain(value) == _plain(ast.literal_eval(literal)))


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, str | bytes | int | float) or value is None:
        return value
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    return value
