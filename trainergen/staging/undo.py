"""The reverse sink: takes a change set back, and of what the user edited since only our own text."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trainergen.errors import Conflict, UnusableInput, did_you_mean
from trainergen.staging.conflicts import merged
from trainergen.staging.durable import read, refused
from trainergen.staging.elements import breaks, left, parses, removable
from trainergen.staging.history import Edit, Entry, encoded, read_history
from trainergen.staging.hunks import Spans, carried, follow, overlap, take_out, without
from trainergen.staging.intent import Intent, Write, with_bits
from trainergen.staging.journal import perform, recover
from trainergen.staging.lock import project_lock
from trainergen.staging.merge import merge
from trainergen.staging.paths import real_path


@dataclass(frozen=True)
class Undone:
    """What became of one file.

    Attributes:
        path: relative to the root.
        verb: ``delete`` (we had created it), ``restore`` (byte for byte as before), ``take out`` (our text, the user's
            edits stay), ``keep`` (left with the user's edits), ``gone`` (nothing of ours was there any more).
        label: what had been edited there.
        private: whether reports leave it out.
    """

    path: str
    verb: Literal["delete", "restore", "take out", "keep", "gone"]
    label: str = ""
    private: bool = False


@dataclass(frozen=True)
class UndoReport:
    """A change set that was taken back.

    Attributes:
        trainer: whose it was.
        files: every file of it, the last written first.
        folders: the folders that were removed with it.
    """

    trainer: str
    files: tuple[Undone, ...]
    folders: tuple[str, ...] = ()


def undo(root: Path, trainer: str | None = None, *, force: bool = False) -> UndoReport:
    """Take back the last change set at `root`, or the last one of `trainer`; at once, or not at all.

    A file that is as we left it gets its old bytes back, or goes. Where it was edited since, by the user or by a later
    change set, our inserted text is found again and taken out. The scaffold goes with the last trainer; what the user
    made of it stays. Folders that we created go when they are empty.

    Args:
        root: the project folder.
        trainer: case and the suffix ``Trainer`` don't matter.
        force: removes files of ours that were edited since, and leaves inserted text alone that was.

    Raises:
        UnusableInput: there is nothing to undo, or no such trainer.
        Conflict: something of ours was edited since; nothing was changed, every such place is named.
        MachineRefused: the system refused an operation, or another command is at work; nothing was changed.
    """
    with project_lock(root):
        recover(root)
        root = Path(os.path.realpath(root))
        entries = read_history(root)
        chosen = _choose(entries, trainer)
        reversal = _Reversal(root, entries, force)
        try:
            reversal.take_back(chosen)
            for entry in entries:  # an `init` has nothing but its scaffold, which is written beside it
                if not chosen.trainer and entry.scaffold and entry.number == chosen.number - 1:
                    reversal.take_back(entry)
            if all(entry.scaffold for entry in reversal.entries.values()):
                for entry in sorted(reversal.entries.values(), key=lambda entry: -entry.number):
                    reversal.take_back(entry)
            if reversal.conflicts:
                raise merged(tuple(reversal.conflicts))
            intent = reversal.intent(chosen.trainer)
        except OSError as problem:
            raise refused(problem, root) from problem
        perform(root, intent)
        return UndoReport(chosen.trainer, tuple(reversal.undone), intent.remove)


def _choose(entries: tuple[Entry, ...], trainer: str | None) -> Entry:
    own = [entry for entry in entries if not entry.scaffold]
    if not own:
        raise UnusableInput(
            "there is nothing to undo",
            hint="this checkout has no journal (git does not carry it); take back with git what came with a clone",
        )
    if trainer is None:
        return own[-1]
    for entry in reversed(own):
        if _plain_name(entry.trainer) == _plain_name(trainer):
            return entry
    names = sorted({entry.trainer for entry in own if entry.trainer})
    raise UnusableInput(f"there is nothing of {trainer} to undo", place=trainer, hint=did_you_mean(trainer, names))


def _plain_name(trainer: str) -> str:
    lowered = trainer.lower()
    return lowered.removesuffix("trainer") or lowered


class _Reversal:
    """The files as they are to be, worked out entry by entry before anything is touched."""

    def __init__(self, root: Path, entries: tuple[Entry, ...], force: bool) -> None:
        self.entries = {entry.number: entry for entry in entries}  # those that stay
        self.conflicts: list[Conflict] = []
        self.undone: list[Undone] = []
        self._root, self._force = root, force
        self._old_entries = dict(self.entries)
        self._old: dict[str, bytes | None] = {}
        self._new: dict[str, bytes | None] = {}
        self._bits: dict[str, int] = {}
        self._folders: set[str] = set()

    def take_back(self, entry: Entry) -> None:
        """Reverse one entry."""
        del self.entries[entry.number]
        self._folders |= set(entry.folders)
        for edit in reversed(entry.edits):
            try:
                verb = self._reverse(entry, edit)
            except Conflict as conflict:
                self.conflicts.append(conflict)
            else:
                self.undone.append(Undone(edit.path, verb, edit.label, edit.private))

    def intent(self, trainer: str) -> Intent:
        """All of it, as what the journal performs."""
        going = tuple(self.folders_that_go())
        self._hand_over(set(self._folders) - set(going))
        writes = []
        for path, after in self._new.items():
            if after != self._old[path]:
                write = with_bits(Write(path, self._old[path], after), self._root)
                writes.append(replace(write, mode=self._bits.get(path, write.mode)))
        for number, old in self._old_entries.items():
            kept = self.entries.get(number)
            if kept != old:
                before = read(self._root / old.path)
                writes.append(with_bits(Write(old.path, before, None if kept is None else encoded(kept)), self._root))
        return Intent("undo", trainer, os.urandom(4).hex(), tuple(writes), remove=going)

    def folders_that_go(self) -> list[str]:
        """The created folders in which nothing will be left, children first."""
        absent = {self._root / path for path, after in self._new.items() if after is None}
        going = []
        for folder in sorted(self._folders, reverse=True):
            place = self._root / folder
            if place.is_dir() and not place.is_symlink() and all(each in absent for each in _content(place, absent)):
                absent.add(place)
                going.append(folder)
        return going

    def _hand_over(self, folders: set[str]) -> None:
        """Give the folders that stay, because others use them, to an entry that stays."""
        there = {folder for folder in folders if (self._root / folder).is_dir()}
        if there and self.entries:
            heir = self.entries[max(self.entries, key=lambda number: (not self.entries[number].scaffold, number))]
            united = tuple(sorted({*heir.folders, *there}))
            self.entries[heir.number] = replace(heir, folders=united)

    def _reverse(self, entry: Entry, edit: Edit) -> Literal["delete", "restore", "take out", "keep", "gone"]:
        path = real_path(self._root, edit.path)
        if path not in self._new:
            self._old[path] = self._new[path] = read(self._root / path)
        now = self._new[path]
        if now == edit.before:
            return "gone"
        if edit.spans and edit.before is not None:
            return self._reverse_insertion(entry, edit, path, now)
        if edit.before is not None and now is not None and not edit.private:
            return self._reverse_replacement(entry, edit, path, now)
        if now != edit.after and not self._force:
            if entry.scaffold:
                return "keep"
            raise self._edited(entry, edit)
        self._new[path] = edit.before
        if edit.old_mode is not None:
            self._bits[path] = edit.old_mode
        return "delete" if edit.before is None else "restore"

    def _reverse_insertion(
        self, entry: Entry, edit: Edit, path: str, now: bytes | None
    ) -> Literal["restore", "take out", "keep", "gone"]:
        if now is None:
            return "gone"
        text, spans = self._through_later_entries(entry, edit)
        found = follow(text, spans, now)
        if found.lost and not self._force:
            label = f" ({edit.label})" if edit.label else ""
            raise Conflict(
                f"{edit.path}: text that trainergen inserted there{label} was edited since",
                place=edit.path,
                hint="put it back and run undo again, or leave it there and take out the rest: trainergen undo --force",
                notes=tuple(f"not found: {_first_line(lost)}" for lost in found.lost),
            )
        after = take_out(now, removable(edit.path, now, found.spans))
        if breaks(edit.path, now, after):
            raise Conflict(
                f"{edit.path}: without what trainergen inserted there the file could not be parsed any more",
                place=edit.path,
                hint="something that was added since depends on it; take that out first",
            )
        self._new[path] = after
        if after == edit.before and edit.old_mode is not None:
            self._bits[path] = edit.old_mode
        if after == now:
            return "keep" if found.lost else "gone"
        return "restore" if after == edit.before else "take out"

    def _reverse_replacement(
        self, entry: Entry, edit: Edit, path: str, now: bytes
    ) -> Literal["restore", "take out", "keep"]:
        """Take back lines that an update changed: those that others changed since stay, as in any three-way merge."""
        before = edit.before or b""
        result = merge(edit.after, before, now, favour_ours=self._force)
        if result.data is None:
            if entry.scaffold:
                return "keep"
            raise self._edited(entry, edit, tuple(clash.their_line for clash in result.clashes))
        if edit.path.endswith(".py") and parses(now) and not parses(result.data):
            raise Conflict(
                f"{edit.path}: with what trainergen changed there taken back the file could not be parsed any more",
                place=edit.path,
                hint="something that was added since depends on it; take that out first",
            )
        self._revert_in_later_entries(entry, edit, before)
        self._new[path] = result.data
        if result.data == before and edit.old_mode is not None:
            self._bits[path] = edit.old_mode
        return "restore" if result.data == before else "take out"

    def _revert_in_later_entries(self, entry: Entry, edit: Edit, before: bytes) -> None:
        """Rewrite every later entry as if `edit` had never been, so that it can be undone exactly as well."""
        for later in [each for each in self.entries.values() if each.number > entry.number]:
            for index, other in enumerate(later.edits):
                if other.path != edit.path or other.before is None:
                    continue
                old, new = merge(edit.after, before, other.before).data, merge(edit.after, before, other.after).data
                if old is None or new is None:
                    continue  # what is there when it is undone decides
                spans = follow(other.after, other.spans, new).spans
                if len(spans) < len(other.spans) or (spans and take_out(new, spans) != old):
                    continue
                edits = list(self.entries[later.number].edits)
                edits[index] = replace(other, before=old, after=new, spans=spans)
                self.entries[later.number] = replace(self.entries[later.number], edits=tuple(edits))

    def _through_later_entries(self, entry: Entry, edit: Edit) -> tuple[bytes, Spans]:
        """The text that the last entry on this file left, and where the inserted text of `edit` stands in it.

        Every later entry is rewritten as if that text had never been, so that it can be undone exactly as well.
        """
        text, spans = edit.after, edit.spans
        for later in sorted(self.entries.values(), key=lambda each: each.number):
            for index, other in enumerate(later.edits):
                if later.number <= entry.number or other.path != edit.path or other.before is None:
                    continue
                before = follow(text, spans, other.before)
                after = (
                    carried(before.spans, other.spans)
                    if other.spans
                    else follow(other.before, before.spans, other.after).spans
                )
                if before.lost or len(after) < len(before.spans) or overlap(after, other.spans):
                    return text, spans  # too much was edited in between; what is there now decides
                old = removable(edit.path, other.before, before.spans)
                new = removable(edit.path, other.after, after)
                # What has to stay for this entry is its own from now on, unless one before it took it over.
                heritage = () if left(before.spans, old) else left(after, new)
                adjusted = replace(
                    other,
                    before=take_out(other.before, old),
                    after=take_out(other.after, new),
                    spans=without(tuple(sorted((*left(other.spans, new), *heritage))), new),
                )
                if other.spans and take_out(adjusted.after, adjusted.spans) != adjusted.before:
                    return text, spans
                edits = (*later.edits[:index], adjusted, *later.edits[index + 1 :])
                self.entries[later.number] = replace(self.entries[later.number], edits=edits)
                text, spans = other.after, after
        return text, spans

    def _edited(self, entry: Entry, edit: Edit, lines: tuple[int, ...] = ()) -> Conflict:
        later = [each for each in self.entries.values() if each.number > entry.number]
        users = sorted({each.trainer for each in later if any(other.path == edit.path for other in each.edits)})
        hint = (
            f"undo {', '.join(users)} first"
            if users
            else "move your version away and run undo again, or remove it with: trainergen undo --force"
        )
        place = f"{edit.path}:{lines[0]}" if lines else edit.path
        notes = tuple(f"   also line {line}" for line in lines[1:])
        return Conflict(f"{edit.path} was edited since trainergen wrote it", place=place, hint=hint, notes=notes)


def _content(folder: Path, absent: set[Path]) -> list[Path]:
    """What is in a folder, less the bytecode of modules that go."""
    content = list(folder.iterdir())
    caches = [each for each in content if each.name == "__pycache__" and each.is_dir() and not each.is_symlink()]
    stems = {each.stem for each in absent if each.parent == folder}
    return [
        each
        for each in content
        if each not in caches
        or not all(item.suffix == ".pyc" and item.name.split(".")[0] in stems for item in each.iterdir())
    ]


def _first_line(hunk: bytes) -> str:
    lines = [line for line in hunk.decode("utf-8", "backslashreplace").splitlines() if line.strip()]
    return repr(hunk)[1:] if not lines else lines[0].strip() + (f" (+{len(lines) - 1} lines)" if lines[1:] else "")
