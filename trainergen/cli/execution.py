"""How every command runs: its outcome printed as text or JSON, its errors turned into exit codes."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from ..errors import InternalError, Interrupted, MachineRefused, TrainergenError
from ..outcome import Outcome
from .printing import as_json, print_outcome
from .terminal import Terminal


def execute(command: str, terminal: Terminal, as_data: bool, work: Callable[[Outcome], None]) -> int:
    """Run `work`, print what came of it, and give the exit code.

    Args:
        command: its name, for the JSON schema.
        terminal: where to print.
        as_data: print JSON instead of text.
        work: fills the outcome; raises `TrainergenError` for what can go wrong.
    """
    started = time.monotonic()
    outcome = Outcome()
    error: TrainergenError | None = None
    try:
        work(outcome)
    except TrainergenError as problem:
        error = problem
    except (KeyboardInterrupt, click.Abort):  # Abort: Ctrl-C or the end of input at a question
        error = Interrupted("interrupted", hint="the same command starts again; nothing of this one is left")
    except OSError as problem:
        error = MachineRefused(
            problem.strerror or str(problem),
            place=str(problem.filename) if problem.filename is not None else None,
            hint="see to it on this machine (rights, room, limits), then run the command again",
        )
    except Exception as problem:
        error = _internal(problem)
    if as_data:
        terminal.clear_progress()
        print(as_json(command, outcome, error))
    else:
        print_outcome(terminal, outcome, error, time.monotonic() - started, command)
    return 0 if error is None else error.exit_code


def _internal(problem: Exception) -> InternalError:
    import traceback

    from .. import __version__

    frames = "".join(traceback.format_exception(problem)).rstrip().splitlines()
    return InternalError(
        f"{type(problem).__name__}: {problem}",
        hint=f"this is a bug in trainergen {__version__}, not in your code: please report these lines and the command",
        notes=tuple(f"   | {line}" for line in frames[-30:]),
    )
