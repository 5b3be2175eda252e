"""Puts the staged files into the copied tree."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .protocol import LabProblem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_staged(files: Mapping[str, str], root: Path) -> None:
    """Write `files` (relative path -> text) below `root`.

    Raises:
        LabProblem: kind ``conflict``: one is reached through a link that leads out of the tree.
    """
    real = root.resolve()
    for name, text in files.items():
        target = root / name
        if not target.parent.resolve().is_relative_to(real):
            raise LabProblem(
                "conflict",
                f"{name} is reached through a link that leads out of the project",
                place=name,
                hint="replace the link by a folder of the project, or choose another with --package",
            )
        if target.is_symlink():
            target.unlink()  # a large file of the user's, linked for reading: the copy gets its own
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    importlib.invalidate_caches()
