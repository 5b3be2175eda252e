"""All that one command is about to do to the disk, as data that survives the command."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from trainergen.errors import Conflict
from trainergen.staging import codec
from trainergen.staging.durable import permission_bits
from trainergen.staging.paths import real_path

if TYPE_CHECKING:
    from pathlib import Path

Verb = Literal["new", "update", "init", "undo"]


@dataclass(frozen=True)
class Write:
    """One file of an intent.

    Attributes:
        path: relative to the root, with no symbolic link on the way.
        before: its bytes now, None where it is absent.
        after: its bytes to be, None to remove it.
        mode: permission bits it gets; less the umask for a file that is created.
        old_mode: permission bits it has, None where it is absent.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o666
    old_mode: int | None = None


@dataclass(frozen=True)
class Intent:
    """All that one command does to the disk.

    Attributes:
        verb: the command, for the report after a crash.
        trainer: whose change set it is.
        token: distinguishes its temporary files from any other.
        writes: the files.
        make: folders to create, parents first.
        remove: folders to remove afterwards where they are empty, children first.
    """

    verb: Verb
    trainer: str
    token: str
    writes: tuple[Write, ...]
    make: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def encoded(intent: Intent) -> bytes:
    """The journal of an intent."""
    writes = [
        {
            "path": write.path,
            "before": codec.encode(write.before),
            "after": codec.encode(write.after),
            "mode": write.mode,
            "old_mode": write.old_mode,
        }
        for write in intent.writes
    ]
    fields = {"verb": intent.verb, "trainer": intent.trainer, "token": intent.token}
    folders = {"make": list(intent.make), "remove": list(intent.remove)}
    return codec.dump({"schema": 1} | fields | folders | {"writes": writes})


def load(root: Path, path: Path) -> Intent:
    """The intent that a journal holds.

    Raises:
        Conflict: it can't be read, or names a file outside the project.
    """
    try:
        content = json.loads(path.read_bytes())
        writes = tuple(
            Write(**(each | {"before": codec.decode(each["before"]), "after": codec.decode(each["after"])}))
            for each in content["writes"]
        )
        make, remove = tuple(content["make"]), tuple(content["remove"])
        intent = Intent(content["verb"], content["trainer"], content["token"], writes, make, remove)
        if content["schema"] != 1 or not intent.token.isalnum():
            raise ValueError("another schema")
    except (ValueError, KeyError, TypeError) as problem:
        raise Conflict(
            "the journal of an interrupted command can't be read",
            place=path.relative_to(root).as_posix(),
            hint="another version of trainergen wrote it, or it was edited; look at it, then move it out of the way",
        ) from problem
    for named in (*(write.path for write in writes), *intent.make, *intent.remove):
        if real_path(root, named) != named:  # never trust a file that could have come with a clone
            raise Conflict(f"{named} has become a symbolic link since", place=named, hint="put the folder back")
    return intent


def with_bits(write: Write, root: Path) -> Write:
    """`write` with the permission bits that its file has now, kept for what it becomes."""
    bits = permission_bits(root / write.path)
    return write if bits is None else replace(write, mode=bits, old_mode=bits)
