"""Waits for a forked child: its answer, what it prints, its end, its time, and the main process's going."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import Any

from . import wire

_OUTPUT_KEPT = 16_384  # bytes of what a child prints
_GRACE = 0.5  # seconds that faulthandler has to say where a child hangs


class MainGone(Exception):
    """The main process has ended, or has closed its end."""


class Watch:
    """Waits on everything that a child can do: answer, print, end; and on main's going."""

    def __init__(self, pid: int, channel: int, printed: int, reader: int, nonce: bytes) -> None:
        self._pid = pid
        self._channel = channel
        self._printed = printed
        self._reader = reader
        self._frames = wire.FrameBuffer(nonce)
        self._output = b""
        self.status: int | None = None
        self._poller = select.poll()
        self._poller.register(channel, select.POLLIN)
        self._poller.register(printed, select.POLLIN)
        self._poller.register(reader, 0)
        self._process = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        if self._process is not None:
            self._poller.register(self._process, select.POLLIN)
        os.set_blocking(channel, False)
        os.set_blocking(printed, False)

    @property
    def output(self) -> str:
        """The end of what the child printed."""
        return self._output.decode(errors="replace")

    def until(self, deadline: float) -> dict[str, Any] | None:
        """The child's answer; None where it ended without one (`status` is set then) or the time was over.

        Raises:
            MainGone: nobody waits for the answer.
        """
        slice_ = 3600.0 if self._process is not None else 0.02  # no pidfd: ask again and again
        while (left := deadline - time.monotonic()) > 0:
            events = dict(self._poller.poll(max(1, int(min(left, slice_) * 1000))))
            if events.get(self._reader, 0) & (select.POLLHUP | select.POLLERR):
                raise MainGone
            if self._printed in events:
                self._read_output()
            if self._channel in events and (answer := self._read_answer()) is not None:
                return answer
            if self._process in events or self._process is None:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    self.status = status
                    self._read_output()
                    return self._read_answer()
        return None

    def ask_where(self, crash: int) -> None:
        """Have the hanging child's faulthandler write its stacks to `crash`, also out of a C loop; wait a moment."""
        self.signal(signal.SIGUSR1)
        deadline = time.monotonic() + _GRACE
        size = -1
        while time.monotonic() < deadline:
            time.sleep(0.02)
            now = os.fstat(crash).st_size
            if now and now == size:
                return
            size = now

    def signal(self, number: int) -> None:
        """Send the child a signal, if it has not ended."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def kill(self) -> None:
        """End the child, if it has not ended, and take its status."""
        self.signal(signal.SIGKILL)
        if self.status is None:
            _, self.status = os.waitpid(self._pid, 0)
        self._read_output()
        if self._process is not None:
            os.close(self._process)
            self._process = None

    def _read_answer(self) -> dict[str, Any] | None:
        while data := _read(self._channel):
            self._frames.feed(data)
        if data is not None:  # b"": closed by the child; what is there is all there will be
            with contextlib.suppress(KeyError):
                self._poller.unregister(self._channel)
        answer = self._frames.take()
        assert answer is None or isinstance(answer, dict)
        return answer

    def _read_output(self) -> None:
        while data := _read(self._printed):
            self._output = (self._output + data)[-_OUTPUT_KEPT:]
            if len(data) < 1 << 16:
                return
        if data is not None:
            with contextlib.suppress(KeyError):
                self._poller.unregister(self._printed)


def _read(descriptor: int) -> bytes | None:
    """What is there, b"" at the end, None where nothing is there yet."""
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return None
