"""The redo journal: a crash at any moment leaves a project that the next command finishes or rolls back.

``pending.json`` holds all old and new bytes. Its rename into place is the commit point: before it nothing of the user's
was touched, after it the change is finished, by us or by the next command. Only when that proves impossible is the
journal renamed to ``rollback.json``, and all old bytes are put back. Replaying either is idempotent.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainergen.errors import Conflict, MachineRefused
from trainergen.staging.durable import read, refused, remove_if_empty, sync_folder, unlink, write_new
from trainergen.staging.intent import Intent, Verb, Write, encoded, load
from trainergen.staging.lock import project_lock
from trainergen.staging.paths import CONTROL, JOURNAL

PENDING = f"{JOURNAL}/pending.json"
ROLLBACK = f"{JOURNAL}/rollback.json"
DRAFT = f"{JOURNAL}/pending.tmp"
_PRIVATE_BITS = 0o600  # the journal holds what config files hold, perhaps a token


@dataclass(frozen=True)
class Recovery:
    """What was done about a command that had been interrupted.

    Attributes:
        verb: that command.
        trainer: its trainer, empty where that had not been written down yet.
        outcome: whether its changes are all there now, or none.
        files: those that it was about, relative to the root.
        conflicts: files that someone edited since the crash; they are as he left them.
        kept: the journal with the old and new bytes of these, None without conflicts.
    """

    verb: Verb
    trainer: str
    outcome: Literal["finished", "rolled back"]
    files: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    kept: str | None = None

    @property
    def sentence(self) -> str:
        """The recovery in a sentence, for the terminal."""
        what = f"{self.verb} {self.trainer}".rstrip()
        said = f"an interrupted trainergen {what} was {self.outcome}"
        if self.conflicts:
            said += f"; edited since and left as they are: {', '.join(self.conflicts)} (both versions: {self.kept})"
        return said


class EditedError(Exception):
    """A target is neither what was read nor what was to be written."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def perform(root: Path, intent: Intent) -> None:
    """Carry out `intent`, wholly or not at all; the caller holds the project's lock.

    Raises:
        Conflict: a target changed at the last moment.
        MachineRefused: the system refused an operation. In both cases all is as it was before.
    """
    try:
        _check_writable(root, intent)
        _declare(root, intent)
    except BaseException as problem:
        _withdraw(root)
        raise _reported(problem, root) from problem
    try:
        _apply(root, intent)
        (root / PENDING).unlink()
    except BaseException as problem:
        try:
            _roll_back(root, intent, keep=False)  # a file edited this moment is the user's, and was not ours yet
        except OSError as second:
            half = refused(second, root, "the change stopped half-way and could not be put back")
            hint = f"{half.hint}: it puts everything back first"
            raise MachineRefused(half.message, place=half.place, hint=hint) from problem
        raise _reported(problem, root) from problem
    _sweep(root)


def recover(root: Path) -> Recovery | None:
    """Finish or roll back what an interrupted command left; None where there was nothing. Every command calls it first.

    A file that was edited since the crash is never overwritten: all others go back, it stays as it is, and the journal
    with both versions is kept and named in the result.

    Raises:
        MachineRefused: the system refused, or another command is at work.
        Conflict: the journal can't be read.
    """
    root = Path(os.path.realpath(root))
    if not os.path.lexists(root / CONTROL):
        return None
    marks = (root / PENDING, root / ROLLBACK, root / DRAFT)
    if not any(map(os.path.lexists, marks)) and not _hollow(root):
        return None
    with project_lock(root):  # a live command may hold it: then these are its own, and gone when it has ended
        try:
            return _recover(root, *marks)
        except OSError as problem:
            said = "what an interrupted command left can't be put right"
            raise refused(problem, root, said) from problem


def _recover(root: Path, pending: Path, rollback: Path, draft: Path) -> Recovery | None:
    if rollback.exists():
        return _rolled_back(root, load(root, rollback))
    if pending.exists():
        intent = load(root, pending)
        try:
            _apply(root, intent)
            pending.unlink()
        except (EditedError, OSError):
            return _rolled_back(root, intent)
        _sweep(root)
        return Recovery(intent.verb, intent.trainer, "finished", _reportable(intent))
    interrupted = draft.exists()
    _withdraw(root)
    return Recovery("new", "", "rolled back") if interrupted else None


def _rolled_back(root: Path, intent: Intent) -> Recovery:
    conflicts = _roll_back(root, intent, keep=True)
    kept = _kept(intent) if conflicts else None
    return Recovery(intent.verb, intent.trainer, "rolled back", _reportable(intent), conflicts, kept)


def _reportable(intent: Intent) -> tuple[str, ...]:
    return tuple(write.path for write in intent.writes if not write.path.startswith(f"{CONTROL}/"))


def _kept(intent: Intent) -> str:
    return f"{JOURNAL}/conflict-{intent.token}.json"


def _check_writable(root: Path, intent: Intent) -> None:
    # A rename replaces a read-only file without a word; its owner meant something by that bit.
    for write in intent.writes:
        target = root / write.path
        if write.before is not None and write.after is not None and not os.access(target, os.W_OK):
            if sys.platform != "win32" and os.statvfs(target).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))
            raise MachineRefused(
                "nothing was written: the file is read-only", place=str(target), hint=f"chmod u+w {target}"
            )


