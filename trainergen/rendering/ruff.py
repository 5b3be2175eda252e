"""Runs ruff on text, under the settings of the project that the text belongs to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import InternalError, MachineRefused


def run_ruff(arguments: list[str], text: str, path: str, root: Path) -> str:
    """What ``ruff ARGUMENTS`` makes of `text`.

    Args:
        arguments: the subcommand and its options.
        text: goes in through stdin.
        path: where the text is to stand, relative to `root`: ruff finds the settings by it.
        root: of the project; need not exist yet.

    Raises:
        InternalError: ruff refuses the text.
        MachineRefused: it can't be run.
    """
    where = root if root.is_dir() else None
    command = [_binary(), *arguments, "--no-cache", "--stdin-filename", path, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=where, check=False, encoding="utf-8")
    if done.returncode != 0:  # settings that this ruff can't read: do without them
        isolated = [command[0], command[1], "--isolated", *command[2:]]
        done = subprocess.run(
            isolated, input=text, capture_output=True, text=True, cwd=where, check=False, encoding="utf-8"
        )
    if done.returncode != 0:
        raise InternalError(f"ruff could not order or format {path}", notes=tuple(done.stderr.splitlines()[:8]))
    return done.stdout


def _binary() -> str:
    beside = Path(sys.executable).parent / ("ruff.exe" if sys.platform == "win32" else "ruff")
    if beside.is_file():
        return str(beside)
    found = shutil.which("ruff")
    if found is None:
        raise MachineRefused(
            "ruff is not installed beside this interpreter", place=sys.executable, hint="pip install ruff"
        )
    return found
