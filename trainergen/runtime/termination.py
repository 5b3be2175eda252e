"""SIGTERM, as schedulers and containers send it before they kill: the run ends at its next step, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Termination:
    """Whether somebody asked this process to end.

    Args:
        alone: whether this is the run's only process; else all have to agree on where to end.

    Attributes:
        requested: looked at by the loop after each optimizer step; a flag, so that a step costs nothing more.
        asked: somebody asked this very process; where it is alone, that is a request.
    """

    def __init__(self, *, alone: bool = True) -> None:
        self.requested = False
        self.asked = False
        self._alone = alone

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGTERM sets the flag for as long; a second one does what it did before.

        Elsewhere than in the main thread Python takes no signal handlers, and nothing is listened for.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGTERM)

        def request(_: int, __: FrameType | None) -> None:
            self.asked = True
            self.requested = self._alone
            signal.signal(signal.SIGTERM, before)

        signal.signal(signal.SIGTERM, request)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
