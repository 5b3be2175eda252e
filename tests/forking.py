"""Processes of their own for tests, forked from this one: torch is there already, which a fresh one takes seconds for."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


class Forked:
    """A process that runs one function; what it prints goes nowhere, or to files."""

    def __init__(self, action: Callable[..., Any], *arguments: Any, out: Path | None = None, err: Path | None = None):
        importlib.import_module("torch._dynamo")  # torch imports it at the first step: here once for all
        context = multiprocessing.get_context("fork")
        files = [str(path or os.devnull) for path in (out, err)]
        self.process = context.Process(target=_run, args=(files, action, arguments))
        self.process.start()

    def send_signal(self, number: int) -> None:
        """Send it `number`."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def wait(self, seconds: float = 60.0) -> int | None:
        """Its exit code when it has ended; None if it is still there after `seconds`."""
        self.process.join(seconds)
        return self.process.exitcode

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        self.process.kill()
        self.process.join()


def run_script(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python SCRIPT ARGUMENTS`` in `folder`; ``python -m`` where the script is a package there.

    What a test in this process has imported of other projects is not there; torch and trainergen are.
    """
    with TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = Forked(_as_main, folder, script, arguments, out=out, err=err)
        code = process.wait(300)
        process.kill()
        assert code is not None, f"{script} never ended: {err.read_text()}"
        return subprocess.CompletedProcess([script, *arguments], code, out.read_text(), err.read_text())


def _run(files: list[str], action: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - to the end of the process, which writes a traceback last
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    action(*arguments)


def _as_main(folder: Path, script: str, arguments: tuple[str, ...]) -> None:
    os.chdir(folder)
    package = (folder / script).is_dir()
    for name in list(sys.modules):
        head = name.partition(".")[0]
        if (folder / head).is_dir() or (folder / f"{head}.py").is_file():
            del sys.modules[name]
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    if package:
        runpy.run_module(script, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(script, run_name="__main__")
