"""What `update` makes of a trainer that stands there: what is generated now, merged with what the user made of it since.

Three texts a file: what was generated (the record keeps it), what is generated now, and what is on the disk. A shared
file is generated into the text that the record keeps of it, so that the difference is the trainer's own alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .answers import answers_of
from .errors import Conflict
from .excusing import Controls
from .planning.wishes import Wishes
from .record import Record
from .staging.change_set import Change, ChangeSet
from .staging.durable import read
from .staging.merge import BOM, Clash, Merged, merge

if TYPE_CHECKING:
    from .assembly import Assembled

Fate = Literal["create", "identical", "keep", "update", "merge", "leave"]
"""What becomes of a file: new; as it is generated; only the user changed it; only what is generated changed; both did; no
longer generated, and the user's from now on."""

SHOWN_LINES = 12
"""Of each side of a clash."""


@dataclass
class Merging:
    """`update`: a three-way merge of each file.

    Attributes:
        record: what was generated.
        root: the project.
        wishes: what is asked for now.
        force: takes what is generated now, where a whole file clashes or was removed.
        pending: path -> bytes of files as another trainer's update in the same command leaves them.
        fates: path -> what became of it; filled by `settle`.
    """

    record: Record
    root: Path
    wishes: Wishes
    force: bool = False
    pending: Mapping[str, bytes] = field(default_factory=dict)
    fates: dict[str, Fate] = field(default_factory=dict)
    _generated: Assembled | None = field(default=None, init=False)

    @property
    def replaces(self) -> bool:
        """See `Standing`: each file is replaced by itself with changes in it."""
        return True

    def read(self, path: str) -> bytes | None:
        """See `Standing`."""
        known = path in self.record.created or path in self.record.inserted
        return self.record.text_without(path) if known else self.now(path)

    def now(self, path: str) -> bytes | None:
        """The file as it is, or is about to be."""
        return self.pending[path] if path in self.pending else read(self.root / path)

    def settle(self, staged: Assembled) -> Assembled | None:
        """See `Standing`.

        Raises:
            Conflict: a file clashes or was removed; every such place is named.
        """
        trainer = staged.change_set.trainer
        if trainer != self.record.trainer:
            raise Conflict(
                f"what {self.record.trainer} was generated from would be called {trainer} now",
                place=self.record.file,
                hint=f"keep the name with --name {self.record.trainer}, or take the old one back with: trainergen undo "
                f"{self.record.trainer}",
            )
        self._generated = staged
        self.fates = dict.fromkeys(self.no_longer(staged), "leave")
        found: list[Conflict] = []
        changes = []
        for change in staged.change_set.changes:
            try:
                changes.append(self._settled(change, staged))
            except Conflict as conflict:
                found.append(conflict)
        if found:
            raise _together(found, trainer)
        if not self._changes_the_record(staged) and not {*self.fates.values()} & {"create", "update", "merge"}:
            return None
        own = [change for change in changes if not change.private]
        texts = {change.path: _text(change.path, change.after) for change in own}
        origins = {
            path: rendered.reformatted(texts[path]) if path in texts else rendered
            for path, rendered in staged.origins.items()
        }
        return replace(staged, change_set=ChangeSet(trainer, tuple(changes)), texts=texts, origins=origins)

    def controls(self, staged: Assembled) -> Controls | None:
        """See `Standing`."""
        if self._generated is None or not {*self.fates.values()} & {"keep", "merge"}:
            return None
        found = {path: self.now(path) for path in staged.texts}
        texts = {path: _text(path, data) for path, data in found.items() if data is not None}
        return Controls(replace(staged, texts=texts), self._generated)

    def no_longer(self, staged: Assembled) -> tuple[str, ...]:
        """Files that were generated, and are not any more."""
        generated = {change.path for change in staged.change_set.changes}
        return tuple(path for path in self.record.paths if path not in generated)

    def _changes_the_record(self, staged: Assembled) -> bool:
        """Whether the next merge would start from another text, or other answers."""
        now = (staged.created, staged.inserted, answers_of(self.wishes))
        return now != (self.record.created, self.record.inserted, answers_of(self.record.wishes))

    def _settled(self, change: Change, staged: Assembled) -> Change:
        """The change as the disk is to see it."""
        on_disk = read(self.root / change.path)
        if change.private:
            return replace(change, before=on_disk)
        theirs = self.now(change.path)
        base = self._base(change.path)
        if base is None:
            return self._unrecorded(change, theirs, staged)
        if theirs is None:
            if not self.force or change.path in staged.inserted:
                raise Conflict(
                    f"{change.path} was removed since trainergen wrote it",
                    place=change.path,
                    hint="take it back from version control"
                    + ("" if change.path in staged.inserted else ", or write it anew with --force")
                    + f"; trainergen undo {self.record.trainer} takes the rest away",
                )
            self.fates[change.path] = "create"
            return replace(change, before=None, spans=())
        result = merge(base, change.after, theirs)
        if result.data is None:
            if not self.force or change.path in staged.inserted:
                raise self._clash(change.path, result)
            result = Merged(change.after)
        after = result.data if result.data is not None else theirs
        self.fates[change.path] = _fate(base, theirs, after, change.after)
        return replace(change, before=on_disk, after=after, spans=(), shared=False)

    def _base(self, path: str) -> bytes | None:
        if path in self.record.created:
            return self.record.created[path].encode("utf-8")
        insertion = self.record.inserted.get(path)
        return None if insertion is None else insertion.text.encode("utf-8")

    def _unrecorded(self, change: Change, theirs: bytes | None, staged: Assembled) -> Change:
        """A file of which the record knows nothing: new, or of the project that the trainer stands in."""
        if theirs is None or change.path in staged.inserted:
            self.fates[change.path] = "create" if theirs is None else "update"
            return replace(change, before=read(self.root / change.path))
        if theirs == change.after or change.shared:  # what the user made of the project's own files stays
            self.fates[change.path] = "identical"
            return replace(change, before=theirs, after=theirs, spans=())
        raise Conflict(
            f"{change.path} would be generated now, and is there already",
            place=change.path,
            hint="it is not in the trainer's record: move it away, and run this again",
        )

    def _clash(self, path: str, result: Merged) -> Conflict:
        first, *others = result.clashes
        notes = [*_sides(path, first)]
        for clash in others:
            notes += [f"  --> {path}:{clash.their_line}", *_sides(path, clash)]
        many = f"{len(result.clashes)} places" if others else "1 place"
        whole = "" if path in self.record.inserted else ", or replace your version of the file with --force"
        return Conflict(
            f"{path}: you and what is generated now changed the same lines, in {many}",
            place=f"{path}:{first.their_line}",
            notes=tuple(notes),
            hint=f"make these lines as they are generated now, run the update, then put yours back{whole}",
        )


