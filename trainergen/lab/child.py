"""What a forked child does: close the doors, run one function, say what came of it on a pipe of its own, and end."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from . import guard, home, isolation, limits, processes, tree, wire
from .frames import frames_of, is_out_of_memory, is_users, problem_from
from .protocol import Context, LabProblem

CHANNEL_LOST = 113  # exit status: the answer could not be written
NOT_STARTED = 114  # exit status: it failed before any code of the user's ran
_HIGH = 100  # descriptors of ours start here, out of the way of code that closes the low ones


def run_forked(
    request: dict[str, Any], context: Context, folder: Path, channel: int, nonce: bytes, crash: int, output: int
) -> NoReturn:
    """The whole life of a forked child; never returns.

    Args:
        request: ``op``, ``payload``, ``limits``, ``device``, ``seed``.
        context: where it works.
        folder: the lab's own, which stays writable.
        channel: the pipe that takes the answer.
        nonce: what the answer's frame begins with.
        crash: the file that tells where a crash or a hang was.
        output: the pipe that takes what the user's code prints.
    """
    status = NOT_STARTED
    try:
        os.setpgid(0, 0)  # killpg(0, ...) in user code must not reach the supervisor
        processes.die_with_parent(signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGUSR2):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        channel, crash = _raised(channel), _raised(crash)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(nothing)
        os.close(output)
        isolation.make_read_only(context.original, folder)
        status = CHANNEL_LOST  # perform lets nothing out: what fails from here on is the writing
        answer = perform(request, context, folder, crash)
        wire.write(channel, _encoded(nonce, answer))
        status = 0
    except BaseException:
        with contextlib.suppress(Exception):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(status)


def perform(request: dict[str, Any], context: Context, folder: Path, crash: int) -> dict[str, Any]:
    """Run ``request["op"]`` in this process, held to the request's limits, and give the answer as it travels."""
    leave = os._exit
    faulthandler.enable(file=crash, all_threads=True)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=crash, all_threads=True, chain=False)
    _mark_exits(crash)
    try:
        bounds = limits.Limits(**(request.get("limits") or {}))
        _enter(context, folder, bounds, request)
        answer = {"ok": True, "result": _call(request["op"], request["payload"], context)}
    except LabProblem as problem:
        answer = {"ok": False, "problem": problem.as_plain()}
    except BaseException as error:  # sys.exit, KeyboardInterrupt, MemoryError: whatever it is, it must be told
        limits.give_room_to_report()
        answer = {"ok": False, "problem": _uncaught(error, context).as_plain()}
    finally:
        os._exit = leave
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    limits.give_room_to_report()
    return answer


def _enter(context: Context, folder: Path, bounds: limits.Limits, request: dict[str, Any]) -> None:
    """From the supervisor's surroundings to the user's: tree, path, argv, ``__main__``, seed, limits."""
    torch = sys.modules.get("torch")
    gc.enable()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.argv = ["trainergen-lab"]
    sys.modules["__main__"] = ModuleType("__main__")  # spawned workers would run ours again
    os.chdir(context.root)
    os.environ["PWD"] = str(context.root)
    temporary = context.scratch / "tmp"  # ends with the lab: libraries leave files of generated code there
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    home.stand_in(context.scratch)
    set_path(context)
    guard.settle(request.get("device") or "cpu", int(request.get("seed") or 0), torch)
    if torch is not None and bounds.threads != 1:
        torch.set_num_threads(bounds.threads)
    inside = tuple(path for path in (folder,) if path.is_relative_to(context.original))
    guard.protect(context.original, inside)
    limits.apply(bounds)


def set_path(context: Context) -> None:
    """``sys.path`` with the copy's roots first, and nothing that leads to the original project's own code.

    An editable install of the project (a path in a ``.pth`` file, or a finder with a mapping) leads to the copy.
    """
    roots = [str(root) for root in tree.source_roots(context.root)]
    rest = [_moved(entry, context) for entry in sys.path]
    sys.path[:] = roots + [
        entry for index, entry in enumerate(rest) if entry not in roots and entry not in rest[:index]
    ]
    for name in [name for name in sys.modules if name.startswith("__editable__")]:
        mapping = getattr(sys.modules[name], "MAPPING", None)
        if isinstance(mapping, dict):
            mapping.update({key: _moved(path, context) for key, path in mapping.items() if isinstance(path, str)})


def _moved(entry: str, context: Context) -> str:
    path = Path(entry)
    if not path.is_relative_to(context.original) or path.is_relative_to(sys.prefix) or not is_users(entry, context):
        return entry
    return str(context.root / path.relative_to(context.original))


def _call(op: str, payload: Any, context: Context) -> Any:
    module_name, _, name = op.partition(":")
    package = __name__.partition(".")[0]
    function = getattr(importlib.import_module(f"{package}.{module_name}"), name)
    return function(payload, context)


def _encoded(nonce: bytes, answer: dict[str, Any]) -> bytes:
    try:
        return wire.encode(nonce, answer)
    except (TypeError, ValueError) as error:
        problem = LabProblem("internal", f"the answer can't be sent as JSON: {error}")
        return wire.encode(nonce, {"ok": False, "problem": problem.as_plain()})


def _uncaught(error: BaseException, context: Context) -> LabProblem:
    """What nobody in the request's function caught: the user's where a frame of theirs is in it, else our bug."""
    frames = frames_of(error.__traceback__)
    users = any(is_users(frame.file, context) for frame in frames)
    if users or isinstance(error, (SystemExit, KeyboardInterrupt)) or is_out_of_memory(error):
        return problem_from(error, context, "your code")
    if isinstance(error, OSError) and error.errno in {28, 122}:  # no space left, quota exceeded
        return LabProblem(
            "machine", f"the lab can't write: {error}", hint="free space there, or point TMPDIR elsewhere"
        )
    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    return LabProblem("internal", f"{type(error).__name__} in the lab: {error}", traceback=tuple(lines))


def _mark_exits(crash: int) -> None:
    """Let ``os._exit`` say where it was called: nothing else is left of a process that ends so."""
    leave, owner = os._exit, os.getpid()

    def marked(status: int) -> NoReturn:
        if os.getpid() == owner:
            with contextlib.suppress(OSError, ValueError):
                faulthandler.dump_traceback(file=crash, all_threads=False)
        leave(status)

    os._exit = marked


def _raised(descriptor: int) -> int:
    """`descriptor` under a high number, closed on exec."""
    import fcntl

    raised = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return raised
