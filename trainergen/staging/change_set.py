"""The one thing every sink takes: which bytes a file has now, and which it is to have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verb = Literal["create", "insert", "replace", "identical"]


@dataclass(frozen=True)
class Change:
    """One file of a change set.

    Attributes:
        path: relative to the root, with forward slashes.
        before: the bytes that were read, None where there is no file.
        after: the bytes to be written.
        spans: half-open byte ranges of `after` that are ours; taking them out of `after` gives `before` (insertions
            only; empty for a file of our own).
        label: what was edited there, for the closing report (``TRAINER_REGISTRY``, ``[train_digits_net]``).
        executable: whether the file gets its x bits.
        private: written but not reported (the record, its .gitignore).
        shared: part of the scaffold that later trainers stand on. Undoing this trainer leaves it as long as another
            trainer is there; the last undo takes it too. In a shared file that is created, `spans` mark what belongs to
            this trainer alone (its registry entry), which goes with it.
    """

    path: str
    before: bytes | None
    after: bytes
    spans: tuple[tuple[int, int], ...] = ()
    label: str = ""
    executable: bool = False
    private: bool = False
    shared: bool = False

    @property
    def verb(self) -> Verb:
        """What the change does to the file, in the word the report uses."""
        if self.before is None:
            return "create"
        if self.before == self.after:
            return "identical"
        return "insert" if self.spans else "replace"

    @property
    def added_lines(self) -> int:
        """Lines that the change adds (all of them for a new file)."""
        return self.after.count(b"\n") - (self.before or b"").count(b"\n")


@dataclass(frozen=True)
class ChangeSet:
    """All files that one command changes, at once or not at all."""

    trainer: str
    changes: tuple[Change, ...] = field(default=())

    @property
    def effective(self) -> tuple[Change, ...]:
        """The changes that change a byte."""
        return tuple(change for change in self.changes if change.verb != "identical")
