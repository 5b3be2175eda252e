"""The last batch of an epoch: how many samples it has, and whether training would feed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from .....inspection.examination import Examined, Finding
from .....lab.loaders import training_loader
from ...measure_model import has_batch_norm

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "looking at the last batch"
ORDER = 340
NEEDS = "loader"
GROUP = "data"


def examine(specimen: Specimen) -> Examined:
    """From the loader's own sizes where it is a DataLoader over a sized data set; nothing is read."""
    loader, _ = training_loader(specimen.request["loader"], specimen.context)
    found: list[Finding] = []
    facts: dict[str, Any] = {"type": type(loader).__name__}
    if isinstance(loader, DataLoader):
        found += _shuffles(loader)
        sizes = _sizes(loader)
        if sizes is not None:
            samples, size, drops = sizes
            facts |= {"samples": samples, "batch_size": size, "drop_last": drops}
            found.append(_judge(samples, size, drops, has_batch_norm(specimen.build())))
    return Examined(tuple(found), facts)


def _sizes(loader: DataLoader[Any]) -> tuple[int, int, bool] | None:
    """Samples of an epoch, the batch size, and whether a short last batch is dropped."""
    sampler = loader.batch_sampler
    if isinstance(loader.dataset, IterableDataset) or type(sampler) is not BatchSampler:
        return None
    try:
        samples = len(sampler.sampler)  # type: ignore[arg-type]
    except TypeError:
        return None
    return samples, int(sampler.batch_size), bool(sampler.drop_last)


def _judge(samples: int, size: int, drops: bool, norm: bool) -> Finding:
    rest = samples % size
    numbers = {"samples": samples, "batch_size": size, "last": rest or size, "drop_last": drops}
    if drops and rest:
        evidence = f"drop_last leaves out {rest} of {samples} samples ({rest / samples:.1%}) each epoch"
        advice = "keep shuffling on, so that it is another rest each time; never drop in validation"
        severity = "warn" if rest / samples > 0.1 else "ok"
        return Finding("data.dropped", severity, "last batch", evidence, advice, numbers)  # type: ignore[arg-type]
    if rest == 1 and norm:
        evidence = f"{samples} samples in batches of {size}: the last has 1, and the model has BatchNorm"
        advice = "set drop_last=True in the training loader: BatchNorm raises on one sample"
        return Finding("data.last-batch", "fail", "last batch", evidence, advice, numbers)
    if rest and rest < size / 4:
        evidence = f"{samples} samples in batches of {size}: the last has {rest}"
        advice = "weigh metrics by samples, not by batches; drop_last=True in training takes its noise away"
        return Finding("data.last-batch", "note", "last batch", evidence, advice, numbers)
    evidence = f"{samples} samples in batches of {size}" + (f", the last has {rest}" if rest else ", without a rest")
    return Finding("data.last-batch", "ok", "last batch", evidence, "keep the batch size, or another divisor", numbers)


def _shuffles(loader: DataLoader[Any]) -> list[Finding]:
    if isinstance(loader.dataset, IterableDataset) or not isinstance(
        loader.sampler, torch.utils.data.SequentialSampler
    ):
        return []
    evidence = "the loader gives the samples in the same order each epoch"
    advice = "set shuffle=True for training; leave it off for validation"
    return [Finding("data.not-shuffled", "warn", "order", evidence, advice)]
