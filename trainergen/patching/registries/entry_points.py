"""Entry points of the distribution: a table of ``pyproject.toml``, or a key of ``setup.cfg``."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterator

from ..analogy import Analogy
from ..draft import Insertion
from ..joining import Entry, Lookup, Registration, Registry
from ..keys import spell_key, taken
from ..project_code import ProjectCode
from ..snippets import snippet
from ..source import LINE_END
from .mapping import by_hand

PRECEDENCE = 7
FILES = ("pyproject.toml", "setup.cfg")


def find(code: ProjectCode) -> list[Registry]:
    """Every group of entry points that names the siblings."""
    found = []
    for path in dict.fromkeys([*(each for each in code.paths if each.endswith(FILES)), *FILES]):
        data = code.bytes_of(path)
        for group, points in _groups(data, path) if data is not None else ():
            listed = [(key, sibling) for key, text in points.items() if (sibling := code.sibling_in_text(text))]
            if (
                2 * len(listed) >= max(len(points), 1)
                and listed
                and group not in ("scripts", "gui-scripts", "console_scripts")
            ):
                assert data is not None
                line = data[: data.find(listed[0][0].encode())].count(b"\n") + 1
                found.append(Registry("entry_points", path, line, group, tuple(points)))
    data = code.bytes_of("setup.py")
    named = [each for each in code.siblings if data is not None and f"{each.module}:{each.name}".encode() in data]
    if data is not None and named and 2 * len(named) >= len(code.siblings):
        line = data[: data.find(named[0].module.encode())].count(b"\n") + 1
        found.append(Registry("entry_points", "setup.py", line, "entry_points"))
    return found


def register(code: ProjectCode, registry: Registry, entry: Entry, *, width: int, quote: str) -> Registration:
    """One more line in the group.

    Raises:
        Conflict: its key is taken, or the group is not written one entry a line.
    """
    path, group = registry.path, registry.symbol
    if path.endswith(".py"):
        raise by_hand(registry, entry, "are written in Python")
    data = code.draft(path).data
    points = dict(_groups(data, path))[group]
    listed = [(key, found) for key, text in points.items() if (found := code.sibling_in_text(text)) is not None]
    key = spell_key(listed, entry, code.siblings)
    taken(key, points, symbol=group, place=f"{path}:{registry.line}")
    known, sibling = listed[-1]
    target = Analogy(sibling, entry, code.siblings, {known: key}).text(points[known])
    last = list(points)[-1]
    row = _row(data, last, points[last])
    if row is None:
        raise by_hand(registry, entry, "is not written one entry a line")
    newline = next(iter(LINE_END.findall(data)), b"\n")
    _, end, line = row
    model = _row(data, known, points[known]) or row
    text = snippet("entry_points", line=_renamed(model[2], key, points[known], target)).encode()
    finished = data[end - 1 : end] in (b"\n", b"\r")
    comma = b"" if not line.rstrip().endswith(b",") and not _in_braces(data, end) else b","
    indent = line[: len(line) - len(line.lstrip())]
    new = indent + text.rstrip(b",") + comma
    code.draft(path).insert([Insertion(end, new + newline if finished else newline + new)])
    after = dict(_groups(code.draft(path).data, path)).get(group, {})
    if after != {**points, key: target}:
        raise by_hand(registry, entry, "can't be added to")
    lookup = Lookup("entry-point", path, group, key, gives="text")
    return Registration(key, lookup=lookup, said=f"entry point {key} of {group}; install the project again to see it")


def _groups(data: bytes, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        text = data.decode("utf-8-sig")
        if path.endswith(".toml"):
            held = tomllib.loads(text)
            tables = [
                held.get("project", {}).get("entry-points"),
                held.get("tool", {}).get("poetry", {}).get("plugins"),
            ]
            for table in tables:
                for group, points in (table or {}).items():
                    yield str(group), {str(key): str(value) for key, value in points.items()}
            return
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
        parser.read_string(text)
        if parser.has_section("options.entry_points"):
            for group, rows in parser.items("options.entry_points"):
                pairs = [row.partition("=") for row in rows.splitlines() if "=" in row]
                yield group, {key.strip(): value.strip() for key, _, value in pairs}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, configparser.Error):
        return


def _row(data: bytes, key: str, value: str) -> tuple[int, int, bytes] | None:
    """Start, end (its line end included) and text of the line that holds an entry and nothing else."""
    pattern = rb"^[ \t]*[\"']?" + re.escape(key.encode()) + rb"[\"']?[ \t]*=[ \t]*[\"']?" + re.escape(value.encode())
    match = re.search(pattern + rb"[\"']?,?[ \t]*(#[^\r\n]*)?(?=\r|\n|\Z)", data, re.MULTILINE)
    if match is None:
        return None
    after = LINE_END.match(data, match.end())
    return match.start(), after.end() if after else len(data), match[0]


def _renamed(line: bytes, key: str, value: str, target: str) -> str:
    text = re.sub(r"[ \t]*#.*$", "", line.decode("utf-8")).strip()
    head, equals, tail = text.partition("=")
    quote = head.strip()[:1] if head.strip()[:1] in "\"'" else ""
    bare = bool(re.fullmatch(r"[\w-]+", key))
    name = f"{quote}{key}{quote}" if quote or bare else f'"{key}"'
    return f"{head.replace(head.strip(), name)}{equals}{tail.replace(value, target)}"


def _in_braces(data: bytes, end: int) -> bool:
    """Whether an inline table goes on here, in which entries are parted by commas."""
    return data[end:].lstrip().startswith(b"}")
