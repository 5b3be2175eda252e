"""``--find-batch-size``: the largest batch that fits into memory: powers of two, then the middle; nothing is changed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import SGD
from torch.utils.data import DataLoader

from ..device import tensors_in
from ..exhaustion import is_out_of_memory
from ..memory import measured_peak
from .parts.answers import Answer, Fault, Flag, Request, in_bytes, table
from .parts.memory_limit import available_bytes
from .parts.rehearsal import place_of, rehearsal, run_steps

if TYPE_CHECKING:
    from ..trainer import Trainer

FLAG = Flag(help="find the largest batch size that fits into memory (GPU, or machine and container), and end")

LARGEST = 1 << 16
MARGIN = 0.9
"""Of the memory that is left: kernels take some for themselves, which is not seen."""

STEPS = 2
"""At each size: the first makes the optimizer's state, the second has everything at once."""


@dataclass(frozen=True)
class Trial:
    """One batch size.

    Attributes:
        size: samples a batch.
        fits: whether it does.
        peak: bytes that its steps took beyond the weights; of a size that was not tried, as the ones before let expect;
            None where the allocator refused, or the model (one sample, which a BatchNorm can't normalise).
        tried: False for one that would not have fit, and was left alone.
    """

    size: int
    fits: bool
    peak: int | None
    tried: bool


@dataclass(frozen=True)
class BatchSize:
    """The search.

    Attributes:
        largest: the largest size that fits; 0 where not even one sample does.
        trials: in their order.
        limit: bytes that were allowed beyond the weights; None where only an error of the allocator tells.
        ended_by: ``memory``, ``data`` (there are no more samples), or ``largest`` (nobody needs more).
        present: the configured batch size.
        rate: the configured learning rate.
        scaled_rate: the one that goes with `largest`, by `scaling`.
        scaling: ``linear`` or ``square root``.
    """

    largest: int
    trials: tuple[Trial, ...]
    limit: int | None
    ended_by: str
    present: int
    rate: float
    scaled_rate: float
    scaling: str


def measure(trainer: Trainer[Any, Any], *, memory_limit: int | None = None, largest: int = LARGEST) -> BatchSize:
    """Try 1, 2, 4, ... samples with two real steps each, then halve the way to the first that does not fit.

    On a GPU a size does not fit when the allocator says so. Elsewhere the kernel would end the process instead of saying
    anything: there the bytes of each size are counted, a size that would go beyond what is left (as the ones before let
    expect) is not tried, and `MARGIN` stays free.

    The rate that goes with another batch size: linear for SGD (Goyal et al. 2017), the square root for Adam and its kind
    (Malladi et al. 2022); both are starting points, not laws. Nothing is changed.

    Args:
        trainer: a ``DataLoader`` is read with other batch sizes; else `build_dataloaders` is asked with another
            ``config.batch_size``. It is left as it was.
        memory_limit: bytes; None for what the machine, its cgroup and ``ulimit`` leave (on a GPU: the allocator).
        largest: samples at most.

    Raises:
        ValueError: neither way gives batches of another size.
    """
    search = _Search(trainer, memory_limit)
    search.check_sizes()
    size, low, high = 1, 0, largest + 1
    ended_by = "largest"
    while size < high:
        batch = search.batch(size)
        if batch is None:
            ended_by, high = "data", size
            break
        if search.fits(size, batch):
            low, size = size, size * 2
        else:
            ended_by, high = "memory", size
    while high - low > 1:
        middle = (low + high) // 2
        batch = search.batch(middle)
        if batch is None:
            high = middle
        elif search.fits(middle, batch):
            low = middle
        else:
            ended_by, high = "memory", middle
    config, rate = trainer.config, trainer.learning_rate
    ratio = max(low, 1) / config.batch_size
    linear = isinstance(trainer.optimizer, SGD)
    return BatchSize(
        largest=low,
        trials=tuple(search.trials),
        limit=search.limit,
        ended_by=ended_by,
        present=config.batch_size,
        rate=rate,
        scaled_rate=rate * (ratio if linear else math.sqrt(ratio)),
        scaling="linear" if linear else "square root",
    )


