"""The home folder that user code sees: all that is in the user's own, while what code adds to it goes with the lab.

Libraries keep tables, weights and settings there that they compute or fetch on first use. Tried a hundred times by a
search, such code would leave its caches with somebody who only asked for a trainer.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_OPENED = (
    ".cache",
    ".config",
    ".local",
    ".local/share",
    ".local/state",
    "Library",
    "Library/Caches",
    "Library/Application Support",
)
"""Folders that many programs share: of these the entries are linked, one by one, so that a new one is seen as new."""

_MOST = 5000
"""Entries that are linked; a home with more of them is left to the code as it is."""


def stand_in(scratch: Path) -> None:
    """Lead ``HOME`` to a folder of links below `scratch`, made for the first request and kept for those that follow.

    What is there already is the user's own and is written to as ever: a cache that is in use stays of use.
    """
    own, folder = Path(os.environ.get("HOME", "")), scratch / "home"
    if not own.is_absolute() or not own.is_dir():
        return
    try:
        if not folder.is_dir():
            making = scratch / "home.making"
            making.mkdir(exist_ok=True)
            _link(own, making)
            making.rename(folder)
    except OSError:  # no links on this system, or too many entries
        return
    os.environ["HOME"] = str(folder)


def _link(own: Path, folder: Path) -> None:
    left = _MOST
    for inner in ("", *_OPENED):
        source, target = own / inner, folder / inner
        if inner and (source.is_symlink() or not source.is_dir()):
            continue
        target.mkdir(exist_ok=True)
        for entry in source.iterdir():
            left -= 1
            if left < 0:
                raise OSError("too many entries")
            if entry.relative_to(own).as_posix() not in _OPENED or entry.is_symlink():
                with contextlib.suppress(FileExistsError):  # a making that was cut off
                    (target / entry.name).symlink_to(entry)


def own_paths(text: str, scratch: Path) -> str:
    """`text` with paths below the folder of links as the user knows them."""
    return text.replace(f"{scratch / 'home'}{os.sep}", f"~{os.sep}")
