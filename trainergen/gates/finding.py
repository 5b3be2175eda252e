"""What a gate reports: one finding, a plain tuple, so that a static check starts without dataclasses."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


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


Plain: TypeAlias = tuple[
    str, str, str, int, int, int, str, str, tuple[str, bool, tuple[tuple[int, int, str], ...]] | None, int
]
"""A finding as tuples all through, which is what ``marshal`` and a pipe take."""


def as_tuple(finding: Finding) -> Plain:
    """The finding as plain tuples."""
    fix = finding.fix
    plain = (
        None if fix is None else (fix.title, fix.safe, tuple((each.start, each.stop, each.text) for each in fix.edits))
    )
    return (*finding[:8], plain, finding.cell)


def from_tuple(plain: Plain) -> Finding:
    """The finding that `as_tuple` made `plain` of."""
    fix = plain[8]
    kept = None if fix is None else Fix(fix[0], fix[1], tuple(Edit(*each) for each in fix[2]))
    return Finding(*plain[:8], kept, plain[9])
