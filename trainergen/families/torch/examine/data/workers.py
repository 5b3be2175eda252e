"""Whether worker processes draw the same random numbers, or read the same stream, with the loader's own settings."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from .....inspection.examination import Examined, Finding, Trial
from .....lab.batch_form import live_leaves
from .....lab.frames import user_code
from .....lab.loaders import training_loader

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "comparing worker processes"
ORDER = 360
NEEDS = "loader"
GROUP = "workers"


class Draws(Dataset[list[float]]):
    """Gives, for each index, one draw of each generator that a data set may use."""

    def __len__(self) -> int:
        """Enough for every worker."""
        return 64

    def __getitem__(self, index: int) -> list[float]:
        """Draws of torch, Python and, where it is there, NumPy."""
        draws = [float(torch.rand(())), random.random()]  # noqa: S311 - it is these that are examined
        try:
            import numpy as np
        except ImportError:
            return draws
        return [*draws, float(np.random.rand())]


class SameIndex(Dataset[Any]):
    """Gives the same sample of another data set, whatever is asked for."""

    def __init__(self, dataset: Any, index: Any) -> None:
        self.dataset = dataset
        self.index = index

    def __len__(self) -> int:
        """One a worker."""
        return 2

    def __getitem__(self, _: int) -> Any:
        """The sample."""
        return self.dataset[self.index]


def examine(specimen: Specimen) -> Examined:
    """Two workers of the loader's own making, over data sets that show what they draw."""
    loader, _ = training_loader(specimen.request["loader"], specimen.context)
    if not isinstance(loader, DataLoader) or loader.num_workers == 0:
        trial = Trial("worker seeding", "not tried", "the loader has no worker processes")
        return Examined((), {"workers": 0}, (trial,))
    with user_code(specimen.context, "the loader's worker processes"):
        if isinstance(loader.dataset, IterableDataset):
            found, trials = _streams(loader)
        else:
            found, trials = _draws(loader)
    return Examined(tuple(found), {"workers": loader.num_workers}, tuple(trials))


def _remade(loader: DataLoader[Any], dataset: Any, **changes: Any) -> DataLoader[Any]:
    """The loader's settings that decide what its workers draw, on another data set."""
    settings: dict[str, Any] = {
        "batch_size": 1,
        "num_workers": 2,
        "worker_init_fn": loader.worker_init_fn,
        "generator": loader.generator,
        "multiprocessing_context": loader.multiprocessing_context,
        "collate_fn": _first,
    }
    return DataLoader(dataset, **(settings | changes))


def _first(samples: list[Any]) -> Any:
    return samples[0]


def _draws(loader: DataLoader[Any]) -> tuple[list[Finding], list[Trial]]:
    epochs = [[tuple(each) for each in _remade(loader, Draws())][:2] for _ in range(2)]
    same_numbers = [index for index, (one, other) in enumerate(zip(*epochs[0], strict=False)) if one == other]
    again = epochs[0] == epochs[1]
    trials = [
        Trial("random numbers of two workers", "differs" if same_numbers else "runs"),
        Trial("random numbers of two epochs", "differs" if again else "runs"),
    ]
    found = []
    augmented = _augmented(loader)
    if augmented is not None:
        trials.append(Trial("one sample from two workers", "differs" if augmented else "runs"))
    names = ("torch", "random", "numpy")
    if same_numbers or augmented:
        which = ", ".join(names[index] for index in same_numbers) or "the data set's own generator"
        evidence = f"two workers draw the same numbers ({which}): their augmentations are equal"
        advice = "seed by worker: torch.initial_seed() % 2**32 in worker_init_fn, not a constant; make an own generator there"
        found.append(
            Finding("workers.same", "fail", "worker seeding", evidence, advice, {"workers": loader.num_workers})
        )
    elif again:
        evidence = "every epoch draws the same numbers in its workers: the augmentation never changes"
        advice = "take the seed in worker_init_fn from torch.initial_seed(), which changes each epoch"
        found.append(Finding("workers.each-epoch", "warn", "worker seeding", evidence, advice))
    else:
        advice = "pass a seeded generator= as well, so that a run can be repeated"
        evidence = "two workers and two epochs draw different numbers"
        found.append(Finding("workers.seeded", "ok", "worker seeding", evidence, advice))
    return found, trials


def _augmented(loader: DataLoader[Any]) -> bool | None:
    """Whether a randomly augmented sample comes out the same from two workers; None where samples are not random."""
    index = next(iter(loader.sampler), 0)
    first, second = loader.dataset[index], loader.dataset[index]
    if _same(first, second):
        return None
    pair = list(_remade(loader, SameIndex(loader.dataset, index)))
    return _same(*pair) if len(pair) == 2 else None


def _streams(loader: DataLoader[Any]) -> tuple[list[Finding], list[Trial]]:
    """An iterable data set is copied to each worker: without a shard each gives everything."""
    iterator = iter(_remade(loader, loader.dataset, batch_size=1))
    pair = [each for each in (next(iterator, None), next(iterator, None)) if each is not None]
    del iterator
    same = len(pair) == 2 and _same(*pair)
    trial = Trial("first samples of two workers", "differs" if same else "runs")
    if same:
        evidence = "two workers begin with the same sample: each reads the whole stream"
        advice = "take every n-th sample by torch.utils.data.get_worker_info() in __iter__"
        numbers = {"workers": loader.num_workers}
        return [Finding("workers.duplicated", "fail", "worker stream", evidence, advice, numbers)], [trial]
    evidence = "two workers begin with different samples"
    return [Finding("workers.sharded", "ok", "worker stream", evidence, "keep the shard as it is")], [trial]


def _same(left: Any, right: Any) -> bool:
    ours = [leaf for _, leaf in live_leaves(left) if isinstance(leaf, torch.Tensor)]
    theirs = [leaf for _, leaf in live_leaves(right) if isinstance(leaf, torch.Tensor)]
    if not ours and not theirs:
        return bool(left == right)
    return len(ours) == len(theirs) and all(
        one.shape == other.shape and torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))
        for one, other in zip(ours, theirs, strict=True)
    )
