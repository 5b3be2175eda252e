"""Several processes that train one model: joining them, what they tell each other, and how one's failure is told."""

from __future__ import annotations

import atexit
import datetime
import logging
import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import distributed

from .device import choose_device
from .errors import OtherRankFailed, SettingError
from .exchange import broadcast_value, gather_values, gather_values_on_main
from .launch import Launch, read_launch

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

logger = logging.getLogger("trainergen")

T = TypeVar("T")

_FAILURE = "failure"
_ENDED = "ended"
_REST = 0.1
"""Seconds that gloo's threads have to let go of the last tensors."""
_joined: Distribution | None = None


class Distribution:
    """The processes (ranks) of one run, seen from one of them. Every method is called by all ranks, in one order.

    What travels here is small and on the CPU, through gloo, so that no GPU is waited for.

    Args:
        launch: which of them this is.
        store: where a rank that fails leaves word; None where somebody else has joined the processes.
    """

    def __init__(self, launch: Launch, store: Store | None) -> None:
        self.rank = launch.rank
        self.world_size = launch.world_size
        self.local_rank = launch.local_rank
        self._store = store
        gloo = distributed.get_backend() == "gloo"
        self._control = None if gloo else distributed.new_group(backend="gloo")

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0: the one that writes."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The device that `name` asks for on this rank: with CUDA each has one of its own.

        Raises:
            ValueError: not available here, or one GPU for all ranks (a SettingError).
        """
        found = choose_device(name)
        if found.type != "cuda":
            return found
        if found.index is not None:
            raise SettingError(
                "device", f"{name!r} is one GPU for {self.world_size} ranks: say cuda, each takes its own"
            )
        own = choose_device(f"cuda:{self.local_rank}")
        torch.cuda.set_device(own)
        return own

    def total(self, *values: float) -> list[float]:
        """The sum over all ranks of each value, in double precision."""
        numbers = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(numbers, group=self._control)
        return cast("list[float]", numbers.tolist())

    def total_on_device(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over all ranks of a tensor, which stays where it is: nothing waits for the device."""
        summed = value.detach().clone()
        distributed.all_reduce(summed)
        return summed

    def any(self, flag: bool) -> bool:
        """Whether it is true on a rank."""
        return self.total(float(flag))[0] > 0

    def gather(self, value: T) -> list[T]:
        """The value of each rank, on every rank."""
        return gather_values(value, self._control)

    def gather_on_main(self, value: T) -> list[T] | None:
        """The value of each rank, on rank 0; None elsewhere."""
        return gather_values_on_main(value, self._control)

    def on_main(self, action: Callable[[], T]) -> T:
        """Do `action` on rank 0 alone; its result, on every rank, when it is done.

        Raises:
            OtherRankFailed: it raised there; rank 0 raises what it was.
        """
        answer: list[Any] = [None, None]
        problem: Exception | None = None
        if self.is_main:
            try:
                answer[0] = action()
            except Exception as caught:
                problem, answer[1] = caught, f"{type(caught).__name__}: {caught}"
        answer = broadcast_value(answer, self._control)
        if problem is not None:
            raise problem
        if answer[1] is not None:
            raise OtherRankFailed(f"rank 0 failed: {answer[1]}")
        return cast("T", answer[0])

    # ------------------------------------------------------------------ not all ranks call these

    def report_failure(self, problem: BaseException) -> None:
        """Leave word of what ended this rank, for the others to name: they only see that it is gone."""
        if self._store is not None:
            store, last = self._store, traceback.format_exception_only(problem)[0].strip()
            # the first to fail: what the others see then is that it is gone
            _quietly(lambda: store.compare_set(_FAILURE, "", f"rank {self.rank} failed: {last}"))

    def failure_elsewhere(self) -> str | None:
        """What another rank has left word of."""
        found: list[str] = []

        def look() -> None:
            if self._store is not None and self._store.check([_FAILURE]):
                found.append(self._store.get(_FAILURE).decode())

        _quietly(look)
        return found[0] if found else None

    def end_together(self, seconds: float = 20.0) -> None:
        """After an end that all ranks come to: wait until rank 0 has written how, for so long at most.

        A launcher kills the other ranks when one has exited.
        """
        if self._store is not None:
            store = self._store
            if self.is_main:
                _quietly(lambda: store.set(_ENDED, "1"))
            else:
                _quietly(lambda: store.wait([_ENDED], datetime.timedelta(seconds=seconds)))


def join_processes(device: str) -> Distribution | None:
    """Meet the other processes of this run, once a process; None where it runs alone.

    Args:
        device: the setting; with CUDA tensors travel through NCCL, else through gloo.

    Raises:
        RuntimeError: the environment is incomplete, or they can't be met.
    """
    global _joined  # noqa: PLW0603 - a process joins once, whatever it trains
    if _joined is not None:
        return _joined
    if distributed.is_available() and distributed.is_initialized():  # the user's own doing
        rank, local = distributed.get_rank(), os.environ.get("LOCAL_RANK")
        here = Launch(rank, distributed.get_world_size(), rank if local is None else int(local), "")
        if here.world_size > 1:
            _joined = Distribution(here, None)
            atexit.register(_let_go)
        return _joined
    launch = read_launch(os.environ)
    if launch is None:
        return None
    on_cuda = choose_device(device).type == "cuda"
    if on_cuda:
        torch.cuda.set_device(launch.local_rank)
    from torch.distributed.distributed_c10d import PrefixStore  # absent where torch is built without
    from torch.distributed.rendezvous import rendezvous

    shared, _, _ = next(rendezvous(launch.address, launch.rank, launch.world_size))
    # torchrun's store may outlive the processes that it starts again: those must not find what the former ones left
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = PrefixStore(f"trainergen/{attempt}/{launch.world_size}", shared)
    distributed.init_process_group(
        "nccl" if on_cuda else "gloo",
        store=PrefixStore("group", store),
        rank=launch.rank,
        world_size=launch.world_size,
    )
    _joined = Distribution(launch, store)
    if launch.rank > 0:
        logger.addFilter(_is_error)  # rank 0 says the rest
    atexit.register(_leave)
    return _joined


def rank_device(name: str) -> torch.device:
    """The device that `name` asks for, on this rank where there are several."""
    joined = join_processes(name)
    return choose_device(name) if joined is None else joined.device(name)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def _leave() -> None:
    """Leave the other processes; at exit, while the interpreter still lives."""
    if distributed.is_initialized():
        _quietly(distributed.destroy_process_group)
        _let_go()


def _let_go() -> None:
    """Have gloo's threads let go of the last tensors; at exit, also where somebody else has joined the processes.

    They may hold them for a moment more, and who holds a group (a device mesh does) keeps the threads alive. To free a
    tensor of Python's they take the GIL, and until Python 3.13 a thread that asks for it while the interpreter is being
    finalized is ended in a way that aborts the process: SIGABRT after a run that went well (pytorch/pytorch#179291).
    """
    time.sleep(_REST)  # without the GIL


def _quietly(action: Callable[[], object]) -> None:
    """Do what may fail because others are gone already: the run is over, and what ended it is being told."""
    try:
        action()
    except (RuntimeError, ValueError):
        logger.debug("another rank is gone", exc_info=True)
