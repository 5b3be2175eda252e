"""One try of a constructor: seeded, bounded in time and size, cut off from the network; whatever it does, it ends here."""

from __future__ import annotations

import contextlib
import signal
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ...runtime.probes.walk import seed_everything
from .downloads import cut_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 20.0
"""A constructor that takes longer hangs: the largest that fit `LARGEST` take a few. It ends a try, never decides between two."""

LARGEST = 400_000_000
"""Parameters that a model may register where no smaller one can be made, those that it drops again included: 1.6 GB."""


class TooLarge(BaseException):
    """A model under construction went past the number of parameters allowed; no ``Exception``, so that nobody catches it."""


class TookTooLong(BaseException):
    """A try went past its time."""


@dataclass(frozen=True)
class Outcome:
    """What came of a try: the model, or what was raised, and the downloads that were begun."""

    model: nn.Module | None
    error: BaseException | None = None
    downloads: tuple[str, ...] = ()


class NotAModule(TypeError):
    """The factory returned something else."""


def attempt(make: Callable[[], Any], *, seed: int, largest: int = LARGEST, seconds: float = SECONDS) -> Outcome:
    """Call `make` once.

    Args:
        make: builds the model; may raise, exit, hang or download.
        seed: as `seed_everything`, before the call.
        largest: parameters allowed.
        seconds: wall clock allowed; held to on the main thread of Unix only.
    """
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    tried: list[str] = []
    try:
        with cut_off() as tried, _bounded(seconds), _counted(largest), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seed_everything(seed)
            made = make()
        if not isinstance(made, nn.Module):
            raise NotAModule(f"returned {type(made).__name__}, not an nn.Module")
        return Outcome(made, downloads=tuple(tried))
    except BaseException as error:  # sys.exit and KeyboardInterrupt of user code end a try, not the search
        return Outcome(None, error, tuple(tried))
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)


@contextlib.contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> NoReturn:
        raise TookTooLong(f"still constructing after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _counted(largest: int) -> Iterator[None]:
    """Parameters are counted as modules register them: before they are initialised, which is what takes the time."""
    count = 0

    def registered(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal count
        if parameter is not None and not nn.parameter.is_lazy(parameter):
            count += parameter.numel()
            if count > largest:
                raise TooLarge(f"more than {largest:,} parameters")

    handle = register_module_parameter_registration_hook(registered)
    try:
        yield
    finally:
        handle.remove()
