"""One epoch's batches from a loader, in an order that a resumed run can take up again, also in the epoch's middle."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import torch

from .errors import CheckpointError
from .prefetch import Prefetch, with_what_is_told
from .rank_data import LoaderTurns
from .seeding import OwnRandomness, capture_random_state, preserved_random_state, restore_random_state
from .stateful import draws_in_workers, has_workers_that_stay, place_keeper, warn_of_workers_that_stay

logger = logging.getLogger("trainergen")

BatchT = TypeVar("BatchT")


class EpochFeed(Generic[BatchT]):
    """Gives out batches and remembers how many, and from which random state the epoch began.

    A resumed epoch is replayed from that state: hooks run, the loader is iterated anew, what was already trained on is
    thrown away; then the random state of the interruption is restored. So the order is the uninterrupted run's,
    whatever the number of workers. Where the loader has ``state_dict`` and ``load_state_dict``, or without workers its
    IterableDataset has, it is set to its place instead, and nothing is loaded twice. Not so for a loader whose order
    depends on anything but its own ``generator``, those of torch, NumPy and Python, and such a state; nor for what is
    remembered or drawn inside ``persistent_workers``, which resuming warns of.

    Args:
        loader: any iterable of batches.
        place: brings a batch to `device`; for prefetching.
        device: where to.
        ahead: batches that a thread has moved there before they are asked for; 0 for none. Without loader workers the
            batches are loaded that much earlier too, with random numbers of the loader's own.

    Attributes:
        taken: batches of this epoch that were given out, in whichever session.
        waited: seconds that the epoch's last session waited for batches, its start and its end included.
    """

    def __init__(
        self,
        loader: Iterable[BatchT],
        place: Callable[[BatchT], BatchT] | None = None,
        device: torch.device | None = None,
        ahead: int = 0,
    ) -> None:
        self.loader = loader
        self.taken = 0
        self.waited = 0.0
        self._move = place
        self._device = device
        self._ahead = ahead if place is not None and device is not None else 0
        self._keeper = place_keeper(loader)
        self._prefetch: Prefetch[BatchT] | None = None
        self._random = OwnRandomness()  # the loader's, where it is ahead of the training in the same process
        self._place: dict[str, Any] | None = None  # the loader's between two epochs; None for a loader as it was built
        self._is_restored = False
        self._start: dict[str, Any] | None = None
        self._replay: dict[str, Any] | None = None
        self._began = self._ended = 0.0

    def begin_epoch(self) -> None:
        """Remember the random state from which this epoch starts, before any hook draws from it."""
        self._start = {"random": capture_random_state(), "generators": self._generator_states(), "place": self._place}

    def batches(self, epoch: int) -> Iterator[BatchT]:
        """The batches of `epoch` (counted from 0), each once; those before the resumed position are passed over.

        Raises:
            CheckpointError: there are fewer than had been taken.
        """
        replay, self._replay = self._replay, None
        self._announce(epoch)
        self.taken, self.waited, self._ended = 0, 0.0, 0.0
        self._began = mark = time.perf_counter()
        batches = self._open(epoch, replay)
        if replay is not None:  # going there is no part of this session's epoch
            self._began = mark = time.perf_counter()
        try:
            for batch in batches:
                self.waited += time.perf_counter() - mark
                self.taken += 1
                yield batch
                mark = time.perf_counter()
            self.waited += time.perf_counter() - mark
            self._conclude(is_spent=True)
        finally:  # also where an exception in a step drops this generator
            self.close()

    @property
    def resumes_inside(self) -> bool:
        """Whether the next epoch is one that was begun already."""
        return self._replay is not None

    @property
    def seconds(self) -> float:
        """Of the present epoch's training in this session, else of the last one's; 0 before the first."""
        return (self._ended or time.perf_counter()) - self._began if self._began else 0.0

    @property
    def wait_share(self) -> float | None:
        """Of `seconds` the share, 0 to 1, that was spent waiting for batches; None before the first epoch."""
        seconds = self.seconds
        return min(1.0, self.waited / seconds) if seconds > 0 else None

    def state_dict(self) -> dict[str, Any]:
        """The position: at an epoch's boundary the loader's generators and place, inside an epoch also its beginning.

        Raises:
            CheckpointError: the loader's own state is made of what a checkpoint can't hold.
        """
        if self.taken == 0:
            return {"taken": 0, "generators": self._generator_states(), "place": self._place}
        state = {"taken": self.taken, "start": self._start, "random": capture_random_state()}
        return state | (self._prefetch.told if self._prefetch is not None else self._whereabouts())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`; what of the loader can't be resumed is warned of."""
        start = state["start"] if state["taken"] else state
        self._set_generators(start["generators"])
        self._place, self._is_restored = start.get("place"), True  # absent in checkpoints of earlier versions
        self._replay = state if state["taken"] else None
        warn_of_workers_that_stay(self.loader)
        if self._place is not None and self._keeper is None:
            logger.warning("the checkpoint has a place in the data, which this loader can't be set to: was it changed?")

    def finish(self) -> None:
        """The epoch is over, also where it was left early."""
        if self.taken:
            self._conclude(is_spent=False)
        self.close()

    def close(self) -> None:
        """End the thread that moves batches, if there is one."""
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None

    def _announce(self, epoch: int) -> None:
        for part in (
            self.loader,
            *(getattr(self.loader, name, None) for name in ("dataset", "sampler", "batch_sampler")),
        ):
            if callable(getattr(part, "set_epoch", None)):
                part.set_epoch(epoch)  # type: ignore[union-attr]

    def _open(self, epoch: int, replay: dict[str, Any] | None) -> Iterator[BatchT]:
        """The loader's iterator, at its place in the epoch, with the random state that belongs there."""
        inside = replay is not None and self._keeper is not None and replay.get("place") is not None
        self._random.load_state_dict(replay.get("loader_random") if replay is not None and inside else None)
        if replay is not None and inside:
            self._set_place(replay["place"])
            if isinstance(self.loader, LoaderTurns):
                self.loader.given = replay["taken"]
        elif self._is_restored and self._place is not None:
            self._set_place(self._place)
        if self._is_restored and self._has_drawn_before(epoch, replay):
            generators = self._generator_states()
            with preserved_random_state():
                iter(self.loader)
            self._set_generators(generators)
        batches = iter(self.loader)
        if self._is_restored and self._place is not None and replay is None:
            batches = self._anew_if_spent(batches)
        self._is_restored = False
        loads = draws_in_workers(self.loader)
        items: Iterator[Any] = batches
        if self._ahead:
            items = with_what_is_told(batches, self._random, self._whereabouts, apart=not loads)
        if replay is not None:
            if inside:
                self.taken = replay["taken"]
            else:
                self._pass_over(items, replay["taken"], epoch)
            restore_random_state(replay["random"])
        if not self._ahead or self._move is None or self._device is None:
            return items
        self._prefetch = Prefetch(items, self._move, self._device, self._ahead, loads=loads)
        return self._prefetch

    def _set_place(self, place: dict[str, Any]) -> None:
        if self._keeper is not None:
            self._keeper.set(place)

    def _has_drawn_before(self, epoch: int, replay: dict[str, Any] | None) -> bool:
        """Whether the loader draws a seed now that an uninterrupted run does not draw in this epoch."""
        at_boundary = replay is None and self._place is not None
        opens_twice = at_boundary and self._keeper is not None and self._keeper.opens_twice
        return opens_twice or (epoch > 0 and has_workers_that_stay(self.loader))  # those were seeded in the first

    def _pass_over(self, items: Iterator[Any], count: int, epoch: int) -> None:
        for _ in items:
            self.taken += 1
            if self.taken == count:
                return
        where = f"batch {count} of epoch {epoch + 1}, but the loader gave {self.taken}"
        advice = "resume with the data that it was, or from a checkpoint at an epoch's end"
        raise CheckpointError(f"the checkpoint is at {where}: {advice}")

    def _anew_if_spent(self, batches: Iterator[BatchT]) -> Iterator[BatchT]:
        """An epoch for a loader that, set to the place after its last batch, would give an empty one."""
        is_spent = True
        for batch in batches:
            is_spent = False
            yield batch
        if is_spent:
            yield from self.loader

    def _whereabouts(self) -> dict[str, Any]:
        if self._keeper is None or not self._keeper.inside:
            return {}
        return {"place": self._keeper.read(), "loader_random": self._random.state_dict()}

    def _conclude(self, *, is_spent: bool) -> None:
        if self._keeper is not None:
            if self._keeper.is_loader:  # one that is left early is begun anew
                self._place = self._keeper.read() if is_spent else None
            elif self._prefetch is not None and self._keeper.inside and not is_spent:
                self._place = self._prefetch.told.get("place")
            else:
                self._place = self._keeper.read()
        self._ended = time.perf_counter()
        self.taken = 0

    def _generators(self) -> list[torch.Generator]:
        holders = [self.loader, getattr(self.loader, "sampler", None), getattr(self.loader, "batch_sampler", None)]
        holders.append(getattr(holders[2], "sampler", None))
        found: list[torch.Generator] = []
        for holder in holders:
            generator = getattr(holder, "generator", None)
            if isinstance(generator, torch.Generator) and all(generator is not other for other in found):
                found.append(generator)
        return found

    def _generator_states(self) -> list[torch.Tensor]:
        return [generator.get_state() for generator in self._generators()]

    def _set_generators(self, states: list[torch.Tensor]) -> None:
        for generator, state in zip(self._generators(), states, strict=True):
            generator.set_state(state)
