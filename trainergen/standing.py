"""What stands in a project of a trainer that was generated before, and what `new` makes of it: the same, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import Conflict
from .record import Record, take_out_own
from .staging.change_set import ChangeSet
from .staging.durable import read

if TYPE_CHECKING:
    from .assembly import Assembled


class Standing(Protocol):
    """How a verb meets a trainer that is there already."""

    @property
    def record(self) -> Record:
        """What was generated."""

    @property
    def replaces(self) -> bool:
        """Whether whole files that are there may be replaced."""

    def read(self, path: str) -> bytes | None:
        """A file as it would be without this trainer, None where there would be none."""

    def settle(self, staged: Assembled) -> Assembled | None:
        """What is to be written for what is generated now, None where that is there already.

        Raises:
            Conflict: what is there stands in the way.
        """


def as_recorded(staged: Assembled, record: Record) -> bool:
    """Whether what is generated now is what was generated then, whatever became of it since."""
    now = {path: each.pieces for path, each in staged.inserted.items()}
    then = {path: each.pieces for path, each in record.inserted.items()}
    return now == then and staged.created == record.created


@dataclass(frozen=True)
class Regenerating:
    """`new` once more: identical, or a conflict; ``--force`` replaces whole files."""

    record: Record
    root: Path
    force: bool

    @property
    def replaces(self) -> bool:
        """See `Standing`."""
        return self.force

    def read(self, path: str) -> bytes | None:
        """See `Standing`."""
        return take_out_own(path, read(self.root / path), self.record)

    def settle(self, staged: Assembled) -> Assembled | None:
        """See `Standing`. A shared file counts by this trainer's own pieces: where they stand in it may have changed."""
        different = []
        for change in staged.change_set.changes:
            if change.path in staged.inserted:
                recorded = self.record.inserted.get(change.path)
                same = recorded is not None and staged.inserted[change.path].pieces == recorded.pieces
            else:
                same = change.private or read(self.root / change.path) == change.after
            if not same:
                different.append(change.path)
        return self._replaced(staged, different) if different else None

    def _replaced(self, staged: Assembled, different: list[str]) -> Assembled:
        trainer = staged.change_set.trainer
        shared = [path for path in different if path in staged.inserted]
        if shared or not self.force:
            whole = "; --force replaces whole files only" if self.force else ""
            raise Conflict(
                f"{trainer} exists, and would be generated differently now{whole}",
                place=(shared or different)[0],
                hint=f"trainergen update {trainer} merges what changed with your edits; trainergen undo {trainer} takes"
                " it back",
                notes=tuple(f"   differs: {path}" for path in different),
            )
        changes = [
            replace(change, before=read(self.root / change.path), spans=())
            for change in staged.change_set.changes
            if change.path not in staged.inserted
        ]
        return replace(staged, change_set=ChangeSet(trainer, tuple(changes)))
