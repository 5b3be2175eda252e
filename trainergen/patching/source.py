"""A Python file as bytes with its syntax tree and tokens, every position an offset into those bytes."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from itertools import pairwise

from ..errors import Conflict

BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\r|\n")
LAYOUT = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})


@dataclass(frozen=True)
class Lexeme:
    """One token: its text and its byte offsets."""

    kind: int
    text: str
    start: int
    end: int


class Source:
    """A parsed Python file.

    Args:
        data: its bytes: UTF-8, with or without BOM, any line ends.
        path: for messages.

    Raises:
        Conflict: it does not parse, or is not UTF-8.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self.data = data
        self.path = path
        self.starts = [0, *(match.end() for match in LINE_END.finditer(data))]
        try:
            text = data.decode("utf-8-sig")
            self.tree = ast.parse(data, filename=path)
            self._refuse_other_encodings()
        except UnicodeDecodeError as problem:
            raise Conflict(f"{path} is not UTF-8: {problem.reason}", place=path, hint="save it as UTF-8") from None
        except (SyntaxError, ValueError) as problem:
            line = getattr(problem, "lineno", None)
            raise Conflict(
                f"{path} does not parse: {getattr(problem, 'msg', None) or problem}",
                place=f"{path}:{line}" if line else path,
                hint="correct it first; nothing can be added to a file that does not parse",
            ) from None
        self._text = text
        self._lexemes: list[Lexeme] | None = None

    def _refuse_other_encodings(self) -> None:
        """A coding line that says other than UTF-8 gives the bytes another meaning, unless they are ASCII."""
        encoding, _ = tokenize.detect_encoding(io.BytesIO(self.data).readline)
        if not self.data.isascii() and encoding not in ("utf-8", "utf-8-sig"):
            raise Conflict(
                f"{self.path} is written in {encoding}, by its coding line",
                place=f"{self.path}:1",
                hint="save it as UTF-8",
            )

    @property
    def newline(self) -> bytes:
        """The line end that the file uses most; a line feed for a file of one line."""
        ends: list[bytes] = LINE_END.findall(self.data)
        return max(sorted(set(ends)), key=ends.count) if ends else b"\n"

    def offset(self, line: int, column: int) -> int:
        """The byte offset of an ast position (`line` from 1, `column` in UTF-8 bytes)."""
        start = self.starts[line - 1]
        if line == 1 and self.data.startswith(BOM):
            start += len(BOM)
        return start + column

    def start(self, node: ast.stmt | ast.expr | ast.alias) -> int:
        """Where a node begins."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.stmt | ast.expr | ast.alias) -> int:
        """Where a node ends (exclusive)."""
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def line_of(self, offset: int) -> int:
        """The line (from 1) that holds `offset`."""
        return next(
            (number for number, (low, high) in enumerate(pairwise(self.starts), 1) if low <= offset < high),
            len(self.starts),
        )

    def line_start(self, offset: int) -> int:
        """Where the line that holds `offset` begins."""
        return self.starts[self.line_of(offset) - 1]

    def next_line(self, offset: int) -> int:
        """Where the line after the one that holds `offset` begins; the end of the file for the last."""
        line = self.line_of(offset)
        return self.starts[line] if line < len(self.starts) else len(self.data)

    def indentation(self, offset: int) -> bytes:
        """The white space that the line of `offset` begins with."""
        start = self.line_start(offset)
        line = self.data[start : self.next_line(offset)]
        return line[: len(line) - len(line.lstrip(b" \t"))]

    def column(self, offset: int) -> int:
        """How many characters stand before `offset` on its line."""
        return len(self.data[self.line_start(offset) : offset].decode("utf-8-sig"))

    def width(self, offset: int) -> int:
        """How many characters the line of `offset` has."""
        line = self.data[self.line_start(offset) : self.next_line(offset)]
        return len(line.decode("utf-8-sig").rstrip("\r\n"))

    def lexemes(self) -> list[Lexeme]:
        """Every token but layout, comments included."""
        if self._lexemes is None:
            rows = io.StringIO(self._text, newline="").readlines() if "\r" not in self._text else _rows(self._text)
            found = []
            for token in tokenize.generate_tokens(iter([*rows, ""]).__next__):
                if token.type in LAYOUT:
                    continue
                start = self._character_offset(rows, *token.start)
                found.append(Lexeme(token.type, token.string, start, self._character_offset(rows, *token.end)))
            self._lexemes = found
        return self._lexemes

    def _character_offset(self, rows: list[str], line: int, column: int) -> int:
        row = rows[line - 1] if line <= len(rows) else ""
        return self.offset(line, len(row[:column].encode("utf-8")))


def _rows(text: str) -> list[str]:
    ends = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text)), len(text)]
    # tokenize wants newlines; a row's length in characters before its end stays the same
    return [re.sub(r"\r\n?$", "\n", text[low:high]) for low, high in pairwise(ends) if low < high]
