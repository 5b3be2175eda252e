"""Which file a path of a change set really means, and whether it may be written at all."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

from trainergen.errors import Conflict

CONTROL = ".trainergen"
JOURNAL = f"{CONTROL}/journal"
GITIGNORE = f"{CONTROL}/.gitignore"
GITIGNORE_TEXT = b"journal/\n"


def real_path(root: Path, path: str) -> str:
    """The file that `path` names, symbolic links followed, relative to `root` (which holds no links itself).

    Raises:
        Conflict: it lies outside the project, or a link leads out of it or to nothing.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or path != "/".join(parts):
        raise Conflict(
            f"{path!r} is no path inside the project",
            place=path,
            hint="paths are relative to the project, with forward slashes and without ..",
        )
    real = Path(os.path.realpath(root / path))
    if real != root and root not in real.parents:
        raise Conflict(
            f"{path} is reached through a symbolic link that leads out of the project",
            place=path,
            hint=f"it leads to {real}; replace the link by a folder of the project, or run trainergen there",
        )
    if real == root:
        raise Conflict(f"{path} is the project folder itself", place=path, hint="name a file inside it")
    if (root / path).is_symlink() and not (root / path).exists():
        raise Conflict(f"{path} is a symbolic link to nothing", place=path, hint="remove the link or give it a target")
    return real.relative_to(root).as_posix()


class Names:
    """The names that the folders of a project hold, listed once each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, dict[str, str]] = {}

    def twin(self, path: str) -> str | None:
        """A file or folder that differs only in case (or in Unicode form) from `path` or from a folder on its way.

        None where there is none, or where the exact name is there as well. Names once asked for count as there, so two
        files of one change set can't collide either.
        """
        folder = ""
        for name in path.split("/"):
            names = self._names(folder)
            other = names.setdefault(_folded(name), name)
            if other != name and not self._exact(folder, name):
                return f"{folder}{other}"
            folder += f"{name}/"
        return None

    def _exact(self, folder: str, name: str) -> bool:
        # Listed, not merely reachable: on macOS a file answers to its name in any case.
        try:
            return any(each.name == name for each in (self._root / folder).iterdir())
        except OSError:
            return False

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._listed:
            try:
                names = [each.name for each in (self._root / folder).iterdir()]
            except OSError:
                names = []
            self._listed[folder] = {_folded(name): name for name in names}
        return self._listed[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
