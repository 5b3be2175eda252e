"""A report on the disk: both files whole or neither, and nothing that is not an earlier report replaced."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import Conflict, MachineRefused
from .markdown import render_markdown
from .page import GENERATOR, render_page
from .story import HTML, MARKDOWN, Story


def check_target(folder: Path) -> None:
    """Before anything is rendered.

    Raises:
        Conflict: a file of the report's name is there and no report.
        MachineRefused: the folder can't be created or written to.
    """
    standing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not standing.is_dir():
        raise Conflict(f"{standing} is a file, not a folder", place=str(standing), hint="name another folder: --output")
    if not os.access(standing, os.W_OK):
        raise MachineRefused(
            f"permission denied: {standing}",
            place=str(standing),
            hint="name a folder that can be written to: --output FOLDER",
        )
    for name in (HTML, MARKDOWN):
        if (folder / name).exists() and not _is_report(folder / name):
            raise Conflict(
                f"{folder / name} is there, and it is no report of a run",
                place=str(folder / name),
                hint="move it away, or name another folder: --output FOLDER",
            )


def write_report(story: Story, folder: Path) -> dict[str, Path]:
    """Write both files; ``{"html": ..., "markdown": ...}``."""
    texts = {HTML: render_page(story), MARKDOWN: render_markdown(story)}
    folder.mkdir(parents=True, exist_ok=True)
    partial = {name: folder / f".{name}.{os.getpid()}.partial" for name in texts}
    try:
        for name, text in texts.items():
            partial[name].write_text(text, encoding="utf-8", errors="replace")
        for name, path in partial.items():
            path.replace(folder / name)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
    return {"html": folder / HTML, "markdown": folder / MARKDOWN}


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(2048)
    except OSError:  # a folder, or not to be read
        return False
