"""JSON as text: where a value stands, and a key added after its siblings in the file's own indentation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ....errors import Conflict
from ...configuration import KeyPath
from ...draft import Draft, Edit, Insertion, Span
from ...source import BOM, LINE_END
from .tree import Tree, confirm

BLANK = re.compile(r"[ \t\r\n]*")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SCALAR = re.compile(r"[^\s,\]}]+")


@dataclass
class Item:
    """A value: where it stands in the text, and for an object its members with where their keys begin."""

    start: int
    end: int
    members: dict[str, tuple[int, Item]] = field(default_factory=dict)
    is_object: bool = False


def load(data: bytes, path: str) -> Tree:
    """The file's object.

    Raises:
        Conflict: it does not parse, is no object, or holds a key twice.
    """

    def once(pairs: list[tuple[str, object]]) -> Tree:
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Conflict(f"{path} has {twice} twice", place=path, hint="keep one of the two")
        return dict(pairs)

    try:
        tree = json.loads(data.decode("utf-8-sig"), object_pairs_hook=once)
    except UnicodeDecodeError as problem:
        raise Conflict(f"{path} is not UTF-8: {problem.reason}", place=path, hint="save it as UTF-8") from None
    except json.JSONDecodeError as problem:
        raise Conflict(
            f"{path} is no JSON: {problem.msg}", place=f"{path}:{problem.lineno}", hint="correct it first"
        ) from None
    if not isinstance(tree, dict):
        raise Conflict(f"{path} is no object at its top", place=path, hint="settings need keys")
    return tree


def _scan(text: str, at: int) -> Item:
    """The value that begins at `at` of a text that is known to parse."""
    if text[at] == '"':
        found = STRING.match(text, at)
        assert found is not None
        return Item(at, found.end())
    if text[at] not in "{[":
        found = SCALAR.match(text, at)
        assert found is not None
        return Item(at, found.end())
    item = Item(at, at, is_object=text[at] == "{")
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        key_start, name = at, ""
        if item.is_object:
            key = STRING.match(text, at)
            assert key is not None
            name = json.loads(key.group())
            at = _skip(text, _skip(text, key.end()) + 1)
        value = _scan(text, at)
        item.members[name or str(len(item.members))] = (key_start, value)
        at = _skip(text, value.end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    item.end = at + 1
    return item


def _skip(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at


def _find(data: bytes, path: str, keys: KeyPath) -> tuple[str, Item]:
    load(data, path)
    text = data.decode("utf-8-sig")
    item = _scan(text, _skip(text, 0))
    for key in keys:
        if not item.is_object or key not in item.members:
            raise Conflict(f"{path} has no {'.'.join(keys)}", place=path)
        item = item.members[key][1]
    return text, item


def _byte(data: bytes, text: str, at: int) -> int:
    return (len(BOM) if data.startswith(BOM) else 0) + len(text[:at].encode("utf-8"))


def line(data: bytes, path: str, keys: KeyPath) -> int:
    """The line (from 1) of the value under `keys`."""
    text, item = _find(data, path, keys)
    return text.count("\n", 0, item.start) + 1


def locate(data: bytes, path: str, keys: KeyPath) -> Span:
    """Where the value under `keys` stands.

    Raises:
        Conflict: there is none.
    """
    text, item = _find(data, path, keys)
    return _byte(data, text, item.start), _byte(data, text, item.end)


def insert(
    data: bytes, path: str, keys: KeyPath, tree: object, *, docs: Mapping[KeyPath, str] | None = None, like: str = ""
) -> Edit:
    """Add `tree` under `keys` as the last member of the object above; JSON has no comments, so `docs` stay out.

    Raises:
        Conflict: the file can't take it.
    """
    del docs, like
    before = load(data, path)
    text, item = _find(data, path, keys[:-1])
    if not item.is_object:
        raise Conflict(f"{path} has no object at {'.'.join(keys[:-1])}", place=path)
    ends = [end.decode() for end in LINE_END.findall(data)]
    newline = max(sorted(set(ends)), key=ends.count) if ends else "\n"
    indent, step = _indent(text, item)
    key = json.dumps(keys[-1], ensure_ascii=False)
    draft = Draft(data, path)
    if indent is None:
        body = f"{key}: {spell(tree)}"
        at, lead = (list(item.members.values())[-1][1].end, ", ") if item.members else (item.start + 1, "")
        draft.insert([Insertion(_byte(data, text, at), (lead + body).encode("utf-8"))])
    else:
        body = f"{indent}{key}: " + _block(tree, step, indent)
        body = body.replace("\n", newline)
        if item.members:
            at = list(item.members.values())[-1][1].end
            draft.insert([Insertion(_byte(data, text, at), ("," + newline + body).encode("utf-8"))])
        else:
            outer = indent.removesuffix(step)
            at = item.start + 1
            closes = "" if text[at : item.end - 1].strip(" \t") else newline + outer
            draft.insert([Insertion(_byte(data, text, at), (newline + body + closes).encode("utf-8"))])
    result = draft.finish(".".join(keys))
    confirm(before, load(result.after, path), keys, json.loads(json.dumps(tree)), path)
    return result


def _indent(text: str, item: Item) -> tuple[str | None, str]:
    """What members of an object stand behind on their lines (None: all on one line), and the file's step."""
    step = next((found.group(1) for found in re.finditer(r"[\r\n]([ \t]+)\S", text)), None)
    for start, _ in item.members.values():
        before = re.split(r"[\r\n]", text[:start])[-1]
        if not before.strip():
            return before, step or "  "
    if item.members or step is None:
        return None, step or "  "
    before = re.split(r"[\r\n]", text[: item.start])[-1]
    return before[: len(before) - len(before.lstrip())] + step, step


def _block(tree: object, step: str, indent: str) -> str:
    """A value over several lines, lists on one."""
    if not isinstance(tree, dict) or not tree:
        return spell(tree)
    inner = indent + step
    members = [
        f"{inner}{json.dumps(str(key), ensure_ascii=False)}: {_block(value, step, inner)}"
        for key, value in tree.items()
    ]
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def spell(value: object) -> str:
    """A value in one line."""
    return json.dumps(value, ensure_ascii=False)


def render(tree: Tree, *, step: str = "  ") -> str:
    """A whole file."""
    return _block(tree, step, "") + "\n"


def step_of(data: bytes) -> str:
    """The indentation that a file uses."""
    found = re.search(rb"[\r\n]([ \t]+)\S", data)
    return found.group(1).decode() if found else "  "
