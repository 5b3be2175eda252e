"""Places in a text as editors count them: lines from 0, columns in the units that client and server agreed on."""

from __future__ import annotations

from typing import NamedTuple

from ..gates.source import split_lines

UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
"""What a column counts -> the codec, and the bytes of one unit in it."""


class Place(NamedTuple):
    """A place between two letters, as the protocol has it: both from 0, the column in units."""

    line: int
    column: int


class Lines:
    """A text, by lines.

    Args:
        text: the text; its lines end as Python's and the protocol's do, in LF, CRLF or CR.
        units: what columns count: a key of `UNITS`.
    """

    def __init__(self, text: str, units: str = "utf-16") -> None:
        self._codec, self._size = UNITS.get(units, UNITS["utf-16"])
        self._lines = split_lines(text)
        if not self._lines or self._lines[-1].endswith(("\n", "\r")):
            self._lines.append("")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def place(self, line: int, letter: int) -> Place:
        """The place before a letter of a line, both from 0; where the line or the text is shorter, its end."""
        if line >= len(self._lines):
            line, letter = len(self._lines) - 1, len(self._lines[-1])
        body = self._lines[line].rstrip("\r\n")
        return Place(line, self._width(body[:letter]))

    def at(self, offset: int) -> Place:
        """The place before the letter at `offset` of the text."""
        from bisect import bisect_right

        line = min(bisect_right(self._starts, offset), len(self._lines)) - 1
        return Place(line, self._width(self._lines[line][: offset - self._starts[line]]))

    def offset(self, place: Place) -> int:
        """The letter of the text that a place stands before; a column beyond its line is the line's end."""
        if place.line >= len(self._lines):
            return self._starts[-1]
        body = self._lines[place.line].rstrip("\r\n")
        if body.isascii():
            return self._starts[place.line] + min(place.column, len(body))
        passed = letters = 0
        for letter in body:
            if passed >= place.column:
                break
            passed += self._width(letter)
            letters += 1
        return self._starts[place.line] + letters

    def _width(self, text: str) -> int:
        if text.isascii():
            return len(text)
        return len(text.encode(self._codec, "surrogatepass")) // self._size
