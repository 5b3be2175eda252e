"""Adds an element to a bracketed list of things (dict, list, tuple, set, import names), in the manner it is written."""

from __future__ import annotations

import tokenize
from dataclasses import dataclass

from .draft import Insertion
from .source import Lexeme, Source

OPENING, CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True)
class Element:
    """One element: its first and last token, and the comma after it."""

    first: Lexeme
    last: Lexeme
    comma: Lexeme | None


@dataclass(frozen=True)
class Brackets:
    """A bracketed literal as tokens; `close` is the closing bracket's."""

    open: Lexeme
    close: Lexeme
    elements: tuple[Element, ...]


def read_brackets(source: Source, at: int) -> Brackets:
    """The literal whose opening bracket stands at byte offset `at`."""
    lexemes = [each for each in source.lexemes() if each.start >= at and each.kind != tokenize.COMMENT]
    depth = 0
    elements: list[Element] = []
    current: list[Lexeme] = []
    for lexeme in lexemes:
        closes = lexeme.kind == tokenize.OP and lexeme.text in CLOSING
        if closes and depth == 1:
            if current:
                elements.append(Element(current[0], current[-1], None))
            return Brackets(lexemes[0], lexeme, tuple(elements))
        if depth == 1 and lexeme.text == "," and lexeme.kind == tokenize.OP:
            elements.append(Element(current[0], current[-1], lexeme))
            current = []
        elif depth:
            current.append(lexeme)
        if lexeme.kind == tokenize.OP and lexeme.text in OPENING:
            depth += 1
        depth -= closes
    raise AssertionError("a file that parses has balanced brackets")


def add_element(
    source: Source, brackets: Brackets, text: str, *, width: int, index: int | None = None, explode: bool = False
) -> list[Insertion]:
    """The insertions that put `text` into the literal.

    Args:
        source: the file.
        brackets: the literal.
        text: the element's source, one line.
        width: the longest line allowed; a one-line literal that would pass it is laid out one element a line.
        index: stand before this element; None: at the end.
        explode: lay out one element a line even where an empty literal has room.
    """
    new = text.encode("utf-8")
    elements = brackets.elements
    close, indent = brackets.close, element_indent(source, brackets)
    closes_alone = not source.data[source.line_start(close.start) : close.start].strip()
    if not elements and closes_alone:
        return [Insertion(source.line_start(close.start), indent + new + b"," + source.newline)]
    if not elements:
        if not explode and source.width(brackets.open.start) + len(text) <= width:
            return [Insertion(close.start, new + (b"," if close.text == ")" else b""))]
        return [Insertion(close.start, _line(source, indent) + new + b"," + _line(source, _base(source, brackets)))]
    if index is not None and index >= len(elements):
        index = None
    one_a_line = _one_a_line(source, brackets)
    if index is not None:
        if one_a_line:
            above = elements[index - 1].comma if index else brackets.open
            assert above is not None
            return [Insertion(source.next_line(above.start), indent + new + b"," + source.newline)]
        if source.line_of(brackets.open.start) != source.line_of(close.start) or _fits(source, brackets, text, width):
            return [Insertion(elements[index].first.start, new + b", ")]
        return _exploded(source, brackets, new, index)
    last = elements[-1]
    if closes_alone:
        comma = [] if last.comma else [Insertion(last.last.end, b",")]
        return [*comma, Insertion(source.line_start(close.start), indent + new + b"," + source.newline)]
    if source.line_of(brackets.open.start) != source.line_of(close.start):
        return _hang(source, brackets, new)
    if not _fits(source, brackets, text, width):
        return _exploded(source, brackets, new, None)
    if last.comma:
        return [Insertion(last.comma.end, b" " + new)]
    return [Insertion(last.last.end, b", " + new)]


def _hang(source: Source, brackets: Brackets, new: bytes) -> list[Insertion]:
    """After the last element of a literal on several lines whose bracket closes on the last element's line."""
    last = brackets.elements[-1]
    start = source.line_start(last.first.start)
    column = source.data[start : last.first.start]
    indent = column if not column.strip() else b" " * source.column(last.first.start)
    if last.comma:
        return [Insertion(last.comma.end, _line(source, indent) + new + b",")]
    return [Insertion(last.last.end, b"," + _line(source, indent) + new)]


def _exploded(source: Source, brackets: Brackets, new: bytes, index: int | None) -> list[Insertion]:
    """A literal on one line becomes one element a line: line ends and indentation are insertions as well."""
    indent, base = element_indent(source, brackets), _base(source, brackets)
    insertions = []
    previous = brackets.open
    for number, element in enumerate(brackets.elements):
        if number == index:
            insertions.append(Insertion(previous.end, _line(source, indent) + new + b","))
        gap = element.first.start - previous.end
        insertions.append(Insertion(previous.end, _line(source, indent[: max(len(indent) - gap, 0)])))
        previous = element.comma or element.last
    tail = b"" if brackets.elements[-1].comma else b","
    if index is None:
        tail += _line(source, indent) + new + b","
    gap = brackets.close.start - previous.end
    return [*insertions, Insertion(previous.end, tail + _line(source, base[: max(len(base) - gap, 0)]))]


def _fits(source: Source, brackets: Brackets, text: str, width: int) -> bool:
    return source.width(brackets.open.start) + len(text) + 2 <= width


def _one_a_line(source: Source, brackets: Brackets) -> bool:
    above = brackets.open
    for element in brackets.elements:
        if source.line_of(element.first.start) == source.line_of(above.start):
            return False
        above = element.last
    return source.line_of(brackets.close.start) != source.line_of(above.start)


def element_indent(source: Source, brackets: Brackets) -> bytes:
    """What stands before an element that begins a line."""
    for element in brackets.elements:
        before = source.data[source.line_start(element.first.start) : element.first.start]
        if not before.strip():
            return before
    base = _base(source, brackets)
    return base + (b"\t" if b"\t" in base else b"    ")


def _base(source: Source, brackets: Brackets) -> bytes:
    return source.indentation(brackets.open.start)


def _line(source: Source, indent: bytes) -> bytes:
    return source.newline + indent


def member_order(name: str) -> tuple[int, str]:
    """The order of names in ``__all__`` and in an import (isort's and ruff's): CONSTANTS, Classes, functions."""
    if name.isupper() and len(name) > 1:
        return (0, name)
    return (1 if name[:1].isupper() else 2, name)


def sorted_index(names: list[str], name: str) -> int | None:
    """Where `name` belongs if `names` are in order; None (the end) if they are not, or it is the last."""
    keys = [member_order(each) for each in names]
    if keys != sorted(keys):
        return None
    return next((index for index, key in enumerate(keys) if key > member_order(name)), None)
