"""One section of a config.ini as a dataclass, typed by its annotations; errors name file, section, key and line."""

from __future__ import annotations

import configparser
import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from .errors import ConfigError, SettingError, did_you_mean

ConfigClass = TypeVar("ConfigClass")

_NO_DEFAULT_SECTION = "\0"  # a name no file can hold, so that [DEFAULT] becomes an ordinary section, and is refused
_BOOLEANS = configparser.RawConfigParser.BOOLEAN_STATES


class ConfigParser:
    """A ``config.ini``: no interpolation, no inline comments, no ``[DEFAULT]``, case-sensitive keys.

    UTF-8 with or without a byte order mark, any line ending.

    Args:
        path: the file.

    Raises:
        ConfigError: no such file, not UTF-8, not ``key = value``, a duplicate section or key, ``[DEFAULT]``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            hint = "no such file; give a path, or set TRAINERGEN_CONFIG to it"
            raise ConfigError(hint, file=self.path) from None
        except (OSError, UnicodeDecodeError) as problem:
            raise ConfigError(f"can't be read: {problem}", file=self.path) from problem
        self._lines = text.splitlines()
        self._parser = _CaseSensitiveParser()
        self._parse(text)

    def sections(self) -> list[str]:
        """The names of the file's sections, in order."""
        return self._parser.sections()

    def read(
        self,
        config_class: type[ConfigClass],
        section: str,
        overrides: Mapping[str, str] | None = None,
    ) -> ConfigClass:
        """The dataclass `config_class` from `section`; keys that it lacks keep their defaults.

        Args:
            config_class: a dataclass; its annotations may be int, float, bool, str, Path, Literal, ``tuple[X, ...]``,
                ``tuple[X, Y]`` and unions of these with None.
            section: the section's name.
            overrides: values that win over the file's, as text.

        Raises:
            ConfigError: no such section, an unknown key, a value of the wrong type or out of range.
            TypeError: an annotation that an ini file can't hold.
        """
        if not self._parser.has_section(section):
            hint = did_you_mean(section, self.sections())
            raise ConfigError(f"there is no section [{section}]; {hint}", file=self.path)
        given = {key: (text, False) for key, text in self._parser.items(section)}
        given |= {key: (text, True) for key, text in (overrides or {}).items()}
        hints = typing.get_type_hints(config_class)
        known = [field.name for field in dataclasses.fields(config_class) if field.init]  # type: ignore[arg-type]
        values: dict[str, Any] = {}
        for key, (text, overridden) in given.items():
            if key not in known:
                raise self._error(f"unknown key; {did_you_mean(key, known)}", section, key, overridden)
            try:
                values[key] = decode(text, hints[key])
            except ValueError as problem:
                raise self._error(str(problem), section, key, overridden) from None
        try:
            return config_class(**values)
        except SettingError as problem:
            overridden = given.get(problem.field, ("", False))[1]
            raise self._error(str(problem), section, problem.field, overridden) from None
        except ValueError as problem:
            raise ConfigError(str(problem), file=self.path, section=section) from problem

    def line_of(self, section: str, key: str) -> int | None:
        """The line of `key` in `section`, counted from 1, or None."""
        current = None
        for number, line in enumerate(self._lines, start=1):
            header = re.match(r"\[(.+)\]", line)
            if header:
                current = header.group(1)
            elif current == section and re.match(rf"\s*{re.escape(key)}\s*(?:[=:]|$)", line):
                return number
        return None

    def _parse(self, text: str) -> None:
        try:
            self._parser.read_string(text, source=str(self.path))
        except configparser.DuplicateSectionError as problem:
            message = f"the section [{problem.section}] stands here a second time"
            raise ConfigError(message, file=self.path, line=problem.lineno) from None
        except configparser.DuplicateOptionError as problem:
            message, where = "the key stands here a second time", (problem.section, problem.option)
            raise ConfigError(
                message, file=self.path, line=problem.lineno, section=str(where[0]), key=where[1]
            ) from None
        except configparser.MissingSectionHeaderError as problem:
            message = f"no section begins before this line: {str(problem.line).strip()!r}"
            raise ConfigError(message, file=self.path, line=problem.lineno) from None
        except configparser.ParsingError as problem:
            line = problem.errors[0][0]
            raise ConfigError("not a line of the form 'key = value'", file=self.path, line=line) from None
        if self._parser.has_section("DEFAULT"):
            lines = [number for number, line in enumerate(self._lines, start=1) if line.startswith("[DEFAULT]")]
            message = "[DEFAULT] is refused: it would leak into every section; write the keys where they belong"
            raise ConfigError(message, file=self.path, line=lines[0] if lines else None)

    def _error(self, message: str, section: str, key: str, overridden: bool) -> ConfigError:
        if overridden:
            return ConfigError(message, file="command line", section=section, key=key)
        return ConfigError(message, file=self.path, line=self.line_of(section, key), section=section, key=key)


class _CaseSensitiveParser(configparser.RawConfigParser):
    def __init__(self) -> None:
        super().__init__(
            default_section=_NO_DEFAULT_SECTION, strict=True, interpolation=None, inline_comment_prefixes=None
        )

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def decode(text: str, annotation: Any) -> Any:
    """The value that `text` spells for a field of type `annotation`.

    Raises:
        ValueError: `text` does not spell such a value.
        TypeError: an ini file can't hold `annotation`.
    """
    text = text.strip()
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(text, arguments)
    if origin is typing.Literal:
        for choice in arguments:
            if text == format_value(choice):
                return choice
        hint = did_you_mean(text, [format_value(choice) for choice in arguments])
        raise ValueError(f"{text!r} is none of {', '.join(map(format_value, arguments))}; {hint}")
    if origin is tuple:
        return _decode_tuple(text, arguments)
    if annotation is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(f"expected a bool (true, false, yes, no, on, off, 1, 0), got {text!r}")
        return _BOOLEANS[text.lower()]
    if annotation is int or annotation is float:
        try:
            return annotation(text)
        except ValueError:
            article = "an int" if annotation is int else "a float"
            raise ValueError(f"expected {article}, got {text!r}") from None
    if annotation is str:
        return text
    if annotation is Path:
        if not text:
            raise ValueError("expected a path, got nothing")
        return Path(text)
    raise TypeError(f"a config.ini can't hold a value of type {annotation!r}")


def format_value(value: Any) -> str:
    """The inverse of `decode`: how a value is spelt in a config.ini."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(format_value(item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def _decode_union(text: str, arguments: tuple[Any, ...]) -> Any:
    if type(None) in arguments and text.lower() in ("", "none"):
        return None
    problems: list[str] = []
    for choice in arguments:
        if choice is type(None):
            continue
        try:
            return decode(text, choice)
        except ValueError as problem:
            problems.append(str(problem))
    raise ValueError("; ".join(problems) + (" (or none)" if type(None) in arguments else ""))


def _decode_tuple(text: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    items = [item.strip() for item in text.split(",")] if text else []
    if items and items[-1] == "":  # a trailing comma, as in Python
        items.pop()
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(decode(item, arguments[0]) for item in items)
    if len(items) != len(arguments):
        raise ValueError(f"expected {len(arguments)} values separated by commas, got {len(items)}: {text!r}")
    return tuple(decode(item, each) for item, each in zip(items, arguments, strict=True))
