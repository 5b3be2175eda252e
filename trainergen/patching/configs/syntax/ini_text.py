"""INI as text: sections as configparser reads them, a section added at the end, a key added to a section."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ....errors import Conflict
from ...configuration import KeyPath
from ...draft import Draft, Edit, Insertion, Span
from ...source import BOM, LINE_END
from .. import ini
from .tree import Tree


def load(data: bytes, path: str) -> Tree:
    """Sections with their keys and texts.

    Raises:
        Conflict: see `ini.read_back`.
    """
    return {name: dict(values) for name, values in ini.read_back(data, path).items()}


def insert(
    data: bytes, path: str, keys: KeyPath, tree: object, *, docs: Mapping[KeyPath, str] | None = None, like: str = ""
) -> Edit:
    """Add a section (one key), or a value to a section (two).

    Comments have lines of their own: most projects' parsers take ``x = 1 ; note`` for text.

    Raises:
        Conflict: the section or key is there already, or stands twice.
    """
    del like
    if len(keys) == 1:
        assert isinstance(tree, dict)
        return ini.edit(data, path, section=keys[0], text="\n".join(render(tree, header=keys[0], docs=docs or {})))
    before = load(data, path)
    section, key = keys
    if section not in before:
        raise Conflict(f"{path} has no section [{section}]", place=path)
    start, end = _body(data, section)
    newline = _newline(data)
    while end > start and data[start:end].endswith((b"\n\n", b"\n\r\n", b"\r\r")):
        end -= 2 if data[:end].endswith(b"\r\n") else 1
    doc = (docs or {}).get(())
    text = (f"# {doc}{newline}" if doc else "") + f"{key} = {spell(tree)}{newline}"
    if end == len(data) and not data.endswith((b"\n", b"\r")):
        text = newline + text
    draft = Draft(data, path)
    draft.insert([Insertion(end, text.encode("utf-8"))])
    result = draft.finish(f"[{section}] {key}")
    after = load(result.after, path)
    body = dict(after[section])  # type: ignore[call-overload]
    if body.pop(key, None) != spell(tree) or {**after, section: body} != before:
        raise Conflict(f"{path} can't take {key} in [{section}]: what it holds would change", place=path)
    return result


def _newline(data: bytes) -> str:
    ends = [end.decode() for end in LINE_END.findall(data)]
    return max(sorted(set(ends)), key=ends.count) if ends else "\n"


def _body(data: bytes, section: str) -> Span:
    """What stands between a section's header line and the next header."""
    offset = len(BOM) if data.startswith(BOM) else 0
    headers = list(re.finditer(rb"^\[(?P<header>.+)\][^\r\n]*(\r\n|\r|\n|\Z)", data[offset:], re.MULTILINE))
    for number, found in enumerate(headers):
        if found.group("header").decode("utf-8") == section:
            end = headers[number + 1].start() if number + 1 < len(headers) else len(data) - offset
            return offset + found.end(), offset + end
    return len(data), len(data)


def line(data: bytes, path: str, keys: KeyPath) -> int:
    """The line (from 1) of a section's header."""
    del path
    start, _ = _body(data, keys[0])
    return len(LINE_END.findall(data[:start])) or 1


def locate(data: bytes, path: str, keys: KeyPath) -> Span:
    """Where the text of a key stands, on its own line.

    Raises:
        Conflict: there is none.
    """
    start, end = _body(data, keys[0])
    wanted = re.compile(
        rb"^" + re.escape(keys[1].encode("utf-8")) + rb"[ \t]*[=:][ \t]*(?P<value>[^\r\n]*)", re.MULTILINE
    )
    found = wanted.search(data, start, end)
    if found is None:
        raise Conflict(f"{path} has no {keys[1]} in [{keys[0]}]", place=path)
    value = found.group("value").rstrip()
    return found.start("value"), found.start("value") + len(value)


def spell(value: object) -> str:
    """A value as text: what `str` gives, sequences comma-separated."""
    if isinstance(value, list | tuple):
        return ", ".join(map(spell, value))
    return str(value)


def texts(values: Mapping[str, object], like: Mapping[str, object]) -> dict[str, object]:
    """Values as the texts of `like` (other sections' keys and texts) are written: case of bools, quotes, brackets."""
    written = [str(each) for each in like.values()]
    lower = any(each in ("true", "false") for each in written)
    quoted = next((each[0] for each in written if len(each) > 1 and each[0] == each[-1] and each[0] in "'\""), "")
    bracketed = next((each[0] for each in written if each[:1] in ("[", "(") and each[-1:] in ("]", ")")), "")

    def text(value: object) -> object:
        if isinstance(value, bool):
            return str(value).lower() if lower else str(value)
        if isinstance(value, str):
            return f"{quoted}{value}{quoted}"
        if isinstance(value, list | tuple) and bracketed:
            inner = ", ".join(map(repr, value))
            return f"[{inner}]" if bracketed == "[" else f"({inner},)" if len(value) == 1 else f"({inner})"
        return value if value is None else spell(value)

    return {key: text(value) for key, value in values.items()}


def render(tree: Tree, *, header: str, docs: Mapping[KeyPath, str] | None = None) -> list[str]:
    """Lines of a section; None is left out, so that the default holds."""
    lines = [f"[{header}]"]
    for key, value in tree.items():
        if value is None:
            continue
        doc = (docs or {}).get((key,))
        if doc:
            lines.append(f"# {doc}")
        lines.append(f"{key} = {spell(value)}")
    return lines
