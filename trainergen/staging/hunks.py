"""Where our inserted text stands after others have edited the file, and how to take it out again. Pure functions."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

Span = tuple[int, int]
Spans = tuple[Span, ...]

_SAME_LINE = 0.6  # difflib's own idea of a close match


def take_out(data: bytes, spans: Spans) -> bytes:
    """`data` without the half-open byte ranges `spans` (sorted, disjoint)."""
    kept, position = [], 0
    for start, end in spans:
        kept.append(data[position:start])
        position = end
    kept.append(data[position:])
    return b"".join(kept)


def carried(spans: Spans, inserted: Spans) -> Spans:
    """`spans` of a text, as byte ranges of the text in which `inserted` (ranges of the new text) were put.

    A span into whose middle something was put comes out as two.
    """
    points: list[tuple[int, int]] = []  # (position in the old text, length put there)
    added = 0
    for start, end in inserted:
        points.append((start - added, end - start))
        added += end - start
    result: list[Span] = []
    for start, end in spans:
        shift, position = 0, start
        for point, length in points:
            if position < point < end:
                result.append((position + shift, point + shift))
                position = point
            if point < end:
                shift += length
        result.append((position + shift, end + shift))
    return tuple(result)


def without(spans: Spans, removed: Spans) -> Spans:
    """`spans` of a text, as byte ranges of the text from which `removed` (disjoint from them) were taken."""

    def moved(position: int) -> int:
        return position - sum(min(end, position) - start for start, end in removed if start < position)

    return tuple((moved(start), moved(end)) for start, end in spans)


def overlap(first: Spans, second: Spans) -> bool:
    """Whether a byte lies in both."""
    return any(a < d and c < b for a, b in first for c, d in second)


@dataclass(frozen=True)
class Found:
    """Where hunks stand in a text.

    Attributes:
        spans: those that are there, unchanged.
        lost: the text of those that were edited, or stand in several places.
    """

    spans: Spans
    lost: tuple[bytes, ...] = ()


def follow(text: bytes, spans: Spans, current: bytes) -> Found:
    """Find the hunks `spans` of `text` in `current`, an edited form of it.

    A line-wise diff (difflib) says which lines of `current` belong to which of `text`; a hunk is found where its bytes
    are there unchanged, or once and as whole lines anywhere (a block that was moved). A hunk that was deleted
    altogether is neither found nor lost: nothing of it is left.
    """
    if text == current:
        return Found(spans)
    comparison = _Comparison(text, current)
    found: list[Span] = []
    lost: list[bytes] = []
    for span in spans:
        place = comparison.place(span)
        if place is not None:
            found.append(place)
        elif not comparison.gone(span):
            lost.append(text[span[0] : span[1]])
    found.sort()
    if any(first[1] > second[0] for first, second in pairwise(found)):
        return Found((), tuple(text[start:end] for start, end in spans))
    return Found(tuple(found), tuple(lost))


class _Comparison:
    """Two texts, and which lines of one are lines of the other."""

    def __init__(self, text: bytes, current: bytes) -> None:
        from difflib import SequenceMatcher

        self.text, self.current = text, current
        self.old_lines, self.new_lines = lines_of(text), lines_of(current)
        self.old_starts, self.new_starts = _starts(self.old_lines), _starts(self.new_lines)
        self.line_starts = set(self.new_starts)
        self.blocks = SequenceMatcher(None, self.old_lines, self.new_lines, autojunk=False).get_opcodes()

    def place(self, span: Span) -> Span | None:
        """Where the bytes of `span` stand in the current text, None where that is not certain."""
        first, last = self._lines(span)
        for tag, old_start, old_end, new_start, _ in self.blocks:
            if tag == "equal" and old_start <= first and last < old_end:
                shift = self.new_starts[new_start] - self.old_starts[old_start]
                return span[0] + shift, span[1] + shift
        length = span[1] - span[0]
        inside = [each for each in self._standing(span, *self._region(first, last)) if self._same_line(span, each)]
        if len(inside) == 1:
            return inside[0], inside[0] + length
        anywhere = self._standing(span, 0, len(self.current)) if self._holds_a_line(span) else []
        return (anywhere[0], anywhere[0] + length) if len(anywhere) == 1 else None

    def gone(self, span: Span) -> bool:
        """Whether the hunk was deleted altogether: no line that stands in its place was made of one of its own."""
        first, last = self._lines(span)
        start, end = self._region(first, last)
        hunk, region = self.text[span[0] : span[1]], self.current[start:end]
        if not self._whole_lines(span):
            line = take_out(self.text[: self.old_starts[last + 1]], (span,))[self.old_starts[first] :]
            return line in region if line.strip() else hunk not in self.current
        ours = [line for line in lines_of(hunk) if line.strip()]
        if not set(ours).isdisjoint(self.new_lines):
            return False
        others = self._neighbours(first, last)
        return not any(
            _likeness(line, ours) >= max(_SAME_LINE, _likeness(line, others))
            for line in lines_of(region)
            if line.strip()
        )

    def _standing(self, span: Span, start: int, end: int) -> list[int]:
        """Where the bytes of `span` occur in a range of the current text; whole lines only at the start of one."""
        hunk, found = self.text[span[0] : span[1]], []
        position = self.current.find(hunk, start, end)
        while position >= 0:
            if position in self.line_starts or not self._whole_lines(span):
                found.append(position)
            position = self.current.find(hunk, position + 1, end)
        return found

    def _same_line(self, span: Span, position: int) -> bool:
        """Whether a hunk inside a line stands, at `position`, in what is still that line: begun, or ended, the same."""
        if self._whole_lines(span):
            return True
        old_head = self.text[: span[0]].rpartition(b"\n")[2]
        new_head = self.current[:position].rpartition(b"\n")[2]
        if old_head.strip():
            return new_head.startswith(old_head[: (len(old_head) + 1) // 2])
        old_tail = self.text[span[1] :].partition(b"\n")[0]
        new_tail = self.current[position + span[1] - span[0] :].partition(b"\n")[0]
        return bool(old_tail.strip()) and old_tail == new_tail

    def _holds_a_line(self, span: Span) -> bool:
        """Whether there is a whole line in the hunk that says something: enough to know it again elsewhere."""
        hunk = self.text[span[0] : span[1]]
        inner = hunk if span[0] in self.old_starts else hunk.partition(b"\n")[2]
        return bool(inner.rpartition(b"\n")[0].strip())

    def _neighbours(self, first: int, last: int) -> list[bytes]:
        """The lines that were changed together with the lines `first` to `last`."""
        blocks = [block for block in self.blocks if block[0] != "equal" and block[1] <= last and first < block[2]]
        return [
            self.old_lines[index]
            for block in blocks
            for index in range(block[1], block[2])
            if not first <= index <= last
        ]

    def _lines(self, span: Span) -> tuple[int, int]:
        """Index of the first and of the last line that the span touches."""
        return bisect_right(self.old_starts, span[0]) - 1, bisect_right(self.old_starts, span[1] - 1) - 1

    def _region(self, first: int, last: int) -> Span:
        """The bytes of the current text that stand where the lines `first` to `last` stood."""
        edges: list[int] = []
        for tag, old_start, old_end, new_start, new_end in self.blocks:
            if old_start <= last and first < old_end:
                equal = tag == "equal"
                edges.append(new_start + (max(first, old_start) - old_start) if equal else new_start)
                edges.append(new_end - (old_end - 1 - min(last, old_end - 1)) if equal else new_end)
        return self.new_starts[min(edges)], self.new_starts[max(edges)]

    def _whole_lines(self, span: Span) -> bool:
        return span[0] in self.old_starts and self.text[span[0] : span[1]].endswith(b"\n")


def _likeness(line: bytes, others: list[bytes]) -> float:
    """How like the most similar of `others` a line is (difflib's ratio), 0 to 1."""
    from difflib import SequenceMatcher

    return max((SequenceMatcher(None, line, other, autojunk=False).ratio() for other in others), default=0.0)


def lines_of(data: bytes) -> list[bytes]:
    """The lines of `data` with their ends; only a line feed ends one (no lone ``CR``, no form feed)."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _starts(lines: list[bytes]) -> list[int]:
    """The offset at which each line starts, and last that of the end."""
    return [0, *accumulate(len(line) for line in lines)]