def run(request: Request) -> Answer:
    """The flag."""
    found = measure(request.trainer())
    rows = [("batch size", "memory of a step", "")]
    for each in found.trials:
        told = "fits" if each.fits else "does not fit" + ("" if each.tried else ", not tried")
        told = "the model takes no single sample" if each.fits and each.peak is None else told
        rows.append((str(each.size), "" if each.peak is None else in_bytes(each.peak), told))
    lines = [*table(rows, left=(2,))]
    if found.limit is not None:
        lines.append(f"limit {in_bytes(found.limit)} beyond the weights ({MARGIN:.0%} of what is left here)")
    if not found.largest:
        where = place_of(request.trainer_class, "compute_loss", "_forward_batch", "_train_batch")
        how = "smaller samples, precision = bfloat16, or a machine with more memory"
        return Answer(f"{request.name}: not even one sample fits", tuple(lines), (Fault("out of memory", where, how),))
    why = {
        "memory": "more does not fit into memory",
        "data": "the data has no more samples",
        "largest": "more was not tried",
    }[found.ended_by]
    section = request.config.SECTION
    lines += [
        f"learning rate: {found.rate:.3g} at {found.present} is {found.scaled_rate:.3g} at {found.largest}"
        f" ({found.scaling} scaling), to begin with; or keep the batch and accumulate",
        "samples of other lengths take other memory; nothing was changed; to try it:",
        f"  {section}.batch_size={found.largest} {section}.learning_rate={found.scaled_rate:.3g}",
    ]
    return Answer(f"{request.name}: batch size {found.largest} fits, {why}", tuple(lines))


class _Search:
    """Batches of any size, and what they take."""

    def __init__(self, trainer: Trainer[Any, Any], memory_limit: int | None) -> None:
        self._trainer = trainer
        self._on_cuda = trainer.device.type == "cuda"
        left = None if self._on_cuda else available_bytes()
        self.limit = memory_limit if memory_limit is not None else None if left is None else int(MARGIN * left)
        self.trials: list[Trial] = []

    def check_sizes(self) -> None:
        """Refuse a loader whose batches come in one size only.

        Raises:
            ValueError: they do.
        """
        one, two = self.batch(1), self.batch(2)
        if one is not None and two is not None and _shapes(one) == _shapes(two):
            name = type(self._trainer).__name__
            raise ValueError(f"{name}.build_dataloaders does not heed config.batch_size: no other size can be tried")

    def batch(self, size: int) -> Any:
        """A batch of `size` samples; None where the data has fewer."""
        loader = self._loader(size)
        dataset = getattr(loader, "dataset", None)
        batch = next(iter(loader), None)
        if isinstance(loader, DataLoader) and isinstance(dataset, Sized):
            return batch if len(dataset) >= size else None
        return batch if any(each.dim() > 0 and each.shape[0] >= size for each in tensors_in(batch)) else None

    def fits(self, size: int, batch: Any) -> bool:
        """Whether two steps on `batch` do."""
        expected = self._expect(size)
        if self.limit is not None and expected is not None and expected > self.limit:
            self.trials.append(Trial(size, fits=False, peak=expected, tried=False))
            return False
        try:
            peak = self._steps(batch)
        except ValueError:
            if size > 1:
                raise
            self.trials.append(Trial(size, fits=True, peak=None, tried=True))  # too few for a BatchNorm, not too many
            return True
        fits = peak is not None and (self.limit is None or peak <= self.limit)
        self.trials.append(Trial(size, fits, peak, tried=True))
        return fits

    def _expect(self, size: int) -> int | None:
        """What `size` will take, on the line through the two largest that were measured."""
        known = sorted({each.size: each.peak for each in self.trials if each.tried and each.peak is not None}.items())
        if len(known) < 2:
            return None
        (small, less), (large, more) = known[-2:]
        return int(more + (more - less) / (large - small) * (size - large))

    def _steps(self, batch: Any) -> int | None:
        """The peak of some steps, in bytes beyond the weights; None where they ran out of memory."""
        trainer = self._trainer
        if self._on_cuda:
            torch.cuda.empty_cache()
        try:
            with rehearsal(trainer):
                return measured_peak(lambda: [run_steps(trainer, [batch]) for _ in range(STEPS)], trainer.device)
        except (RuntimeError, MemoryError, OSError) as problem:
            if not is_out_of_memory(problem):
                raise
            return None

    def _loader(self, size: int) -> Iterable[Any]:
        loader = self._trainer.dataloader
        if isinstance(loader, DataLoader) and loader.batch_size is not None:
            return DataLoader(loader.dataset, batch_size=size, collate_fn=loader.collate_fn)
        config = dataclasses.replace(self._trainer.config, batch_size=size)
        return type(self._trainer).build_dataloaders(config)[0]


def _shapes(batch: Any) -> list[torch.Size]:
    return [each.shape for each in tensors_in(batch)]
