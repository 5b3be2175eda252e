"""What a gate reports: one finding, a plain tuple, so that a static check starts without dataclasses."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """One replacement in a file's text: characters `start` to `stop` (exclusive, from 0) become `text`."""

    start: int
    stop: int
    text: str


class Fix(NamedTuple):
    """A change that removes a finding.

    Attributes:
        title: what it does, a few words.
        safe: whether the program keeps its meaning apart from the fault; an unsafe fix is applied only when asked for.
        edits: in any order, not overlapping.
    """

    title: str
    safe: bool
    edits: tuple[Edit, ...]


class Finding(NamedTuple):
    """One place where a file breaks a gate's claim.

    Attributes:
        code: of the gate (``TG002``); ``TG000`` for a file that does not parse.
        message: what is wrong, one line.
        path: the file, as it was given.
        line: 1-based.
        column: 1-based, in characters.
        end_column: 1-based, one past the last character; on `line` even where the code goes on below.
        hint: how to fix it, one line.
        label: a remark beside the carets; may be empty.
        fix: the change that removes it, where there is one.
        cell: 1-based number of the notebook cell that `line` counts in; 0 outside notebooks.
    """

    code: str
    message: str
    path: str
    line: int
    column: int
    end_column: int
    hint: str
    label: str = ""
    fix: Fix | None = None
    cell: int = 0
