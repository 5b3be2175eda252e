"""The main process's end of the lab: starts it before anything else is imported, asks it, ends it.

Only os and sys are imported at the top: `start` runs before click is imported, so that torch loads meanwhile.
"""

# Pathlib, contextlib, tempfile and subprocess cost more than all of this.
# ruff: noqa: PTH100, PTH102, PTH109, PTH112, PTH118, PTH120, PTH123, S108, S606, SIM105

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from ..errors import TrainergenError
    from .limits import Limits
    from .wire import FrameBuffer

START_TIME = 300.0  # seconds for the interpreter to import torch: a cold disk may need a minute
_ROOM = 256 << 20  # bytes that must be free in memory; a container's /dev/shm often has 64 MB
_PRELOAD = ("families.torch.measure", "families.torch.proof", "contracts.default.drive", "lab.prove")


class Lab:
    """A running lab. Make it with `start`; use it as a context manager or call `close`."""

    def __init__(self, python: str, folder: str, root: str | None, preload: tuple[str, ...], forks: bool) -> None:
        self.python = python
        self._folder = folder
        self._root = root
        self._preload = preload
        self._forks = forks
        self._nonce = os.urandom(16)
        self._facts: dict[str, Any] | None = None
        self._awaiting = True
        self._failure: TrainergenError | None = None
        self._pid: int | None = None
        self._status = 0
        self._frames: FrameBuffer | None = None
        self._patience: float | None = None  # seconds for the pending answer; None: the lab itself watches the clock
        self._mailbox = ""
        self._lock = self._make_folder()
        try:
            self._spawn()
        except OSError as error:
            self._remove_folder()
            from ..errors import UnusableInput

            raise UnusableInput(
                f"{python} can't be started: {error.strerror}", hint="name a Python interpreter with --python"
            ) from error

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(wait=True)

    @property
    def root(self) -> str | None:
        """The tree whose copy requests run in."""
        return self._root

    def set_tree(self, original: str | os.PathLike[str]) -> None:
        """Have all further requests run in a copy of the tree `original`; returns at once, the lab copies meanwhile."""
        self._root = os.path.realpath(original)
        if self._forks:
            self._send({"tree": self._root})

    def preload(self, names: tuple[str, ...]) -> None:
        """Have modules of the environment's imported once for all children; returns at once.

        Only packages that are known to start no thread are taken (`warm.THREADLESS`).
        """
        if names and self._forks:
            self._send({"preload": list(names)})

    def facts(self) -> dict[str, Any]:
        """What the interpreter is and has; waits until torch is imported there.

        Returns:
            ``python``, ``torch`` (versions), ``executable``, ``prefix``, ``site_packages`` (paths), ``user_site``,
            ``importable`` ({"trainergen", "beautilog", "numpy", "safetensors", "matplotlib"} -> bool), ``network``
            (whether the children have one), ``dynamo_stand_in``, ``pid``.

        Raises:
            AnswerNeeded: no Python of 3.11, or no torch of 2.6, there.
            MachineRefused: it did not start in `START_TIME`.
        """
        if self._facts is None:
            self._await_hello()
        assert self._facts is not None
        return self._facts

    def request(
        self, op: str, payload: Any, *, limits: Limits | None = None, device: str = "cpu", seed: int = 0
    ) -> Any:
        """Call `op` (``"families.torch.measure:build"``) with `payload` in a child of the lab; give what it returns.

        `ask` and `answer` in one; see `ask` for the arguments.

        Raises:
            UnusableInput, Conflict, AnswerNeeded, UserCodeFailed, MachineRefused, InternalError: as the lab's
                `LabProblem` says.
        """
        self.ask(op, payload, limits=limits, device=device, seed=seed)
        return self.answer()

    def ask(self, op: str, payload: Any, *, limits: Limits | None = None, device: str = "cpu", seed: int = 0) -> None:
        """Begin a call and return at once; `answer` must follow before the next one.

        Args:
            op: module below our package, colon, function; called as ``function(payload, context)``.
            payload: JSON-able.
            limits: time, memory, threads; the defaults of `Limits` where None.
            device: ``cpu``, or ``cuda...``; without it the child sees no GPU.
            seed: of random, torch and NumPy before the function is called.
        """
        if self._awaiting:
            self._await_hello()
        frame = {"op": op, "payload": payload, "device": device, "seed": seed}
        bounds = None
        if limits is not None:
            frame["limits"] = limits.as_plain()
            bounds = limits.time
        self._send(frame)
        self._patience = None if self._forks else (bounds or 60.0) + 30.0

    def new_mailbox(self) -> str:
        """A path that `hand_over` will write to; goes into the payload of a call that waits for something of ours."""
        self._mailbox = os.path.join(self._folder, f"handed-{os.urandom(4).hex()}.json")
        return self._mailbox

    def hand_over(self, value: dict[str, Any] | None) -> None:
        """Give the pending call what it waits for, whole; None: there will be nothing."""
        import json

        partial = self._mailbox + ".partial"
        try:
            with open(partial, "w", encoding="utf-8") as stream:
                json.dump(value, stream)
            os.replace(partial, self._mailbox)  # noqa: PTH105
        except FileNotFoundError:
            pass  # the lab has ended, and its folder with it: `answer` says why

    def answer(self) -> Any:
        """What the call that `ask` began came to; see `request`."""
        answer = self._receive(self._patience, starting=False)
        if not self._forks:
            self._end_process(wait=True)
        return self._unwrap(answer)

    def close(self, *, wait: bool = False) -> None:
        """End the lab: it kills what runs in it and removes its folder.

        Args:
            wait: until that is done; else it goes on by itself, some 30 ms, while this process ends.
        """
        self._end_process(wait)
        if wait:
            self._remove_folder()
        elif self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_folder(self) -> int | None:
        os.mkdir(self._folder, 0o700)
        if sys.platform == "win32":
            return None
        import fcntl

        lock = os.open(os.path.join(self._folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def _spawn(self) -> None:
        """Start the process; two private pipes by number, output into a file, the lock shared with it."""
        reader, self._writer = os.pipe()
        self._reader, writer = os.pipe()
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
        if self._frames is not None:
            self._frames = None
        arguments = [self.python, "-P", script, str(reader), str(writer), self._nonce.hex(), self._folder]
        arguments += ["fork" if self._forks else "single", ",".join(self._preload), self._root or ""]
        log = os.path.join(self._folder, "log")
        passed = [reader, writer] + ([self._lock] if self._lock is not None else [])
        for descriptor in passed:
            os.set_inheritable(descriptor, True)
        try:
            if hasattr(os, "posix_spawn"):
                self._pid = os.posix_spawn(
                    self.python,
                    arguments,
                    os.environ,
                    file_actions=[
                        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                        (os.POSIX_SPAWN_DUP2, 1, 2),
                    ],
                )
            else:
                self._pid = os.spawnv(os.P_NOWAIT, self.python, arguments)
        finally:
            os.close(reader)
            os.close(writer)
            if self._lock is not None:
                os.set_inheritable(self._lock, False)

    def _await_hello(self) -> None:
        """Wait until the process has imported torch; where there is no fork, start the next one first."""
        from ..errors import TrainergenError

        if self._failure is not None:
            raise self._failure
        if self._pid is None and not self._forks:
            self._spawn()
        try:
            self._facts = self._unwrap(self._receive(START_TIME, starting=True))
        except TrainergenError as error:
            self._failure = error
            raise
        self._awaiting = False

    def _send(self, value: dict[str, Any]) -> None:
        from . import wire

        if self._pid is None:
            from ..errors import InternalError

            raise InternalError("the lab was asked after it had ended")
        try:
            wire.write(self._writer, wire.encode(self._nonce, value))
        except BrokenPipeError as error:
            raise self._died(starting=self._facts is None) from error

    def _receive(self, patience: float | None, *, starting: bool) -> dict[str, Any]:
        """The next frame from the lab; its death and its silence are errors."""
        import select
        import time

        from .wire import FrameBuffer

        if self._frames is None:
            self._frames = FrameBuffer(self._nonce)
        deadline = None if patience is None else time.monotonic() + patience
        while (value := self._frames.take()) is None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._reader], [], [], left)[0]:
                from ..errors import MachineRefused

                self._kill()
                raise MachineRefused(
                    f"{self.python} gave no answer in {patience:g} s",
                    hint="is its disk reachable, is the machine overloaded?",
                )
            data = os.read(self._reader, 1 << 16)
            if not data:
                raise self._died(starting)
            self._frames.feed(data)
        assert isinstance(value, dict)
        return value

    def _unwrap(self, answer: dict[str, Any]) -> Any:
        if answer["ok"]:
            return answer["result"]
        raise _error(answer["problem"])

    def _died(self, starting: bool) -> TrainergenError:
        """Why the lab's process is no more, from its log and its exit status."""
        from ..errors import AnswerNeeded, InternalError, MachineRefused, UserCodeFailed

        self._end_process(wait=True)
        lines = self._log_lines()
        code = os.waitstatus_to_exitcode(self._status)
        if starting and code != -9:
            old = any("nknown option" in line and "-P" in line for line in lines)
            message = f"{self.python} is older than Python 3.11" if old else f"{self.python} can't run the lab"
            return AnswerNeeded(
                message,
                flags=("--python",),
                hint=f'{self.python} -m pip install "trainergen[train]", or name another interpreter',
                notes=tuple(lines[-5:]),
            )
        if code == -9:
            return MachineRefused(
                "the lab was killed, most likely for its memory", hint="close other programs, or give --limit memory=2G"
            )
        crash = self._crash_text()
        if not self._forks and "Timeout (" in crash:
            return UserCodeFailed(
                "your code did not end in its time",
                hint="if it only needs longer: --limit time=300",
                notes=tuple(crash.split("\n")),
            )
        if not self._forks:
            return UserCodeFailed(f"your code ended its process (status {code})", notes=tuple(lines[-5:]))
        return InternalError(f"the lab ended by itself (status {code})", notes=tuple(lines[-12:]))

    def _log_lines(self) -> list[str]:
        try:
            with open(os.path.join(self._folder, "log"), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 16_384))
                return file.read().decode(errors="replace").splitlines()
        except OSError:
            return []

    def _crash_text(self) -> str:
        try:
            with open(os.path.join(self._folder, "crash"), "rb") as file:
                return file.read(16_384).decode(errors="replace")
        except OSError:
            return ""

    def _end_process(self, wait: bool) -> None:
        if self._pid is None:
            return
        for descriptor in (self._writer, self._reader):
            try:
                os.close(descriptor)
            except OSError:
                pass
        if wait:
            try:
                _, self._status = os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass
        self._pid = None
        self._awaiting = not self._forks

    def _kill(self) -> None:
        import signal

        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            self._end_process(wait=True)

    def _remove_folder(self) -> None:
        """What the lab itself removes at its end, for where it was killed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if os.path.isdir(self._folder):
            from pathlib import Path

            from .tree import remove_tree

            remove_tree(Path(self._folder))


def start(
    python: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    preload: tuple[str, ...] = _PRELOAD,
    forks: bool | None = None,
) -> Lab:
    """Start the lab in the interpreter `python` and return at once, while torch is imported there.

    Call it in the main thread: where the kernel supports it, the lab ends with the thread that started it.

    Args:
        python: path of an interpreter (`interpreter.choose`); our own where None.
        root: the project's root, copied meanwhile; or name it later with `Lab.set_tree`.
        preload: modules of ours that will be asked for, imported beside torch.
        forks: a forked child a request; where False, or where the system can't fork, a fresh process a request.

    Raises:
        UnusableInput: `python` can't be started.
    """
    if forks is None:
        forks = hasattr(os, "fork")
    base = _base()
    folder = os.path.join(base, f"trainergen-lab-{os.getpid()}-{os.urandom(4).hex()}")
    return Lab(python or sys.executable, folder, None if root is None else os.path.realpath(root), preload, forks)


def _base() -> str:
    """Where the lab's folder goes: memory if there is room, else TMPDIR."""
    memory = "/dev/shm"
    try:
        room = os.statvfs(memory)
        if os.access(memory, os.W_OK) and room.f_bavail * room.f_frsize >= _ROOM:
            return memory
    except (OSError, AttributeError):
        pass
    for name in ("TMPDIR", "TEMP", "TMP"):
        if os.path.isdir(os.environ.get(name, "")):
            return os.path.realpath(os.environ[name])
    return os.path.realpath("/tmp") if os.path.isdir("/tmp") else os.getcwd()


def _error(problem: dict[str, Any]) -> TrainergenError:
    """The error with the exit code that the problem's kind has."""
    from .. import errors

    common: dict[str, Any] = {
        "place": problem.get("place"),
        "hint": problem.get("hint"),
        "notes": tuple(problem.get("notes", ())),
    }
    error: errors.TrainergenError
    if problem["kind"] == "answer":
        error = errors.AnswerNeeded(problem["message"], flags=tuple(problem.get("flags", ())), **common)
    else:
        kinds: dict[str, type[errors.TrainergenError]] = {
            "input": errors.UnusableInput,
            "conflict": errors.Conflict,
            "user": errors.UserCodeFailed,
            "machine": errors.MachineRefused,
        }
        error = kinds.get(problem["kind"], errors.InternalError)(problem["message"], **common)
    if isinstance(error, errors.UserCodeFailed):
        error.ended_the_lab = bool(problem.get("ended"))
    error.traceback = tuple(problem.get("traceback", ()))
    return error
