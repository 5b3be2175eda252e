"""A try in a forked child: what kills it, kills the child. The outcome comes back through a pipe."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
from collections.abc import Callable

from .attempt import Outcome

_SECONDS = 30.0


def forked(run: Callable[[], Outcome]) -> Outcome:
    """The outcome of `run` in a child of its own; an outcome that says so where the child died.

    The caller runs no torch operation that starts threads: a forked child would wait for them for ever.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            import torch

            torch.set_num_threads(1)
            os.setpgid(0, 0)
            data = pickle.dumps(run())
            with os.fdopen(writer, "wb") as stream:
                stream.write(data)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    deadline = time.monotonic() + _SECONDS
    data = _read(reader, deadline)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    try:
        outcome = pickle.loads(data)  # noqa: S301  written by our own child
    except Exception:
        outcome = None
    if isinstance(outcome, Outcome):
        return outcome
    how = (
        f"signal {os.WTERMSIG(status)}"
        if os.WIFSIGNALED(status)
        else f"exit status {os.waitstatus_to_exitcode(status)}"
    )
    return Outcome(0, error=f"the process ended: {how}", site="the process ended", fatal=time.monotonic() >= deadline)


def _read(descriptor: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([stream], [], [], left)
            if not ready:
                break
            part = stream.read(1 << 16)
            if not part:
                break
            parts.append(part)
    return b"".join(parts)
