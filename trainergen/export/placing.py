"""Puts a proven file where it was asked for: whole or not at all, and never over another."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from ..errors import Conflict, MachineRefused
from ..staging.durable import refused, sync_folder, unlink


def demand_free(target: Path) -> None:
    """Refuse a place that is taken, before anything is computed.

    Raises:
        Conflict: something is there.
    """
    if target.exists() or target.is_symlink():
        raise Conflict(
            f"{target} is there already", place=str(target), hint="remove it, or name another file: --output FILE"
        )


def place(source: Path, target: Path, sha256: str) -> None:
    """Copy `source` beside `target`, force it to the disk, read it back, and give it its name.

    Args:
        source: the file that was proven.
        target: where nothing is yet; its folder is created.
        sha256: of the bytes that were proven.

    Raises:
        Conflict: something has come to `target` meanwhile.
        MachineRefused: the disk refused, or gives back other bytes.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, temporary.open("xb") as written:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
        with temporary.open("rb") as back:
            if hashlib.file_digest(back, "sha256").hexdigest() != sha256:
                raise MachineRefused(
                    "nothing was written: the disk gives back other bytes than were written",
                    place=str(target),
                    hint="is the disk full or damaged? Give another one: --output FILE",
                )
        demand_free(target)
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as problem:
        raise refused(problem, target) from problem
    finally:
        unlink(temporary)
