"""What stands in a project of a trainer that was generated before, and what `new` makes of it: the same, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import Conflict
from .record import Record, own_spans
from .staging.change_set import Change, ChangeSet
from .staging.durable import read

if TYPE_CHECKING:
    from .assembly import Assembled
    from .excusing import Controls


class Standing(Protocol):
    """How a verb meets a trainer that is there already."""

    @property
    def record(self) -> Record:
        """What was generated."""

    @property
    def replaces(self) -> bool:
        """Whether whole files that are there may be replaced."""

    def read(self, path: str) -> bytes | None:
        """A file that the trainer goes into, without the trainer; None where there is none.

        Of a file that is recorded, the recorded text: what others put into it since may need what the trainer put there.
        """

    def settle(self, staged: Assembled) -> Assembled | None:
        """What is to be written for what is generated now, None where that is there already.

        Raises:
            Conflict: what is there stands in the way.
        """

    def controls(self, staged: Assembled) -> Controls | None:
        """What `staged` may be held against where the user worked on the trainer and what he did is kept; else None."""


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
        known = path in self.record.created or path in self.record.inserted
        return self.record.text_without(path) if known else read(self.root / path)

    def settle(self, staged: Assembled) -> Assembled | None:
        """See `Standing`. A shared file counts by this trainer's own pieces: where they stand in it may have changed."""
        different = [change.path for change in staged.change_set.changes if not self._same(change, staged)]
        return self._replaced(staged, different) if different else None

    def controls(self, staged: Assembled) -> Controls | None:  # noqa: ARG002 - as the protocol has it
        """See `Standing`: nothing of the user's is kept."""
        return None

    def _same(self, change: Change, staged: Assembled) -> bool:
        data = read(self.root / change.path)
        if change.path not in staged.inserted:
            return change.private or data == change.after
        recorded = self.record.inserted.get(change.path)
        return (
            recorded is not None
            and staged.inserted[change.path].pieces == recorded.pieces
            and data is not None
            and own_spans(self.root, change.path, data, self.record) is not None
        )

    def _replaced(self, staged: Assembled, different: list[str]) -> Assembled:
        trainer = staged.change_set.trainer
        shared = [path for path in different if path in staged.inserted]
        if shared or not self.force:
            whole = "; --force replaces whole files only" if self.force else ""
            raise Conflict(
                f"{trainer} exists, and is not what would be generated now{whole}",
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
