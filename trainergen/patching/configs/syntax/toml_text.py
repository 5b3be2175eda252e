"""TOML as text: where a value stands, and a table added at the end or below its siblings."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from itertools import pairwise

from ....errors import Conflict
from ...configuration import KeyPath
from ...draft import Draft, Edit, Insertion, Span
from ...source import BOM, LINE_END
from .formats import escaped
from .tree import Tree, confirm, present

BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")


def load(data: bytes, path: str) -> Tree:
    """The file's tables.

    Raises:
        Conflict: it does not parse (a table or key that stands twice included).
    """
    try:
        # TOML itself forbids a BOM; projects that have one strip it.
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as problem:
        raise Conflict(f"{path} is not UTF-8: {problem.reason}", place=path, hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as problem:
        found = re.search(r"line (\d+)", str(problem))
        place = f"{path}:{found.group(1)}" if found else path
        raise Conflict(f"{path} is no TOML: {problem}", place=place, hint="correct it first") from None


def insert(
    data: bytes, path: str, keys: KeyPath, tree: object, *, docs: Mapping[KeyPath, str] | None = None, like: str = ""
) -> Edit:
    """Add `tree` under `keys`: a table at the end of the file, a value below the last one of its table.

    Raises:
        Conflict: the file can't take it (the table above is an inline one).
    """
    del like
    before = load(data, path)
    tree = present(tree) if isinstance(tree, dict) else tree
    ends = [end.decode() for end in LINE_END.findall(data)]
    newline = max(sorted(set(ends)), key=ends.count) if ends else "\n"
    draft = Draft(data, path)
    if isinstance(tree, dict):
        text = newline.join(render(tree, header=keys, docs=docs or {})) + newline
        if data.strip():
            blank = data.endswith((b"\n\n", b"\r\n\r\n"))
            text = ("" if blank else newline if data.endswith((b"\n", b"\r")) else newline * 2) + text
        draft.insert([Insertion(len(data), text.encode("utf-8"))])
    else:
        at = _end_of_table(data, path, keys[:-1])
        doc = (docs or {}).get(())
        text = (f"# {doc}{newline}" if doc else "") + f"{_key(keys[-1])} = {spell(tree)}{newline}"
        unfinished = at == len(data) and data.strip() and not data.endswith((b"\n", b"\r"))
        draft.insert([Insertion(at, ((newline if unfinished else "") + text).encode("utf-8"))])
    result = draft.finish(".".join(keys))
    confirm(before, load(result.after, path), keys, tree, path)
    return result


def render(
    tree: Tree, *, header: KeyPath = (), docs: Mapping[KeyPath, str] | None = None, above: KeyPath = ()
) -> list[str]:
    """Lines of a table and the tables below it; None has no spelling in TOML and is left out."""
    values = {key: value for key, value in tree.items() if not (isinstance(value, dict) and value)}
    lines = [f"[{'.'.join(map(_key, (*header, *above)))}]"] if (header or above) and (values or not above) else []
    for key, value in values.items():
        if value is None:
            continue
        doc = (docs or {}).get((*above, key))
        if doc:
            lines.append(f"# {doc}")
        lines.append(f"{_key(key)} = {spell(value)}")
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            lines += ["", *render(value, header=header, docs=docs, above=(*above, key))]
    return lines[1:] if lines[:1] == [""] else lines


def _key(key: str) -> str:
    return key if BARE.match(key) else escaped(key)


def spell(value: object) -> str:
    """A value in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(spell, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(str(key))} = {spell(each)}" for key, each in value.items()) + " }"
    return escaped(str(value))


def _lines(data: bytes) -> list[Span]:
    starts = [len(BOM) if data.startswith(BOM) else 0, *(found.end() for found in LINE_END.finditer(data)), len(data)]
    return [(low, high) for low, high in pairwise(starts) if low < high]


def _tables(data: bytes) -> list[tuple[KeyPath, int, int]]:
    """Table headers in order: keys, and the lines (index) that follow them."""
    lines = _lines(data)
    found: list[tuple[KeyPath, int, int]] = [((), 0, len(lines))]
    quote = ""
    for number, (low, high) in enumerate(lines):
        text = data[low:high].decode("utf-8")
        was_open = quote
        quote = _open_quote(text, quote)
        header = re.match(r"\s*\[(?!\[)(.*?)\]\s*(#.*)?[\r\n]*\Z", text)
        if header and not was_open and (keys := _parts(header.group(1))) is not None:
            last = found[-1]
            found[-1] = (last[0], last[1], number)
            found.append((keys, number + 1, len(lines)))
        elif re.match(r"\s*\[\[", text) and not was_open:
            last = found[-1]
            found[-1] = (last[0], last[1], number)
            found.append((("[[",), number + 1, len(lines)))
    return found


def _open_quote(text: str, quote: str) -> str:
    """Which triple quote is open after a line."""
    for found in re.finditer(r"\"\"\"|'''", text):
        if not quote:
            quote = found.group()
        elif quote == found.group():
            quote = ""
    return quote


def _parts(text: str) -> KeyPath | None:
    parts: list[str] = []
    at = 0
    while at < len(text):
        found = PART.match(text, at)
        if found is None:
            return None
        word = found.group(1)
        parts.append(json.loads(word) if word[0] == '"' else word.strip("'"))
        at = found.end()
        if at < len(text) and text[at] != ".":
            return None
        at += 1
    return tuple(parts)


def _end_of_table(data: bytes, path: str, keys: KeyPath) -> int:
    lines = _lines(data)
    for known, _, last in _tables(data):
        if known == keys:
            filled = [end for low, end in lines[:last] if data[low:end].strip()]
            return filled[-1] if filled else (len(BOM) if data.startswith(BOM) else 0)
    raise Conflict(f"{path} has no table [{'.'.join(keys)}]", place=path, hint="write it as a table of its own")


def line(data: bytes, path: str, keys: KeyPath) -> int:
    """The line (from 1) of a table's header or of a value; 1 where it is written in another way."""
    for known, first, _ in _tables(data):
        if known == keys:
            return max(first, 1)
    try:
        return data.count(b"\n", 0, locate(data, path, keys)[0]) + 1
    except Conflict:
        return 1


def locate(data: bytes, path: str, keys: KeyPath) -> Span:
    """Where the value under `keys` stands: on one line, under the header of its table or with a dotted key.

    Raises:
        Conflict: there is none, or it spans lines.
    """
    load(data, path)
    lines = _lines(data)
    for table, first, last in _tables(data):
        if table != keys[: len(table)]:
            continue
        for low, high in lines[first:last]:
            text = data[low:high].decode("utf-8")
            found = re.match(r"([^=#]+?)\s*=\s*", text)
            if found is None or _parts(found.group(1)) != keys[len(table) :]:
                continue
            for end in range(len(text.rstrip()), found.end(), -1):
                try:
                    tomllib.loads("x = " + text[found.end() : end])
                except tomllib.TOMLDecodeError:
                    continue
                value = text[found.end() : end]
                value = _without_comment(value)
                return low + len(text[: found.end()].encode()), low + len(text[: found.end()].encode()) + len(
                    value.encode()
                )
    raise Conflict(f"{path} has no {'.'.join(keys)} on one line", place=path)


def _without_comment(value: str) -> str:
    """A value without the comment that follows it."""
    whole = tomllib.loads("x = " + value)
    for found in re.finditer("#", value):
        head = value[: found.start()].rstrip()
        try:
            if tomllib.loads("x = " + head) == whole:
                return head
        except tomllib.TOMLDecodeError:
            continue
    return value.rstrip()
