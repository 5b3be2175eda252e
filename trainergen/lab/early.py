"""Starts the lab before anything else is imported, where a look at the folder is enough to know its interpreter."""

from __future__ import annotations

import os

from . import client, interpreter

# This runs before click, pathlib and the rest are imported.
# ruff: noqa: PTH109, PTH110, PTH118, PTH120, PTH123

MARKERS = ("pyproject.toml", "setup.py", "config.ini", ".git")  # as in inspection.project.find_root


def start() -> client.Lab | None:
    """The lab for the project around the current folder; None where pyproject.toml may name another interpreter."""
    root = _root(os.getcwd())
    try:
        with open(os.path.join(root, "pyproject.toml"), "rb") as stream:
            if b"tool.trainergen" in stream.read():
                return None
    except OSError:
        pass
    try:
        return client.start(interpreter.choose(None, None, root)[0], root=root)
    except Exception:  # said properly by the command itself, which tries again
        return None


def _root(folder: str) -> str:
    here = os.path.realpath(folder)
    current = here
    while True:
        if any(os.path.exists(os.path.join(current, marker)) for marker in MARKERS):
            return current
        parent = os.path.dirname(current)
        if parent == current:
            return here
        current = parent
