"""One epoch's batches from a loader, in an order that a resumed run can take up again, also in the epoch's middle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import torch

from .errors import CheckpointError
from .seeding import capture_random_state, restore_random_state

BatchT = TypeVar("BatchT")


class EpochFeed(Generic[BatchT]):
    """Gives out batches and remembers how many, and from which random state the epoch began.

    A resumed epoch is replayed from that state: hooks run, the loader is iterated anew, what was already trained on is
    thrown away; then the random state of the interruption is restored. So the order is the uninterrupted run's,
    whatever the number of workers. Not so for a loader whose order depends on anything but its own ``generator`` and
    those of torch, NumPy and Python, nor for random numbers drawn inside ``persistent_workers``.

    Args:
        loader: any iterable of batches.
    """

    def __init__(self, loader: Iterable[BatchT]) -> None:
        self.loader = loader
        self.taken = 0
        self._start: dict[str, Any] | None = None
        self._replay: dict[str, Any] | None = None

    def begin_epoch(self) -> None:
        """Remember the random state from which this epoch starts, before any hook draws from it."""
        self._start = {"random": capture_random_state(), "generators": self._generator_states()}

    def batches(self, epoch: int) -> Iterator[BatchT]:
        """The batches of `epoch` (counted from 0), each once; those before the resumed position are passed over.

        Raises:
            CheckpointError: there are fewer than had been taken.
        """
        replay, self._replay = self._replay, None
        for sampler in (getattr(self.loader, "sampler", None), getattr(self.loader, "batch_sampler", None)):
            if callable(getattr(sampler, "set_epoch", None)):
                sampler.set_epoch(epoch)  # type: ignore[union-attr]
        self.taken = 0
        batches = iter(self.loader)
        if replay is not None:
            for _ in batches:
                self.taken += 1
                if self.taken == replay["taken"]:
                    break
            if self.taken < replay["taken"]:
                where = f"batch {replay['taken']} of epoch {epoch + 1}, but the loader gave {self.taken}"
                advice = "resume with the data that it was, or from a checkpoint at an epoch's end"
                raise CheckpointError(f"the checkpoint is at {where}: {advice}")
            restore_random_state(replay["random"])
        for batch in batches:
            self.taken += 1
            yield batch
        self.taken = 0

    @property
    def resumes_inside(self) -> bool:
        """Whether the next epoch is one that was begun already."""
        return self._replay is not None

    def state_dict(self) -> dict[str, Any]:
        """The position: at an epoch's boundary the loader's generators, inside an epoch also where it began."""
        if self.taken == 0:
            return {"taken": 0, "generators": self._generator_states()}
        return {"taken": self.taken, "start": self._start, "random": capture_random_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        if state["taken"] == 0:
            self._set_generators(state["generators"])
        else:
            self._set_generators(state["start"]["generators"])
            self._replay = state

    def finish(self) -> None:
        """The epoch is over, also where it was left early."""
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
