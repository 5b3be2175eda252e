"""What was read of each file, kept between commands: a file whose time and size are unchanged is not read again.

Kept as JSON behind its own hash, never as pickles: a cache that someone else wrote can at worst say something wrong about the source.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ..training_facts import ClassFacts, MethodFacts, Parameter
from .outline import FunctionFacts, Outline
from .scan import Scan

FORM = 2
"""Counted up when what is read of a file changes within a version."""
FEWEST_FILES = 50
"""A project below this is read faster than it is worth remembering."""
MOST_PROJECTS = 24
"""Caches kept: the one that was used longest ago goes first."""


@dataclass
class Entry:
    """What is known of one file.

    Attributes:
        stamp: modification time in nanoseconds and size, as the file had them when it was read.
        scan: by its bytes.
        outline: by its syntax tree; None where that was not asked for.
        thin: the same of what tells of data alone; None where that was not asked for.
        damage: why it could not be parsed, as ``line: message``; "" where it could.
    """

    stamp: tuple[int, int]
    scan: Scan
    outline: Outline | None = None
    damage: str = ""
    thin: Outline | None = None


def cache_file(root: Path) -> Path:
    """Where what is known of the project at `root` is kept (``$XDG_CACHE_HOME``, else ``~/.cache``)."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:20]
    return Path(home) / "trainergen" / f"source-{name}.cache"


def load(root: Path) -> dict[str, Entry]:
    """What is known of the files of `root`, by path; {} where nothing is, or nothing that can be read."""
    try:
        digest, _, text = cache_file(root).read_bytes().partition(b"\n")
        if digest != _digest(text):  # cut off, or somebody else's
            return {}
        document = json.loads(text)
        if document["version"] != [FORM, __version__] or document["root"] != str(root):
            return {}
        return {path: _entry(row) for path, row in document["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return {}


def save(root: Path, entries: dict[str, Entry]) -> None:
    """Keep `entries`; a folder that can't be written to is no error, it only costs the time again."""
    if len(entries) < FEWEST_FILES:
        return
    document = {
        "version": [FORM, __version__],
        "root": str(root),
        "files": {path: _row(entry) for path, entry in entries.items()},
    }
    text = json.dumps(document, separators=(",", ":")).encode("ascii")
    target = cache_file(root)
    with contextlib.suppress(OSError, RuntimeError):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".source-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_digest(text) + b"\n" + text)
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108
            raise
        _forget(target.parent)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode("ascii")


def _forget(folder: Path) -> None:
    kept = sorted(folder.glob("source-*.cache"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for old in kept[MOST_PROJECTS:]:
        old.unlink(missing_ok=True)


# Rows: positions in place of keys, since there are tens of thousands of them.


def _row(entry: Entry) -> list[Any]:
    scan = entry.scan
    flags = scan.trainer + 2 * scan.data + 4 * scan.program
    return [
        *entry.stamp,
        entry.damage,
        [scan.heads, scan.aliases, flags, scan.trackers],
        None if entry.outline is None else _outline_row(entry.outline),
        None if entry.thin is None or entry.outline is not None else _outline_row(entry.thin),
    ]


def _outline_row(outline: Outline) -> list[Any]:
    return [
        outline.imports,
        outline.stars,
        outline.aliases,
        [_class_row(each) for each in outline.classes],
        [
            [it.name, it.line, _parameter_rows(it.parameters), it.returns, it.decorators, it.gives, it.docstring]
            for it in outline.functions
        ],
        outline.loaders,
        outline.future_annotations,
    ]


def _class_row(each: ClassFacts) -> list[Any]:
    methods = [
        [it.name, it.line, _parameter_rows(it.parameters), it.returns, it.body, it.decorators, it.docstring]
        for it in each.methods
    ]
    return [
        each.name,
        each.line,
        each.bases,
        each.decorators,
        methods,
        each.attributes,
        each.docstring,
        each.before_super,
    ]


def _parameter_rows(parameters: tuple[Parameter, ...]) -> list[list[str | None]]:
    return [[each.name, each.kind, each.annotation, each.default] for each in parameters]


def _entry(row: list[Any]) -> Entry:
    modified, size, damage, (heads, aliases, flags, trackers), outline, thin = row
    scan = Scan(
        tuple((name, tuple(bases)) for name, bases in heads),
        _tuples(aliases),
        bool(flags & 1),
        bool(flags & 2),
        bool(flags & 4),
        tuple(trackers),
    )
    whole, part = (None if each is None else _outline(each) for each in (outline, thin))
    return Entry((modified, size), scan, whole, damage, part)


def _outline(row: list[Any]) -> Outline:
    imports, stars, aliases, classes, functions, loaders, future = row
    return Outline(
        _tuples(imports),
        tuple(stars),
        _tuples(aliases),
        tuple(_class(each) for each in classes),
        tuple(
            FunctionFacts(name, line, _parameters(parameters), returns, tuple(decorators), gives, text)
            for name, line, parameters, returns, decorators, gives, text in functions
        ),
        _tuples(loaders),
        future,
    )


def _class(row: list[Any]) -> ClassFacts:
    name, line, bases, decorators, methods, attributes, docstring, before = row
    return ClassFacts(
        name,
        "",
        "",
        line,
        tuple(bases),
        tuple(decorators),
        tuple(
            MethodFacts(called, at, _parameters(parameters), returns, body, tuple(marks), text)
            for called, at, parameters, returns, body, marks, text in methods
        ),
        _tuples(attributes),
        docstring,
        tuple(before),
    )


def _parameters(rows: list[list[Any]]) -> tuple[Parameter, ...]:
    return tuple(Parameter(*row) for row in rows)


def _tuples(rows: list[list[Any]]) -> tuple[Any, ...]:
    return tuple(tuple(row) for row in rows)
