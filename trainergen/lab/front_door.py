"""Runs the project's own program in the copied tree, as a user would: its list of trainers, then a short training."""

from __future__ import annotations

import contextlib
import importlib
import io
import runpy
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .frames import frames_of, printed
from .staged_files import write_staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from .protocol import Context

TAIL = 20
"""Lines of the program's output that are kept."""


class TimeUp(BaseException):
    """The time for a run of the program is over; no error of anybody's."""


@dataclass(frozen=True)
class Visit:
    """One run of the program.

    Attributes:
        arguments: as typed.
        ending: ``ended`` (by itself), ``running`` (still so when its time was up), ``failed``.
        status: the exit status where it ended.
        error: type of the exception that ended it.
        message: its first line.
        missing: the module that could not be imported, "" for none.
        ours: the deepest frame of a staged file that the exception passed through, as ``{"file", "line"}``.
        output: the last lines that it printed, and the traceback's.
        seconds: what it took.
    """

    arguments: tuple[str, ...]
    ending: str
    status: int = 0
    error: str = ""
    message: str = ""
    missing: str = ""
    ours: dict[str, Any] | None = None
    output: tuple[str, ...] = ()
    seconds: float = 0.0


def visit(payload: Mapping[str, Any], context: Context) -> list[dict[str, Any]]:
    """The request ``visit``: run the program once for each list of arguments.

    Args:
        payload: ``files``: staged, path -> text; ``program``: ``{"kind": "script" | "module" | "console-script",
            "target"}``: a path, a module, or ``module:function``; ``runs``: lists of arguments; ``seconds``: for each.
        context: the copied tree.

    Returns:
        A `Visit` as plain data for each run. A run that fails doesn't stop the others.
    """
    write_staged(payload["files"], context.root)
    program = payload["program"]
    found = [
        _visit(program, tuple(arguments), float(payload["seconds"]), tuple(payload["files"]), context)
        for arguments in payload["runs"]
    ]
    return [asdict(each) for each in found]


def _visit(
    program: Mapping[str, str], arguments: tuple[str, ...], seconds: float, staged: Sequence[str], context: Context
) -> Visit:
    printed_text = io.StringIO()
    started = time.perf_counter()
    known = set(sys.modules)
    try:
        with _for_at_most(seconds), _as_typed(program, arguments, context), contextlib.redirect_stdout(printed_text):
            _run(program, context)
        return Visit(arguments, "ended", 0, output=_tail(printed_text), seconds=time.perf_counter() - started)
    except TimeUp:
        return Visit(arguments, "running", output=_tail(printed_text), seconds=time.perf_counter() - started)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        said = (str(error.code),) if isinstance(error.code, str) else ()
        ending = "ended" if status == 0 else "failed"
        spent = time.perf_counter() - started
        return Visit(arguments, ending, status, "SystemExit", "".join(said), output=_tail(printed_text), seconds=spent)
    except BaseException as error:  # whatever the program does must not end the proof
        first = (str(error).replace(f"{context.root}/", "").strip().splitlines() or [""])[0][:300]
        return Visit(
            arguments,
            "failed",
            1,
            type(error).__name__,
            first,
            missing=(error.name or "") if isinstance(error, ModuleNotFoundError) else "",
            ours=_ours(error, staged, context),
            output=(*_tail(printed_text), *printed(error, context)[-TAIL:]),
            seconds=time.perf_counter() - started,
        )
    finally:
        for name in set(sys.modules) - known:
            # The next run begins as the first did: a registry that fills itself on import is filled once a run.
            if _below(getattr(sys.modules[name], "__file__", None), context.root):
                del sys.modules[name]


def _run(program: Mapping[str, str], context: Context) -> None:
    kind, target = program["kind"], program["target"]
    if kind == "script":
        runpy.run_path(str(context.root / target), run_name="__main__")
    elif kind == "module":
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        module, _, name = target.partition(":")
        outcome = getattr(importlib.import_module(module), name)()
        if outcome is not None:
            raise SystemExit(outcome)


@contextlib.contextmanager
def _as_typed(program: Mapping[str, str], arguments: tuple[str, ...], context: Context) -> Iterator[None]:
    """``sys.argv`` and ``sys.path`` as the interpreter sets them for such a program."""
    path, argv = list(sys.path), list(sys.argv)
    first = program["target"].partition(":")[0]
    sys.argv = [str(context.root / first) if program["kind"] == "script" else first, *arguments]
    if program["kind"] == "script":
        folder = str((context.root / first).parent)
        sys.path[:] = [folder, *(each for each in path if each != folder)]
    try:
        yield
    finally:
        sys.path[:], sys.argv = path, argv


@contextlib.contextmanager
def _for_at_most(seconds: float) -> Iterator[None]:
    """Raises `TimeUp` in the main thread when the time is over, and again every second: a bare ``except`` may eat it."""

    def end(_: int, __: FrameType | None) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _ours(error: BaseException, staged: Sequence[str], context: Context) -> dict[str, Any] | None:
    found = None
    seen: BaseException | None = error
    while seen is not None and found is None:
        for frame in frames_of(seen.__traceback__):
            file = Path(frame.file)
            if file.is_relative_to(context.root) and file.relative_to(context.root).as_posix() in staged:
                found = {"file": file.relative_to(context.root).as_posix(), "line": frame.line}
        seen = seen.__cause__ or seen.__context__
    return found


def _below(file: str | None, root: Path) -> bool:
    return file is not None and Path(file).is_relative_to(root)


def _tail(text: io.StringIO) -> tuple[str, ...]:
    return tuple(text.getvalue().splitlines()[-TAIL:])
