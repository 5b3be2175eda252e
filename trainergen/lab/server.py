"""The lab's supervisor: imports torch once, never runs a tensor operation, and forks a child for every request."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import child, endings, isolation, limits, processes, wire
from .protocol import Context, LabProblem
from .warm import import_for_user, import_ours, import_torch
from .watch import MainGone, Watch
from .workplace import Workplace

if TYPE_CHECKING:
    from types import FrameType


def ping(payload: Any, context: Context) -> Any:
    """As `calls.ping`."""
    from .calls import ping as answer

    return answer(payload, context)


class Supervisor:
    """One lab process: reads requests from main, answers them one after the other.

    Args:
        reader, writer: the pipes to main.
        nonce: what every frame on them begins with.
        folder: the lab's own folder, with a lock in it that this process holds; removed at the end.
        original: the project's root, or None until a ``tree`` request names one.
        forks: whether a request gets a forked child; else this process answers one request and ends.
        preload: modules of ours that requests need: the first before the first request, the others after it.
    """

    def __init__(
        self,
        reader: int,
        writer: int,
        nonce: bytes,
        folder: Path,
        original: Path | None,
        forks: bool,
        preload: tuple[str, ...],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._nonce = nonce
        self._workplace = Workplace(folder, forks)
        self._original = original
        self._forks = forks
        self._preload, self._later = preload[:1], preload[1:] if forks else ()
        self._requests = wire.FrameBuffer(nonce)

    def serve(self) -> NoReturn:
        """Start, answer until main goes, leave nothing behind."""
        try:
            self._start()
            while (request := self._next_request()) is not None:
                if "tree" in request:
                    self._workplace.use(Path(request["tree"]))
                elif "preload" in request:
                    import_for_user(request["preload"])
                elif self._forks:
                    self._attend(request)
                    self._prepare_next()
                else:
                    self._answer_here(request)
        except (MainGone, BrokenPipeError):
            pass
        except BaseException:
            traceback.print_exc()  # into the log, which the client reads: the folder must stay
            processes.sweep()
            sys.stderr.flush()
            os._exit(70)
        self._end()

    def _prepare_next(self) -> None:
        """Import what the next request will need while main digests this one's answer."""
        if self._later:
            import_ours(self._later, public=("trainergen.runtime",))
            self._later = ()

    def _start(self) -> None:
        network = True
        if self._forks:
            processes.adopt_orphans()
            signal.signal(signal.SIGTERM, lambda *_: self._end())
            signal.signal(signal.SIGUSR2, self._parent_died)
            processes.die_with_parent(signal.SIGUSR2)
            network = not isolation.leave_network()
        if self._original is not None:
            self._workplace.use(self._original)
        try:
            hello = {"ok": True, "result": import_torch(self._preload) | {"network": network}}
        except LabProblem as problem:
            hello = {"ok": False, "problem": problem.as_plain()}
        self._send(hello)
        if not hello["ok"]:
            raise MainGone

    def _next_request(self) -> dict[str, Any] | None:
        while (request := self._requests.take()) is None:
            data = os.read(self._reader, 1 << 16)
            if not data:
                return None
            self._requests.feed(data)
        assert isinstance(request, dict)
        return request

    def _attend(self, request: dict[str, Any]) -> None:
        """Fork a child, answer with what came of it, leave no process of it, and put the copy back in order.

        The answer goes first: killing and reaping a process of torch's size takes 3 ms, which main need not wait for.
        """
        try:
            context = self._workplace.ready(request.get("device") or "cpu")
        except LabProblem as problem:
            self._send({"ok": False, "problem": problem.as_plain()})
            return
        bounds = limits.Limits(**(request.get("limits") or {}))
        nonce = os.urandom(16)
        channel, answer_end = os.pipe()
        printed, output_end = os.pipe()
        crash = os.open(self._workplace.place("crash"), os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        pid = os.fork()
        if pid == 0:
            for descriptor in (self._reader, self._writer, channel, printed):
                os.close(descriptor)
            child.run_forked(request, context, self._workplace.folder, answer_end, nonce, crash, output_end)
        os.close(answer_end)
        os.close(output_end)
        watch = Watch(pid, channel, printed, self._reader, nonce)
        try:
            answer = watch.until(time.monotonic() + bounds.time)
            if answer is None and watch.status is None:
                watch.ask_where(crash)
                watch.kill()
                late = endings.timed_out(_text(crash), watch.output, bounds, context)
                answer = {"ok": False, "problem": late.as_plain()}
            elif answer is None:
                dead = endings.died(watch.status or 0, _text(crash), watch.output, bounds, context)
                answer = {"ok": False, "problem": dead.as_plain()}
            watch.signal(signal.SIGKILL)
            self._send(endings.with_output(answer, watch.output))
        finally:
            watch.kill()
            processes.sweep()
            for descriptor in (channel, printed, crash):
                os.close(descriptor)
        self._workplace.restore()

    def _send(self, answer: dict[str, Any]) -> None:
        wire.write(self._writer, wire.encode(self._nonce, answer))

    def _answer_here(self, request: dict[str, Any]) -> NoReturn:
        """Without fork: this process is the child. Its time is kept by faulthandler's own thread, which ends it."""
        import faulthandler

        context = self._workplace.ready(request.get("device") or "cpu")
        bounds = limits.Limits(**(request.get("limits") or {}))
        crash = os.open(self._workplace.folder / "crash", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        faulthandler.dump_traceback_later(bounds.time, exit=True, file=crash)
        answer = child.perform(request, context, self._workplace.folder, crash)
        faulthandler.cancel_dump_traceback_later()
        self._send(answer)
        raise MainGone

    def _parent_died(self, _: int, __: FrameType | None) -> None:
        """The thread that started us has ended: with its process, if the pipe says so too."""
        poller = select.poll()
        poller.register(self._reader, 0)
        if poller.poll(0):
            self._end()

    def _end(self) -> NoReturn:
        with contextlib.suppress(Exception):
            processes.sweep()
        if self._forks:  # else the next process goes on in the same folder
            with contextlib.suppress(Exception):
                self._workplace.remove()
        os._exit(0)


def _text(descriptor: int) -> str:
    return os.pread(descriptor, 1 << 16, 0).decode(errors="replace")
