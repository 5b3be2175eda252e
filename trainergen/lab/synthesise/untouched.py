"""A forward that leaves no trace and ends: state, random numbers and prints are brought back, an alarm stops a loop."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ..snapshot import Snapshot

_SECONDS = 15.0
"""A forward that takes longer is given up: it loops, or no search over it would end. Far above what a proof allows."""

_MOST_KEPT = 10**8
"""Parameters are copied once a search up to this many: a larger model that moves its own weights in forward is rare."""


class TooLong(BaseException):
    """Raised by the alarm in a forward that does not end; no ``except Exception`` of the model stops it."""


@contextlib.contextmanager
def kept_parameters(model: nn.Module) -> Iterator[None]:
    """Parameters that forward changes by itself (a momentum encoder, clipped weights) are put back afterwards."""
    found = [each for each in model.parameters() if not nn.parameter.is_lazy(each)]
    if sum(each.numel() for each in found) > _MOST_KEPT:
        yield
        return
    kept = [(each, each._version, each.detach().clone()) for each in found]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, version, value in kept:
                if parameter._version != version:
                    parameter.copy_(value)


class Stage:
    """A model as it is now, brought back to that after every run: buffers, attributes, modes, random states.

    What is kept is looked up once, however many runs follow: of a small model's run that takes as long as its forward.

    Args:
        model: kept as it is.
    """

    def __init__(self, model: nn.Module) -> None:
        self._snapshot = Snapshot(model, torch.device("cpu"))
        self._kept = [_state(module) for module in model.modules()]

    @contextlib.contextmanager
    def run(self, seed: int) -> Iterator[None]:
        """Inside, anything may be changed and printed; afterwards nothing was. `seed`: of torch's random numbers."""
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` also looks for accelerators, and takes ms
        try:
            with (
                contextlib.redirect_stdout(_Nowhere()),
                contextlib.redirect_stderr(_Nowhere()),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")
                yield
        finally:
            self._restore()

    def _restore(self) -> None:
        for module, attributes, contents in self._kept:
            vars(module).clear()
            vars(module).update(attributes)
            for container, content in contents:
                if not container and not content:
                    continue  # a dozen dicts of hooks in every module
                if isinstance(container, dict):
                    container.clear()
                    container.update(content)
                else:
                    container[:] = content
        self._snapshot.restore()


def _state(module: nn.Module) -> tuple[nn.Module, dict[str, Any], list[tuple[Any, Any]]]:
    """The module's attributes, and what its dicts and lists hold: parameters, buffers, a cache that forward fills."""
    attributes = vars(module).copy()
    kept = [(each, each.copy()) for each in attributes.values() if (kind := type(each)) is dict or kind is list]
    return module, attributes, kept


class _Nowhere(io.TextIOBase):
    """Takes what is printed."""

    def write(self, text: str) -> int:
        """Count and forget."""
        return len(text)


@contextlib.contextmanager
def bounded(seconds: float | None = None) -> Iterator[None]:
    """An alarm after so many seconds, again and again: a loop may catch the first. Only where signals can be had."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    seconds = _SECONDS if seconds is None else seconds

    def stop(_: int, __: Any) -> None:
        raise TooLong(f"forward did not end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
