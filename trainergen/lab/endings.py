"""Says what became of a child that gave no answer: where it hung, crashed, or ended the process by itself."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from .child import CHANNEL_LOST, NOT_STARTED
from .frames import Frame, excerpt, is_users, place, shown_path
from .limits import Limits, memory_limit, shown_size
from .protocol import Context, LabProblem

_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
_PRINTED_LINES = 12


def timed_out(crash: str, output: str, bounds: Limits, context: Context) -> LabProblem:
    """The problem of a request that did not end in its time; `crash` is faulthandler's dump of the hanging process."""
    frame = _where(crash, context)
    return LabProblem(
        "user",
        f"your code did not end within {bounds.time:g} s{_in(frame, context)}",
        place=_place(frame, context),
        hint=f"if it only needs longer: --limit time={max(60.0, bounds.time * 5):g}",
        notes=_notes(frame, "still here when the time was over", ""),
        traceback=tuple(crash.splitlines() + output.splitlines()[-_PRINTED_LINES:]),
    )


def died(status: int, crash: str, output: str, bounds: Limits, context: Context) -> LabProblem:
    """The problem of a child that ended without an answer.

    Args:
        status: as ``os.waitpid`` gives it.
        crash: faulthandler's dump, empty where it had no occasion to write one.
        output: the end of what the child printed.
        bounds: what it was held to.
        context: where it worked.
    """
    frame = _where(crash, context)
    code = os.waitstatus_to_exitcode(status)
    if code == NOT_STARTED and frame is None:
        return LabProblem("internal", "a child of the lab could not start", notes=tuple(_printed(output)))
    what, hint, mark = _describe(code, bounds)
    return LabProblem(
        "user",
        f"your code {what}{_in(frame, context)}",
        place=_place(frame, context),
        hint=hint,
        notes=_notes(frame, mark, output),
        traceback=tuple(crash.splitlines()),
        ended=True,
    )


def with_output(answer: dict[str, Any], output: str) -> dict[str, Any]:
    """The answer, with what was printed where the user's code ended itself: argparse says why only there."""
    problem = answer.get("problem") or {}
    if problem.get("kind") == "user" and " called sys.exit(" in problem["message"]:
        problem["notes"] += _printed(output)
    return answer


def _describe(code: int, bounds: Limits) -> tuple[str, str, str]:
    """What happened, how to fix it, and the word for under the line."""
    memory = f"raise the limit, --limit memory={shown_size(2 * memory_limit(bounds))}, or give a smaller batch or model"
    if code == CHANNEL_LOST:
        return "closed file descriptors that are not its own", "close only what it has opened", "closed here"
    if code >= 0:
        return (
            f"ended the process with os._exit({code})",
            "raise an exception instead, and keep what runs the program under: if __name__ == '__main__':",
            "the process ended here",
        )
    number = -code
    if number == signal.SIGKILL:
        return "was killed by the system, most likely for its memory", memory, "killed here"
    if number == signal.SIGXCPU:
        return "used up its processor time", "raise the limit: --limit time=300", "stopped here"
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number in {signal.SIGSEGV, signal.SIGBUS}:
        return (
            f"crashed with a segmentation fault ({name})",
            "native code failed: a C extension, an out-of-range index in a kernel, or endless recursion",
            "crashed here",
        )
    if number == signal.SIGABRT:
        return f"was aborted by native code ({name})", f"if it was for memory: {memory}", "aborted here"
    return f"was ended by {name}", "the code, or a library that it uses, sends the signal to itself", "ended here"


def _where(crash: str, context: Context) -> Frame | None:
    """The deepest frame of the user's code in the dump; the main thread's, printed last, where several have one."""
    found = None
    for thread in re.split(r"^(?=(?:Current thread|Thread) 0x)", crash, flags=re.MULTILINE):
        frames = [Frame(file, name, int(line)) for file, line, name in _FRAME.findall(thread)]
        found = next((frame for frame in frames if is_users(frame.file, context)), found)
    return found


def _in(frame: Frame | None, context: Context) -> str:
    if frame is None:
        return ""
    where = f"{shown_path(frame.file, context)}:{frame.line}"
    return f" while importing {where}" if frame.name == "<module>" else f" in {frame.name}, {where}"


def _place(frame: Frame | None, context: Context) -> str | None:
    return place(frame, context) if frame else None


def _notes(frame: Frame | None, mark: str, output: str) -> tuple[str, ...]:
    notes = excerpt(frame, mark) if frame else ()
    return notes + tuple(_printed(output))


def _printed(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if line.strip()][-_PRINTED_LINES:]
    return ["it printed:", *(f"  {line[:160]}" for line in lines)] if lines else []
