"""Which batches a rank trains on: of any loader, every rank takes its turn, and all take equally many."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar, cast

import torch
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data.distributed import DistributedSampler

from .schedulers import batches_an_epoch
from .seeding import preserved_random_state, seed_everything

T = TypeVar("T")


def share_loader(loader: Iterable[T], rank: int, world_size: int, seed: int) -> Iterable[T]:
    """`loader` for one of `world_size` ranks: its batches number rank, rank + W, ... of those that one process gets.

    So W ranks together take in a step what one process takes with W times the batch, each sample once an epoch. Where
    the last round is not full, the ranks left over are handed a batch that another has: it counts nothing, and keeps
    all in step.

    A map-style DataLoader loads only what is the rank's own: its samplers are asked under one seed of epoch and
    `seed`, so that all ranks divide the same order. Any other iterable (also one over an IterableDataset) is gone
    through whole by every rank, and has to give each the same batches. Left as they are: a loader with a
    DistributedSampler, and one that says ``trainergen_shared = True`` (itself, its data set or its sampler).
    """
    parts = [loader, *(getattr(loader, name, None) for name in ("dataset", "sampler", "batch_sampler"))]
    inner = getattr(parts[-1], "sampler", None)
    shares_itself = any(getattr(part, "trainergen_shared", False) for part in parts)
    if shares_itself or any(
        isinstance(part, (DistributedSampler, SamplerTurns, LoaderTurns)) for part in (*parts, inner)
    ):
        return loader
    if isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset):
        name = "sampler" if loader.batch_sampler is None else "batch_sampler"
        shared = copy.copy(loader)
        # past DataLoader.__setattr__, which refuses it: a new loader would have to be built with arguments that
        # a subclass may not take
        turns = SamplerTurns(getattr(loader, name), rank, world_size, seed)
        object.__setattr__(shared, name, turns)
        if rank > 0 and loader.generator is not None:  # else the workers of all ranks would have the same noise
            shared.generator = None
            turns.leave_seed_of_workers(loader.generator, once=loader.persistent_workers)
        return shared
    return LoaderTurns(loader, rank, world_size)


class SamplerTurns:
    """Every W-th item of a sampler (a batch of indices, or an index where the loader does not batch).

    Args:
        base: the sampler; gone through before the epoch where it has a length, else as it goes.
        rank: which items.
        world_size: how many take turns.
        seed: of the run; with the epoch it seeds what `base` draws.

    Attributes:
        repeated: number (counted from 1) of the item that only fills a gap in the epoch's last round; 0 for none.
    """

    def __init__(self, base: Iterable[Any], rank: int, world_size: int, seed: int) -> None:
        self.base = base
        self.sampler = getattr(base, "sampler", None)
        self.generator = getattr(base, "generator", None)
        self.repeated = 0
        self._rank, self._world_size, self._seed = rank, world_size, seed
        self._epoch = 0
        self._undrawn: torch.Generator | None = None
        self._undrawn_once = False

    def leave_seed_of_workers(self, generator: torch.Generator, *, once: bool) -> None:
        """Draw what rank 0's loader draws before the order: its workers' seed, each epoch or `once`."""
        self._undrawn, self._undrawn_once = generator, once

    def set_epoch(self, epoch: int) -> None:
        """Have the next order be that of `epoch`, counted from 0."""
        self._epoch = epoch
        for each in (self.base, self.sampler):
            if callable(getattr(each, "set_epoch", None)):
                each.set_epoch(epoch)  # type: ignore[union-attr]

    def __len__(self) -> int:
        return math.ceil(len(cast("Any", self.base)) / self._world_size)

    def __iter__(self) -> Iterator[Any]:
        if self._undrawn is not None:
            torch.empty((), dtype=torch.int64).random_(generator=self._undrawn)
            if self._undrawn_once:
                self._undrawn = None
        order = self.base
        if batches_an_epoch(self.base) is not None:
            with preserved_random_state():
                seed_everything(self._seed + self._epoch)
                order = list(self.base)
        yield from _take_turns(self, order, self._rank, self._world_size)


class LoaderTurns:
    """Every W-th batch of an iterable; everything else is the iterable's own.

    Args:
        loader: gives every rank the same batches.
        rank: which of them.
        world_size: how many take turns.

    Attributes:
        repeated: as in `SamplerTurns`.
        given: batches of this epoch that were given out before the next iteration, which goes on from there.
    """

    def __init__(self, loader: Iterable[Any], rank: int, world_size: int) -> None:
        self._loader = loader
        self._rank, self._world_size = rank, world_size
        self.repeated = self.given = 0

    def __len__(self) -> int:
        return math.ceil(len(cast("Any", self._loader)) / self._world_size)

    def __iter__(self) -> Iterator[Any]:
        given, self.given = self.given, 0
        return _take_turns(self, iter(self._loader), self._rank, self._world_size, given)  # what it draws, it draws now

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._loader, name)


def only_fills(loader: Iterable[Any], number: int) -> bool:
    """Whether batch `number` of this epoch (counted from 1) is another rank's, handed out to keep all in step."""
    parts = (loader, getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None))
    return any(isinstance(part, (SamplerTurns, LoaderTurns)) and part.repeated == number for part in parts)


def _take_turns(
    turns: SamplerTurns | LoaderTurns, items: Iterable[T], rank: int, world_size: int, number: int = 0
) -> Iterator[T]:
    turns.repeated = 0
    iterator = iter(items)
    while round_ := list(islice(iterator, world_size)):
        number += 1
        if rank >= len(round_):
            turns.repeated = number
        yield round_[min(rank, len(round_) - 1)]
