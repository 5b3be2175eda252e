"""The home folder that user code sees: all that is in the user's own, while what code adds to it goes with the lab.

Libraries keep tables, weights and settings there that they compute or fetch on first use. Tried a hundred times by a
search, such code would leave its caches with somebody who only asked for a trainer.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            found = list(_entries(own))
            if len(found) > _MOST:
                return
            making = scratch / "home.making"
            making.mkdir(exist_ok=True)
            _link(own, found, making)
            making.rename(folder)
    except OSError:  # no links on this system
        return
    os.environ["HOME"] = str(folder)


def _entries(own: Path) -> Iterator[Path]:
    """What lies in the home folder, and in those folders of it that many programs share."""
    yield from own.iterdir()
    for inner in map(Path, _OPENED):
        linked = any((own / each).is_symlink() for each in (inner, *inner.parents) if each.name)
        if (own / inner).is_dir() and not linked:
            yield from (own / inner).iterdir()


def _link(own: Path, entries: list[Path], folder: Path) -> None:
    for entry in entries:
        relative = entry.relative_to(own)
        if relative.as_posix() in _OPENED and entry.is_dir() and not entry.is_symlink():
            (folder / relative).mkdir(exist_ok=True)
        else:
            with contextlib.suppress(FileExistsError):  # a making that was cut off
                (folder / relative).symlink_to(entry)


def own_paths(text: str, scratch: Path) -> str:
    """`text` with paths below the folder of links as the user knows them."""
    return text.replace(f"{scratch / 'home'}{os.sep}", f"~{os.sep}")
