"""Fixture projects from dict literals, and their trees as dicts again."""

from __future__ import annotations

import textwrap
from pathlib import Path


def write_tree(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write `files` (path -> text, dedented, or bytes as they are) below `root`, and give `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(textwrap.dedent(content).removeprefix("\n"), encoding="utf-8")
    return root


def read_tree(root: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Everything below `root`: path -> (mode bits, bytes of a file | target of a link | None for a folder)."""
    tree: dict[str, tuple[int, bytes | str | None]] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            tree[name] = (mode, str(path.readlink()))
        elif path.is_dir():
            tree[name] = (mode, None)
        else:
            tree[name] = (mode, path.read_bytes())
    return tree
