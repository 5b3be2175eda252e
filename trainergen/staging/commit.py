"""The sink of ``trainergen new``: all files of a change set on the disk, or none."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path, PurePosixPath

from trainergen.errors import InternalError
from trainergen.staging.change_set import Change, ChangeSet
from trainergen.staging.conflicts import conflicts, merged
from trainergen.staging.durable import permission_bits
from trainergen.staging.history import Edit, Entry, encoded, next_number
from trainergen.staging.hunks import take_out
from trainergen.staging.intent import Intent, Verb, Write, with_bits
from trainergen.staging.journal import perform, recover
from trainergen.staging.lock import project_lock
from trainergen.staging.paths import CONTROL, GITIGNORE, GITIGNORE_TEXT, real_path

_X_BITS = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def commit(root: Path, change_set: ChangeSet, *, force: bool = False, verb: Verb = "new") -> None:
    """Write all of `change_set` at `root`, at once; nothing at all is touched where every change is identical.

    Args:
        root: the project folder.
        change_set: what was read and what is to be; files keep their permission bits and their symbolic links.
        force: whether files that exist and differ may be replaced as a whole.
        verb: the command, for the report after a crash.

    Raises:
        Conflict: the user's files stand in the way (see `conflicts`).
        MachineRefused: the system refused an operation, or another command is at work.
        UnusableInput: there is no folder `root`.
        InternalError: spans that are no pure insertion. After each of these all is as it was before.
    """
    with project_lock(root):
        recover(root)
        root = Path(os.path.realpath(root))
        found = conflicts(root, change_set, force=force)
        if found:
            raise merged(found)
        if change_set.effective:
            perform(root, _intent(root, change_set, verb))


def _intent(root: Path, change_set: ChangeSet, verb: Verb) -> Intent:
    changes = list(change_set.effective)
    if not (root / GITIGNORE).exists() and all(change.path != GITIGNORE for change in changes):
        changes.append(Change(GITIGNORE, None, GITIGNORE_TEXT, private=True, shared=True))
    writes = [_write(root, change) for change in changes]
    folders = _missing_folders(root, writes)
    entries = _entries(root, change_set.trainer, changes, folders)
    writes += [Write(entry.path, None, encoded(entry), 0o600) for entry in entries]
    return Intent(verb, change_set.trainer, os.urandom(4).hex(), tuple(writes), make=folders)


def _write(root: Path, change: Change) -> Write:
    write = with_bits(Write(real_path(root, change.path), change.before, change.after), root)
    if not change.executable:
        return write
    readable_by = (write.mode & 0o444) >> 2
    mode = write.mode | (readable_by if write.old_mode is not None else _X_BITS)
    return Write(write.path, write.before, write.after, mode, write.old_mode)


def _missing_folders(root: Path, writes: list[Write]) -> tuple[str, ...]:
    """The folders to create, parents first; ours comes and goes by itself."""
    needed = {parent.as_posix() for write in writes for parent in PurePosixPath(write.path).parents}
    return tuple(sorted(folder for folder in needed - {".", CONTROL} if not (root / folder).exists()))


def _entries(root: Path, trainer: str, changes: list[Change], folders: tuple[str, ...]) -> tuple[Entry, ...]:
    """What undo needs: the scaffold on its own, if there is any, so that it can outlive this trainer."""
    scaffold, own = [], []
    for change in changes:
        spans = tuple(sorted(change.spans))
        base = take_out(change.after, spans)
        if spans and change.before is not None and base != change.before:
            raise InternalError(f"taking our text out of {change.path} does not give the original", place=change.path)
        bits = permission_bits(root / change.path) if change.executable else None
        edit = Edit(change.path, change.before, change.after, spans, change.label, change.private, bits)
        if not (change.shared or change.path == GITIGNORE):
            own.append(edit if change.before is not None else replace(edit, spans=()))
        elif change.before is None and spans:
            scaffold.append(replace(edit, after=base, spans=()))
            own.append(replace(edit, before=base))
        else:
            scaffold.append(edit)
    number = next_number(root)
    if not scaffold:
        return (Entry(number, trainer, False, tuple(own), folders),)
    return Entry(number, trainer, True, tuple(scaffold)), Entry(number + 1, trainer, False, tuple(own), folders)