def _fate(base: bytes, theirs: bytes, after: bytes, ours: bytes) -> Fate:
    if after == theirs:
        return "identical" if theirs == ours else "keep"
    return "update" if theirs == base else "merge"


def _sides(path: str, clash: Clash) -> list[str]:
    """Both sides of a clash, for people."""
    return [
        f"   yours, {path}:{clash.their_line}",
        *_shown(clash.theirs),
        "   generated now",
        *_shown(clash.ours),
    ]


def _shown(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "backslashreplace").splitlines()
    shown = [f"   | {line}".rstrip() for line in lines[:SHOWN_LINES]]
    if len(lines) > SHOWN_LINES:
        shown.append(f"   | ... and {len(lines) - SHOWN_LINES} lines more")
    return shown or ["   | (nothing)"]


def _together(found: list[Conflict], trainer: str) -> Conflict:
    """All conflicts as one error: the first as it is, the others whole among the notes."""
    first, *others = found
    notes = list(first.notes)
    for each in others:
        notes += [f"   also {each.message}", *([f"  --> {each.place}"] if each.place else []), *each.notes]
    if others:
        notes.append(f"   = nothing of {trainer} is updated until these are settled")
    return Conflict(first.message, place=first.place, hint=first.hint, notes=tuple(notes))


def _text(path: str, data: bytes) -> str:
    return (data.removeprefix(BOM) if path.endswith(".py") else data).decode("utf-8", errors="replace")
