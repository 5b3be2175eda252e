"""Which format a configuration file has, by its suffix."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import PurePosixPath
from typing import Protocol, cast

from ....errors import Conflict
from ...configuration import KeyPath
from ...draft import Edit, Span
from .tree import Tree

SUFFIXES = {
    ".yaml": "yaml_text",
    ".yml": "yaml_text",
    ".json": "json_text",
    ".toml": "toml_text",
    ".ini": "ini_text",
    ".cfg": "ini_text",
    ".conf": "ini_text",
}


class Format(Protocol):
    """What a module for a format of data files offers."""

    def load(self, data: bytes, path: str) -> Tree:
        """Plain values."""

    def insert(
        self,
        data: bytes,
        path: str,
        keys: KeyPath,
        tree: object,
        *,
        docs: Mapping[KeyPath, str] | None = None,
        like: str = "",
    ) -> Edit:
        """Add a section or a value."""

    def locate(self, data: bytes, path: str, keys: KeyPath) -> Span:
        """Where a value stands."""


def format_name(path: str) -> str:
    """The module for a file's format; "" for none."""
    return SUFFIXES.get(PurePosixPath(path).suffix.lower(), "")


def format_of(path: str) -> Format:
    """The format of a file that has one."""
    package = __name__.rpartition(".")[0]
    return cast("Format", import_module(f"{package}.{format_name(path)}"))


def escaped(text: str) -> str:
    """A text in double quotes, for YAML and TOML: what can't be printed is escaped."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}

    def one(character: str) -> str:
        if character in short or character.isprintable():
            return short.get(character, character)
        code = ord(character)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return '"' + "".join(map(one, text)) + '"'


def load_quietly(data: bytes, path: str) -> Tree | None:
    """A file's values; None where it is no settings file that can be read."""
    try:
        return format_of(path).load(data, path) if format_name(path) else None
    except Conflict:
        return None
