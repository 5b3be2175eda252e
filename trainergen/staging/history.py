"""What past commands wrote, so that each can be undone: one file a change set, beside the journal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainergen.errors import Conflict
from trainergen.staging import codec
from trainergen.staging.durable import read, refused
from trainergen.staging.paths import JOURNAL

if TYPE_CHECKING:
    from pathlib import Path

    from trainergen.staging.hunks import Spans


@dataclass(frozen=True)
class Edit:
    """One file of an entry.

    Attributes:
        path: as the change named it.
        before: the bytes it had, None where it was absent.
        after: the bytes it got.
        spans: byte ranges of `after` that were inserted; empty where the whole file is meant.
        label: what was edited there.
        private: whether reports leave it out.
        old_mode: permission bits that it had, None where they were not changed.
    """

    path: str
    before: bytes | None
    after: bytes
    spans: Spans = ()
    label: str = ""
    private: bool = False
    old_mode: int | None = None


@dataclass(frozen=True)
class Entry:
    """One change set that was committed.

    Attributes:
        number: counts up; later entries have higher ones.
        trainer: whose it is.
        scaffold: whether it is what all trainers stand on: it goes with the last of them.
        edits: its files.
        folders: the folders that it created, parents first.
    """

    number: int
    trainer: str
    scaffold: bool
    edits: tuple[Edit, ...]
    folders: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where the entry is kept, relative to the root."""
        return f"{JOURNAL}/{self.number:04d}.json"


def read_history(root: Path) -> tuple[Entry, ...]:
    """All entries of the project at `root`, oldest first; none in a fresh clone, which carries no journal.

    Raises:
        Conflict: an entry can't be read.
        MachineRefused: the system does not let us.
    """
    try:
        paths = sorted((root / JOURNAL).glob("[0-9]*.json"))
        return tuple(sorted((_decoded(path, root) for path in paths), key=lambda entry: entry.number))
    except OSError as problem:
        raise refused(problem, root / JOURNAL, "the journal can't be read") from problem


def next_number(root: Path) -> int:
    """The number of the entry to come."""
    try:
        return 1 + max((int(path.stem) for path in (root / JOURNAL).glob("[0-9]*.json")), default=0)
    except OSError as problem:
        raise refused(problem, root / JOURNAL, "the journal can't be read") from problem


def encoded(entry: Entry) -> bytes:
    """The file of an entry."""
    edits = [
        {
            "path": edit.path,
            "before": codec.encode(edit.before),
            "after": codec.encode(edit.after),
            "spans": [list(span) for span in edit.spans],
            "label": edit.label,
            "private": edit.private,
            "old_mode": edit.old_mode,
        }
        for edit in entry.edits
    ]
    fields = {"schema": 1, "number": entry.number, "trainer": entry.trainer, "scaffold": entry.scaffold}
    return codec.dump(fields | {"edits": edits, "folders": list(entry.folders)})


def _decoded(path: Path, root: Path) -> Entry:
    try:
        content = json.loads(read(path) or b"")
        if content["schema"] != 1 or content["number"] != int(path.stem):
            raise ValueError("another schema")
        edits = tuple(_edit(each) for each in content["edits"])
        return Entry(content["number"], content["trainer"], content["scaffold"], edits, tuple(content["folders"]))
    except (ValueError, KeyError, TypeError) as problem:
        raise Conflict(
            "an entry of the undo journal can't be read",
            place=path.relative_to(root).as_posix(),
            hint="another version of trainergen wrote it, or it was edited; move it away to go on without it",
        ) from problem


def _edit(content: dict[str, Any]) -> Edit:
    after = codec.decode(content["after"])
    if after is None:
        raise ValueError("no bytes")
    changed = {"before": codec.decode(content["before"]), "after": after}
    return Edit(**(content | changed | {"spans": tuple((start, end) for start, end in content["spans"])}))