def _declare(root: Path, intent: Intent) -> None:
    """Write the journal; when this returns, the change is as good as done."""
    for folder in (CONTROL, JOURNAL):
        if not (root / folder).is_dir():
            (root / folder).mkdir()
            sync_folder((root / folder).parent)
    unlink(root / DRAFT)
    write_new(root / DRAFT, encoded(intent), _PRIVATE_BITS)
    (root / DRAFT).rename(root / PENDING)
    sync_folder(root / JOURNAL)


def _withdraw(root: Path) -> None:
    """Remove a journal that was not finished, as if nothing had been; an error here hides no other."""
    try:
        unlink(root / PENDING)
        unlink(root / DRAFT)
        _sweep(root)
    except OSError:
        pass


def _apply(root: Path, intent: Intent) -> None:
    for folder in intent.make:
        if not (root / folder).is_dir():
            (root / folder).mkdir()
    # All new bytes are on the disk before the first target changes: a full disk shows here, where it hurts nobody.
    for index, write in enumerate(intent.writes):
        if write.after is not None and not _done(root, write):
            temporary = _temporary(root, intent, index)
            unlink(temporary)
            exact = write.before is not None
            write_new(temporary, write.after, write.mode, exact=exact, like=root / write.path if exact else None)
    for index, write in enumerate(intent.writes):
        temporary = _temporary(root, intent, index)
        if _done(root, write):
            unlink(temporary)
        elif write.after is None:
            (root / write.path).unlink()
        else:
            temporary.replace(root / write.path)
    for folder in intent.remove:
        _clear_bytecode(root, root / folder, intent)
        remove_if_empty(root / folder)
    _sync(root, intent)


def _done(root: Path, write: Write) -> bool:
    now = read(root / write.path)
    if now not in (write.after, write.before):
        raise EditedError(write.path)
    return now == write.after


def _roll_back(root: Path, intent: Intent, *, keep: bool) -> tuple[str, ...]:
    """Put all old bytes back; the files that are neither old nor new are left alone and returned.

    With `keep`, the journal stays under another name if there are such files: it has the only copy of both versions.
    """
    if (root / PENDING).exists():
        (root / PENDING).rename(root / ROLLBACK)
        sync_folder(root / JOURNAL)
    for index in range(len(intent.writes)):
        unlink(_temporary(root, intent, index))
    conflicts = []
    for index, write in reversed(list(enumerate(intent.writes))):
        target, now = root / write.path, read(root / write.path)
        if now == write.before:
            continue
        if now != write.after:
            conflicts.append(write.path)
        elif write.before is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = _temporary(root, intent, index)
            mode = write.mode if write.old_mode is None else write.old_mode
            write_new(temporary, write.before, mode, exact=True, like=target if now is not None else None)
            temporary.replace(target)
    for folder in reversed(intent.make):
        remove_if_empty(root / folder)
    _sync(root, intent)
    if conflicts and keep:
        (root / ROLLBACK).rename(root / _kept(intent))
    else:
        unlink(root / ROLLBACK)
    _sweep(root)
    return tuple(conflicts)


def _clear_bytecode(root: Path, folder: Path, intent: Intent) -> None:
    """Remove the bytecode of modules that go, where nothing else keeps their folder."""
    cache = folder / "__pycache__"
    if not cache.is_dir() or cache.is_symlink() or list(folder.iterdir()) != [cache]:
        return
    going = {Path(write.path).stem for write in intent.writes if (root / write.path).parent == folder}
    stale = list(cache.iterdir())
    if all(each.suffix == ".pyc" and each.name.split(".")[0] in going for each in stale):
        for each in stale:
            unlink(each)
        remove_if_empty(cache)


def _temporary(root: Path, intent: Intent, index: int) -> Path:
    return (root / intent.writes[index].path).with_name(f".trainergen-{intent.token}-{index}.tmp")


def _sync(root: Path, intent: Intent) -> None:
    touched = {(root / write.path).parent for write in intent.writes}
    touched |= {(root / folder).parent for folder in (*intent.make, *intent.remove)}
    for folder in sorted(touched):
        sync_folder(folder)


def _sweep(root: Path) -> None:
    """Make the end of the journal durable, and let our folders vanish when nothing is in them."""
    try:
        sync_folder(root / JOURNAL)
        if remove_if_empty(root / JOURNAL) and remove_if_empty(root / CONTROL):
            sync_folder(root)
    except OSError:
        pass  # the change itself is complete and durable; a journal that came back would be replayed to the same state


def _hollow(root: Path) -> bool:
    """Whether our folders are there and empty: a command was killed right after making, or emptying, them."""
    try:
        inside = list((root / CONTROL).iterdir())
        return not inside or (inside == [root / JOURNAL] and not any((root / JOURNAL).iterdir()))
    except OSError:
        return False


def _reported(problem: BaseException, root: Path) -> BaseException:
    if isinstance(problem, OSError):
        return refused(problem, root)
    if isinstance(problem, EditedError):
        return Conflict(f"{problem.path} changed since it was read", place=problem.path, hint="run the command again")
    return problem
