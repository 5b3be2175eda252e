"""Pure insertions into a file's own bytes, and the proof that taking them out gives the original back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InternalError
from ..staging.hunks import take_out

Span = tuple[int, int]


@dataclass(frozen=True)
class Insertion:
    """Bytes to stand before offset `at` of the data they go into."""

    at: int
    text: bytes


@dataclass(frozen=True)
class Edit:
    """An edited file.

    Attributes:
        before: the bytes as they were.
        after: the bytes as they are to be.
        spans: half-open ranges of `after` that are new, in order, none touching another.
        label: what was edited there, for the report (``TRAINER_REGISTRY``, ``[train_digits_net]``).
    """

    before: bytes
    after: bytes
    spans: tuple[Span, ...]
    label: str


class Draft:
    """A file while it is being edited: its bytes so far, and which of them are new."""

    def __init__(self, data: bytes, path: str) -> None:
        self.before = data
        self.data = data
        self.path = path
        self.spans: list[Span] = []

    def insert(self, insertions: list[Insertion]) -> None:
        """Make insertions whose offsets all refer to the data as it is now; equal offsets keep their order."""
        new: list[Span] = []
        pieces: list[bytes] = []
        position = written = 0
        for insertion in sorted(insertions, key=lambda each: each.at):
            pieces.append(self.data[position : insertion.at])
            written += insertion.at - position
            position = insertion.at
            pieces.append(insertion.text)
            new.append((written, written + len(insertion.text)))
            written += len(insertion.text)
        pieces.append(self.data[position:])
        shifted = [part for span in self.spans for part in _shift(span, insertions)]
        self.spans = _merge([*shifted, *new])
        self.data = b"".join(pieces)

    def finish(self, label: str) -> Edit:
        """The edit as made.

        Raises:
            InternalError: taking the new bytes out does not give the original (our own bug).
        """
        if take_out(self.data, tuple(self.spans)) != self.before:
            raise InternalError(f"an edit of {self.path} changed bytes that are not its own", place=self.path)
        return Edit(self.before, self.data, tuple(self.spans), label)


def as_one(edits: Sequence[Edit], path: str, label: str) -> Edit:
    """Edits of one file, each made on what the one before it gave, as one."""
    draft = Draft(edits[0].before, path)
    for edit in edits:
        gone = 0
        insertions = []
        for start, end in edit.spans:
            insertions.append(Insertion(start - gone, edit.after[start:end]))
            gone += end - start
        draft.insert(insertions)
    return draft.finish(label)


def _shift(span: Span, insertions: list[Insertion]) -> list[Span]:
    """Where an old span lies after `insertions`: cut where one falls inside it."""
    start, end = span
    cuts = sorted({each.at for each in insertions if start < each.at < end})
    parts = list(zip([start, *cuts], [*cuts, end], strict=True))
    return [
        (
            left + sum(len(each.text) for each in insertions if each.at <= left),
            right + sum(len(each.text) for each in insertions if each.at < right),
        )
        for left, right in parts
    ]


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
