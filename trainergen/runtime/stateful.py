"""What of a loader knows its own place, itself or its data set, and how that place is read and set."""

from __future__ import annotations

import copy
import io
import logging
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from .errors import CheckpointError
from .rank_data import SamplerTurns

logger = logging.getLogger("trainergen")


class Stateful(Protocol):
    """What torchdata's convention asks of loaders and data sets that can be resumed."""

    def state_dict(self) -> dict[str, Any]:
        """The place after the last item that was given out: tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Have the next iteration go on from there."""


@dataclass
class PlaceKeeper:
    """The part of a loader that knows its place.

    Attributes:
        part: the loader, or its data set.
        inside: whether the part goes on in the middle of an epoch; else it is set to where the epoch began, and what
            was trained on is passed over (a map-style data set does not know what is sampled).
        is_loader: whether the part is the loader.
    """

    part: Stateful
    inside: bool
    is_loader: bool
    _was_tried: bool = False

    def read(self) -> dict[str, Any]:
        """The place now, as a copy.

        Raises:
            CheckpointError: it is made of what a checkpoint can't hold.
        """
        state = copy.deepcopy(self.part.state_dict())
        if not self._was_tried:  # once: with prefetching it is read with every batch
            self._try(state)
        return state

    def set(self, place: dict[str, Any]) -> None:
        """Go on from `place` in the next iteration."""
        self.part.load_state_dict(copy.deepcopy(place))

    @property
    def opens_twice(self) -> bool:
        """Whether a loader that is set to an epoch's end opens the old epoch before the next, as torchdata's does.

        That draws one seed more from the random numbers of the process than an uninterrupted run has drawn.
        """
        loader = getattr(self.part, "_loader", self.part)  # of LoaderTurns
        return self.is_loader and any(kind.__module__.startswith("torchdata.") for kind in type(loader).__mro__)

    def _try(self, state: dict[str, Any]) -> None:
        written = io.BytesIO()
        try:
            torch.save(state, written)
            written.seek(0)
            torch.load(written, weights_only=True)
        except (pickle.PickleError, RuntimeError, TypeError, AttributeError) as problem:
            name = type(self.part).__name__
            advice = "numbers, text, tensors, and lists and dicts of these can be saved"
            raise CheckpointError(f"{name}.state_dict() gives what a checkpoint can't hold: {advice}") from problem
        self._was_tried = True


def place_keeper(loader: Iterable[Any]) -> PlaceKeeper | None:
    """Who is asked for the place of `loader`: itself, else its data set where no worker process has a copy of it.

    None where neither has ``state_dict`` and ``load_state_dict``. With workers each epoch begins with new copies of the
    data set as it is here, so that going through the epoch again ends at the same place.
    """
    if _is_stateful(loader):
        return PlaceKeeper(loader, inside=True, is_loader=True)
    dataset = getattr(loader, "dataset", None)
    if getattr(loader, "num_workers", 0) == 0 and _is_stateful(dataset):
        return PlaceKeeper(dataset, inside=isinstance(dataset, IterableDataset), is_loader=False)
    return None


def has_workers_that_stay(loader: Iterable[Any]) -> bool:
    """Whether worker processes stay from epoch to epoch, and the loader does not know what is in them."""
    return bool(getattr(loader, "persistent_workers", False)) and not _is_stateful(loader)


def warn_of_workers_that_stay(loader: Iterable[Any]) -> None:
    """Say what can't be resumed: what worker processes have in them that stay from epoch to epoch."""
    if has_workers_that_stay(loader):
        dataset = type(getattr(loader, "dataset", None)).__name__
        logger.warning(
            "resumed with persistent_workers: they are new ones, and what %s remembers or draws inside of them is not "
            "what it would have been; for an exact resume set persistent_workers=False, or take a loader with "
            "state_dict",
            dataset,
        )


def draws_in_workers(loader: Iterable[Any]) -> bool:
    """Whether `loader`, once it is being iterated, draws random numbers in worker processes alone.

    So it is with a DataLoader that has workers and a sampler of torch's: those draw as the iteration begins.
    """
    if getattr(loader, "num_workers", 0) == 0:
        return False
    inner = getattr(loader, "_loader", loader)  # of LoaderTurns
    if not isinstance(inner, DataLoader):
        return False
    pending, known = [inner.batch_sampler, inner.sampler], True
    while pending:
        each = pending.pop()
        if each is not None:
            known &= isinstance(each, SamplerTurns) or type(each).__module__.partition(".")[0] in ("torch", "torchdata")
            pending += [getattr(each, "base", None), getattr(each, "sampler", None)]
    return known


def _is_stateful(part: object) -> TypeGuard[Stateful]:
    methods = (getattr(part, name, None) for name in ("state_dict", "load_state_dict"))
    return all(map(callable, methods)) and not isinstance(part, nn.Module)
