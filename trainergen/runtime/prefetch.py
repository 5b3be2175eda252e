"""Batches on the device before they are asked for: a thread moves the next ones while the last one is trained on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import torch

from .device import move_batch, tensors_in
from .seeding import OwnRandomness
from .stateful import draws_in_workers

logger = logging.getLogger("trainergen")

BatchT = TypeVar("BatchT")
Item = tuple[BatchT, Any]
"""A batch, and what is told of it: the loader's place after it."""

PATIENCE = 10.0
"""Seconds that `Prefetch.close` waits for a loader that gives nothing, before it leaves the thread to end by itself."""


class Prefetch(Generic[BatchT]):
    """An iterator of moved batches, in the order and number of `items`; errors come where the batch would have.

    Args:
        items: batches, each with what is told of it.
        place: brings a batch to `device`.
        device: on CUDA the copies go through pinned memory and a stream of their own, beside the computation.
        ahead: batches that are moved, or being moved, before they are asked for.
        loads: whether the thread also takes the batches from `items`; else that is done here, `ahead` batches early,
            for what draws random numbers must not do so beside the training: all threads share the generators.

    Attributes:
        told: what was told of the batch that was given out last.
    """

    def __init__(
        self,
        items: Iterator[Item[BatchT]],
        place: Callable[[BatchT], BatchT],
        device: torch.device,
        ahead: int,
        *,
        loads: bool,
    ) -> None:
        self.told: Any = None
        self._items = items
        self._transfer = Transfer(place, device)
        self._ahead = ahead
        self._loads = loads
        self._waiting = 0  # taken from `items`, or asked of the thread, and not given out
        self._asked: SimpleQueue[Item[BatchT] | BaseException | None] = SimpleQueue()
        self._ready: SimpleQueue[tuple[BatchT, Any, Any] | BaseException] = SimpleQueue()
        self._ended = self._closed = False
        # a daemon: a loader that hangs must not keep the process from ending
        self._thread = threading.Thread(target=self._run, name="trainergen-prefetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[BatchT]:
        return self

    def __next__(self) -> BatchT:
        if self._closed:
            raise StopIteration
        while not self._ended and self._waiting <= self._ahead:
            self._waiting += 1
            self._asked.put(None if self._loads else self._load())
        found = self._ready.get()
        self._waiting -= 1
        if isinstance(found, BaseException):
            self.close()
            raise found
        batch, event, self.told = found
        return self._transfer.receive(batch, event)

    def close(self) -> None:
        """End the thread, which is done with the batch that it has at hand; may be called again."""
        if self._closed:
            return
        self._closed = True
        self._asked.put(StopIteration())
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            logger.warning("the loader has given nothing for %g s: its thread is left to itself", PATIENCE)

    def _load(self) -> Item[BatchT] | BaseException:
        try:
            return next(self._items)
        except Exception as problem:  # StopIteration too: it comes after the batches that are on their way
            self._ended = True
            return problem

    def _run(self) -> None:
        try:
            while not self._closed:
                item = self._asked.get()
                if item is None:
                    item = self._load()
                if isinstance(item, BaseException):
                    self._ready.put(item)
                    return
                self._ready.put((*self._transfer.send(item[0]), item[1]))
                del item  # not held while the next one is awaited
        except BaseException as problem:  # whatever it is: the trainer waits for it
            self._ended = True
            self._ready.put(problem)


def with_what_is_told(
    batches: Iterator[BatchT], random: OwnRandomness, tell: Callable[[], Any], *, apart: bool
) -> Iterator[Item[BatchT]]:
    """Each batch, with what is told after it, for a `Prefetch`.

    Args:
        batches: of a loader.
        random: the loader's own random numbers, where it draws in this process: the first batch is drawn as without
            prefetching, and with it, as a rule, the epoch's order; those after it are drawn early, and so from these.
        tell: the loader's place, say.
        apart: whether the loader draws in this process.
    """
    while True:
        with random.drawing() if random.has_begun else nullcontext():
            try:
                batch = next(batches)
            except StopIteration:
                return
        if apart and not random.has_begun:
            random.begin()
        yield batch, tell()


@contextmanager
def moved_ahead(
    loader: Iterable[BatchT], place: Callable[[BatchT], BatchT], device: torch.device, ahead: int
) -> Iterator[Iterable[BatchT]]:
    """The batches of `loader`, moved before they are asked for where `ahead` is not 0; for an evaluation.

    Nothing of the loader's place is kept: an evaluation that was interrupted is begun anew.

    Args:
        loader: any iterable of batches, gone through once.
        place: brings a batch to `device`.
        device: where to.
        ahead: as `Prefetch` has it; 0 leaves the loader as it is.
    """
    if not ahead:
        yield loader
        return
    loads = draws_in_workers(loader)
    items = with_what_is_told(iter(loader), OwnRandomness(), lambda: None, apart=not loads)
    batches = Prefetch(items, place, device, ahead, loads=loads)
    try:
        yield batches
    finally:
        batches.close()


class Transfer(Generic[BatchT]):
    """Brings batches to a device in one thread, for computation in another.

    Args:
        place: brings a batch to `device`, without waiting.
        device: only on CUDA there is more to do than that.
    """

    def __init__(self, place: Callable[[BatchT], BatchT], device: torch.device) -> None:
        self._place = place
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def send(self, batch: BatchT) -> tuple[BatchT, torch.cuda.Event | None]:
        """Start to move `batch`; the event that tells when it has arrived."""
        if self._stream is None:
            return self._place(batch), None
        with torch.cuda.stream(self._stream):
            if all(tensor.device.type == "cpu" for tensor in tensors_in(batch)):
                batch = move_batch(batch, torch.device("cpu"), _pinned)
            else:  # the loader computes there, on the device's usual stream
                self._stream.wait_stream(torch.cuda.default_stream(self._device))
            moved = self._place(batch)
            return moved, self._stream.record_event()

    def receive(self, batch: BatchT, event: torch.cuda.Event | None) -> BatchT:
        """`batch` for the present stream, which waits for its arrival; the host does not."""
        if event is not None:
            present = torch.cuda.current_stream(self._device)
            present.wait_event(event)
            for tensor in tensors_in(batch):
                if tensor.is_cuda:
                    tensor.record_stream(present)  # its memory is not given to the next copy before it was used
        return batch


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.pin_memory() if tensor.layout is torch.strided else tensor
