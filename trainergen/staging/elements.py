"""What of our text can be taken out of a Python file in which others stand in our lines: then the names, not the line.

A second trainer's name goes into the import line and the list that the first one's brought. Without the first one's text
the file would not parse, or two strings would become one; so of such a statement only the first one's names are taken out,
each with its comma, and the rest of its text stays for those who need it.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from trainergen.staging.hunks import Span, Spans, lines_of, take_out


def removable(path: str, data: bytes, spans: Spans) -> Spans:
    """Which bytes of `data` to take out, so that nothing of `spans` (ours) is left that does anything.

    Where that can't be done it is `spans`, whatever comes of it: see `breaks`.

    Args:
        path: says whether it is Python; of another file it is always `spans`.
        data: the file.
        spans: sorted, disjoint byte ranges.
    """
    if not breaks(path, data, take_out(data, spans)):
        return spans
    removed = list(spans)
    for statement, (start, end) in _statements(data):
        own = _within(spans, (start, end))
        if own and breaks(path, data, take_out(data, own)):
            names = _elements(statement, spans, _Offsets(data))
            if not names:
                return spans
            removed = _subtracted(removed, (start, data.find(b"\n", end) + 1 or len(data))) + names
    return tuple(sorted(removed))


def breaks(path: str, now: bytes, after: bytes) -> bool:
    """Whether a Python file that can be parsed now could not be afterwards, or would hold a value that nobody wrote.

    Of two strings whose comma is taken out Python makes one.
    """
    if not path.endswith(".py") or now == after:
        return False
    old, new = _values(now), _values(after)
    return old is not None and (new is None or bool(new - old))


def parses(source: bytes) -> bool:
    """Whether this is Python."""
    return _tree(source) is not None


def left(spans: Spans, removed: Spans) -> Spans:
    """`spans` without the bytes in `removed`."""
    rest = list(spans)
    for each in removed:
        rest = _subtracted(rest, each)
    return tuple(rest)


def _tree(source: bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _values(source: bytes) -> Counter[str] | None:
    """The constants and names of a module, None where it does not parse."""
    tree = _tree(source)
    if tree is None:
        return None
    return Counter(ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.Name | ast.alias))


class _Offsets:
    """Byte offsets of syntax nodes."""

    def __init__(self, data: bytes) -> None:
        self._mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        body = data[self._mark :].replace(b"\r\n", b" \n").replace(b"\r", b"\n")  # a lone CR ends a line for Python
        self._starts = [0, *accumulate(len(line) for line in lines_of(body))]

    def span(self, first: ast.expr | ast.stmt | ast.alias, last: ast.expr | ast.stmt | ast.alias) -> Span:
        """From the start of one node to the end of another."""
        end_line, end_column = last.end_lineno or last.lineno, last.end_col_offset or 0
        start = self._starts[first.lineno - 1] + first.col_offset
        return start + self._mark, self._starts[end_line - 1] + end_column + self._mark


def _statements(data: bytes) -> list[tuple[ast.stmt, Span]]:
    tree = _tree(data)
    offsets = _Offsets(data)
    return [(node, offsets.span(node, node)) for node in (tree.body if tree else ())]


def _elements(statement: ast.stmt, spans: Spans, offsets: _Offsets) -> list[Span]:
    """The ranges of our elements in lists, dicts and imports that hold others' too, each with a comma."""
    found: list[Span] = []
    for node in ast.walk(statement):
        items = _items(node, offsets)
        ours = [_covered(item, spans) for item in items]
        if all(ours) or not any(ours):
            continue
        last = max(index for index, own in enumerate(ours) if not own)
        for index, own in enumerate(ours):
            if own and index < last:
                found.append((items[index][0], items[index + 1][0]))
        if last + 1 < len(items):
            found.append((items[last][1], items[-1][1]))
    return found


def _items(node: ast.AST, offsets: _Offsets) -> Sequence[Span]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [offsets.span(alias, alias) for alias in node.names]
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [offsets.span(each, each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return [offsets.span(key or value, value) for key, value in zip(node.keys, node.values, strict=True)]
    return []


def _covered(item: Span, spans: Spans) -> bool:
    index = bisect_right(spans, (item[0], float("inf"))) - 1
    return index >= 0 and spans[index][0] <= item[0] and item[1] <= spans[index][1]


def _within(spans: Spans, place: Span) -> Spans:
    """The parts of `spans` that lie in `place`."""
    return tuple(
        (max(start, place[0]), min(end, place[1])) for start, end in spans if start < place[1] and place[0] < end
    )


def _subtracted(spans: list[Span], place: Span) -> list[Span]:
    rest: list[Span] = []
    for start, end in spans:
        if end <= place[0] or place[1] <= start:
            rest.append((start, end))
            continue
        rest += [(a, b) for a, b in ((start, place[0]), (place[1], end)) if a < b]
    return rest
