"""A file without the functions that say nothing of its data sets and losses, line for line: a third of the time to parse."""

from __future__ import annotations

import re

from .scan import FACTORY_NAME, LOSS_NAME, METRIC_NAME

_TELLING = frozenset((b"__init__", b"__call__", b"forward", b"__len__", b"__getitem__", b"__iter__"))
_DEF = re.compile(rb"(?:async[ \t]+)?def[ \t]+(\w+)")


def thin(data: bytes) -> bytes:
    """`data` with ``pass`` in the place of every function that does not matter; the lines that stay keep their numbers.

    It goes by indentation alone. Where that misleads it (a text whose lines look like code) the result does not parse,
    and the file has to be parsed whole.
    """
    makes_data = b"DataLoader" in data or b"Dataset" in data
    kept: list[bytes] = []
    skipped: int | None = None  # the indentation of the function that is left out
    for line in data.split(b"\n"):
        body = line.lstrip()
        indent = len(line) - len(body)
        if skipped is not None:
            if not body or indent > skipped or body[:1] in (b")", b"#"):
                kept.append(b"")
                continue
            skipped = None
        match = _DEF.match(body)
        if match is None or _tells(match[1], indent, makes_data):
            kept.append(line)
            continue
        above = len(kept) - 1
        while above >= 0 and kept[above].startswith(line[:indent] + b"@"):
            kept[above] = b""
            above -= 1
        kept.append(line[:indent] + b"pass")
        skipped = indent
    return b"\n".join(kept)


def _tells(name: bytes, indent: int, makes_data: bool) -> bool:
    """Whether a function is a part of a data set or a loss, may give one, or measures an output."""
    if indent:
        return name in _TELLING
    text = name.decode("utf-8", "replace")
    return makes_data or any(each.search(text) for each in (FACTORY_NAME, LOSS_NAME, METRIC_NAME))
