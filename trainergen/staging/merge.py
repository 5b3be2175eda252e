"""Three texts into one, by lines: what either side changed of the base is kept, what both changed differently is listed.

diff3 (Khanna, Kunal and Pierce, "A Formal Investigation of Diff3", FSTTCS 2007), with two differences. Changes that only
touch are no conflict, since whose lines come first is plain; lines that both sides put into one gap are. And where both
sides replaced a block by one of its own length, each line is judged by itself.

Line ends, a byte order mark and the missing last line feed are merged by themselves, so that an editor which changed
them did not change every line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeVar

from trainergen.staging.hunks import lines_of

BOM = b"\xef\xbb\xbf"

T = TypeVar("T")
Line = tuple[bytes, bytes | None]
"""A line without its end, and that end where it is not the file's usual one."""


@dataclass(frozen=True)
class Clash:
    """Lines of the base that both sides changed, each in its own way.

    Attributes:
        base, ours, theirs: the bytes of those lines; empty where a side has none there.
        our_line, their_line: where they begin, from 1, in ours and in theirs.
    """

    base: bytes
    ours: bytes
    theirs: bytes
    our_line: int
    their_line: int


@dataclass(frozen=True)
class Merged:
    """What a merge came to.

    Attributes:
        data: the text with both sides' changes; None where they clash.
        clashes: every place where they do, in order.
    """

    data: bytes | None
    clashes: tuple[Clash, ...] = ()


def merge(base: bytes, ours: bytes, theirs: bytes, *, favour_ours: bool = False) -> Merged:
    """Merge what `ours` and `theirs` made of `base`.

    Symmetric but for the names of the sides. A line that a side added is in the result, or in a clash; with
    `favour_ours` a clash comes out as ours has it.
    """
    if theirs in (base, ours):
        return Merged(ours)
    if ours == base:
        return Merged(theirs)
    old, our, their = _Text.read(base), _Text.read(ours), _Text.read(theirs)
    pieces: list[Line] = []
    clashes: list[Clash] = []
    position = 0
    for cluster in _clusters(_hunks(old.lines, our.lines), _hunks(old.lines, their.lines)):
        pieces += old.lines[position : cluster.start]
        position = cluster.end
        settled = cluster.settle(old.lines, our.lines, their.lines)
        if settled is not None:
            pieces += settled
            continue
        (a, b), (c, d) = cluster.ours(), cluster.theirs()
        if favour_ours:
            pieces += our.lines[a:b]
            continue
        clashes.append(
            Clash(
                old.spell(old.lines[cluster.start : cluster.end]),
                our.spell(our.lines[a:b]),
                their.spell(their.lines[c:d]),
                a + 1,
                c + 1,
            )
        )
    if clashes:
        return Merged(None, tuple(clashes))
    pieces += old.lines[position:]
    newline = _one_of(old.newline, our.newline, their.newline)
    marked = _one_of(old.marked, our.marked, their.marked)
    finished = _one_of(old.finished, our.finished, their.finished)
    return Merged(_Text(pieces, newline, marked, finished).data)


def _one_of(base: T, ours: T, theirs: T) -> T:
    """Three-way for what has two values: where both sides changed it, they changed it to the same."""
    return ours if theirs == base else theirs


@dataclass(frozen=True)
class _Text:
    """A text apart from how it is written down."""

    lines: Sequence[Line]
    newline: bytes
    marked: bool
    finished: bool

    @classmethod
    def read(cls, data: bytes) -> _Text:
        marked = data.startswith(BOM)
        raw = lines_of(data.removeprefix(BOM))
        ends = Counter(b"\r\n" if line.endswith(b"\r\n") else b"\n" for line in raw if line.endswith(b"\n"))
        newline = b"\r\n" if ends[b"\r\n"] > ends[b"\n"] else b"\n"
        lines: list[Line] = []
        for line in raw:
            end = b"\r\n" if line.endswith(b"\r\n") else b"\n" if line.endswith(b"\n") else b""
            lines.append((line[: len(line) - len(end)], None if end in (newline, b"") else end))
        return cls(lines, newline, marked, not raw or raw[-1].endswith(b"\n"))

    def spell(self, lines: Sequence[Line]) -> bytes:
        return b"".join(content + (self.newline if end is None else end) for content, end in lines)

    @property
    def data(self) -> bytes:
        body = self.spell(self.lines)
        if self.lines and not self.finished:
            last = self.lines[-1][1]
            body = body[: len(body) - len(self.newline if last is None else last)]
        return (BOM if self.marked else b"") + body


@dataclass(frozen=True)
class _Hunk:
    """Lines `start` to `end` of the base, which one side made into its lines `new_start` to `new_end`."""

    start: int
    end: int
    new_start: int
    new_end: int

    @property
    def grows(self) -> bool:
        return self.new_end - self.new_start > self.end - self.start


def _hunks(old: Sequence[Line], new: Sequence[Line]) -> list[_Hunk]:
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [_Hunk(*places) for tag, *places in opcodes if tag != "equal"]


def _collide(one: _Hunk, other: _Hunk) -> bool:
    if one.start < other.end and other.start < one.end:
        return True
    if one.end != other.start and other.end != one.start:
        return False
    # They touch. In doubt is only whose lines come first, where both add some at the border.
    return one.grows and other.grows


@dataclass
class _Cluster:
    """Changes of both sides that can't be told apart, or one change of one side."""

    start: int
    end: int
    hunks: tuple[list[_Hunk], list[_Hunk]]
    shifts: tuple[int, int]  # new less old line numbers, before the cluster

    def _side(self, side: int) -> tuple[int, int]:
        mine = self.hunks[side]
        if not mine:
            return self.start + self.shifts[side], self.end + self.shifts[side]
        return mine[0].new_start - (mine[0].start - self.start), mine[-1].new_end + (self.end - mine[-1].end)

    def ours(self) -> tuple[int, int]:
        return self._side(0)

    def theirs(self) -> tuple[int, int]:
        return self._side(1)

    def settle(self, old: Sequence[Line], our: Sequence[Line], their: Sequence[Line]) -> list[Line] | None:
        """The lines that the cluster comes to, None where the sides clash."""
        (a, b), (c, d) = self.ours(), self.theirs()
        base, mine, other = list(old[self.start : self.end]), list(our[a:b]), list(their[c:d])
        if not self.hunks[1] or mine == other:
            return mine
        if not self.hunks[0]:
            return other
        if not len(base) == len(mine) == len(other):
            return None
        lines = []
        for was, here, there in zip(base, mine, other, strict=True):
            if here != there and was not in (here, there):
                return None
            lines.append(there if here == was else here)
        return lines


def _clusters(ours: list[_Hunk], theirs: list[_Hunk]) -> list[_Cluster]:
    """Both sides' changes in the order of the base, those that collide in one cluster."""
    sided = sorted(
        [(hunk, 0) for hunk in ours] + [(hunk, 1) for hunk in theirs],
        key=lambda each: (each[0].start, each[0].end, each[1]),
    )
    clusters: list[_Cluster] = []
    shifts = [0, 0]
    for hunk, side in sided:
        last = clusters[-1] if clusters else None
        if last is not None and any(_collide(hunk, other) for other in last.hunks[1 - side]):
            last.hunks[side].append(hunk)
            last.end = max(last.end, hunk.end)
        else:
            hunks: tuple[list[_Hunk], list[_Hunk]] = ([], [])
            hunks[side].append(hunk)
            clusters.append(_Cluster(hunk.start, hunk.end, hunks, (shifts[0], shifts[1])))
        shifts[side] = hunk.new_end - hunk.end
    return clusters
