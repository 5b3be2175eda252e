"""Config files of a project as plain mappings: JSON, TOML, INI, and the part of YAML that configs are written in.

YAML is no dependency: a reader of lines takes nested mappings, lists and scalars, and leaves out whatever else it meets.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from pathlib import Path
from typing import Any

LARGEST = 64 << 10
"""Bytes; a larger file is data, not a config."""

SUFFIXES = frozenset({".yaml", ".yml", ".json", ".toml", ".ini", ".cfg"})


def read_config(file: Path) -> dict[str, Any]:
    """What the file says; empty for what can't be read or has no mapping at its top."""
    try:
        if file.stat().st_size > LARGEST:
            return {}
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix == ".json":
            found = json.loads(text)
        elif file.suffix == ".toml":
            found = tomllib.loads(text)
        elif file.suffix in {".ini", ".cfg"}:
            found = _ini(text)
        else:
            found = read_yaml(text)
    except (OSError, ValueError, configparser.Error, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _ini(text: str) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {section: {key: scalar(value) for key, value in parser[section].items()} for section in parser.sections()}


def scalar(text: str) -> Any:
    """A value as YAML's core schema and config files mean it: numbers, booleans, null, lists in brackets, else text."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    lowered = text.lower()
    if lowered in {"", "null", "none", "~"}:
        return None
    if lowered in {"true", "yes", "on", "false", "no", "off"}:
        return lowered in {"true", "yes", "on"}
    if re.fullmatch(r"[-+]?\d[\d_]*", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?", text):
        return float(text)
    if text.startswith("[") and text.endswith("]"):
        return [scalar(part) for part in _split(text[1:-1])]
    if text.startswith("{") and text.endswith("}"):
        pairs = [part.partition(":") for part in _split(text[1:-1])]
        return {str(scalar(key)): scalar(value) for key, colon, value in pairs if colon}
    return text


def read_yaml(text: str) -> dict[str, Any]:
    """The mapping of a YAML text, as far as it is nested mappings, lists and scalars on lines of their own.

    Anchors, tags, several documents and texts over several lines are left out, with the key that has them.
    """
    lines: list[tuple[int, str]] = []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw) if not re.search(r"['\"].*#.*['\"]", raw) else raw
        if line.strip() and line.strip() != "---":
            lines.append((len(line) - len(line.lstrip()), line.strip()))
    value, _ = _block(lines, 0, 0)
    return value if isinstance(value, dict) else {}


def _block(lines: list[tuple[int, str]], start: int, depth: int) -> tuple[Any, int]:
    """The mapping or list whose first line is `start`, and the line after it."""
    if depth > 12 or start >= len(lines):
        return None, start
    indent, first = lines[start]
    listed = first.startswith("- ") or first == "-"
    found: Any = [] if listed else {}
    place = start
    while place < len(lines) and lines[place][0] >= indent:
        here, line = lines[place]
        if here > indent or (line.startswith("- ") or line == "-") != listed:
            if here == indent:
                break
            place += 1  # what belongs to no key that is understood
            continue
        place += 1
        if listed:
            found.append(scalar(line[1:]) if not re.match(r"- [\w.]+:(\s|$)", line) else None)
            continue
        match = re.match(r"(?P<key>'[^']*'|\"[^\"]*\"|[^\s:#][^:#]*?)\s*:(?:\s+(?P<value>.*))?$", line)
        if match is None:
            continue
        key, value = match["key"].strip("'\""), match["value"]
        if value is not None and value.strip():
            if value[0] not in "&*!|>":
                found[key] = scalar(value)
        elif place < len(lines) and (
            lines[place][0] > indent or (lines[place][0] == indent and lines[place][1].startswith("-"))
        ):
            found[key], place = _block(lines, place, depth + 1)
        else:
            found[key] = None
    return found, place


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets or quotes."""
    parts, depth, quote, current = [], 0, "", ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(current)
            current = ""
            continue
        current += char
    return [part for part in (*parts, current) if part.strip()]
