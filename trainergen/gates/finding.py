"""What a gate reports: one finding, a plain tuple, so that a static check starts without dataclasses."""

from __future__ import annotations

from typing import NamedTuple


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
    """

    code: str
    message: str
    path: str
    line: int
    column: int
    end_column: int
    hint: str
    label: str = ""
