"""Batch norms' running statistics anew, for weights that were not trained with them: an average's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from .distribution import Distribution
from .rank_data import only_fills
from .seeding import preserved_random_state

if TYPE_CHECKING:
    from .trainer import Trainer


@torch.no_grad()
def estimate_batch_norms(trainer: Trainer[Any, Any]) -> None:
    """Batch norms' running statistics anew, from the training loader: each batch counts the same.

    What ``torch.optim.swa_utils.update_bn`` does, through the trainer's own forward pass. Of several ranks each sees its
    part, and all have the statistics of the whole afterwards: those of one process with batches of a rank's size. Modes
    and random generators are as before afterwards.
    """
    norms = [each for each in trainer.model.modules() if isinstance(each, _BatchNorm) and each.running_mean is not None]
    if not norms:
        return
    with _counting_each_batch_the_same(trainer, norms), preserved_random_state():
        for index, batch in enumerate(trainer.dataloader):
            if trainer.dry_run_steps is not None and index >= trainer.dry_run_steps:
                break
            fills = trainer.distribution is not None and only_fills(trainer.dataloader, index + 1)
            before = _statistics(norms) if fills else None
            with trainer.autocast():
                trainer._forward_batch(trainer._place(batch, trainer.device))
            if before is not None:  # it kept the ranks in step, and is another one's
                _set(norms, before)
    if trainer.distribution is not None:
        _merge(norms, trainer.distribution)


@contextmanager
def _counting_each_batch_the_same(trainer: Trainer[Any, Any], norms: Sequence[_BatchNorm]) -> Iterator[None]:
    modes = [(module, module.training) for module in trainer.model.modules()]
    momenta = [each.momentum for each in norms]
    for each in norms:
        each.reset_running_stats()
        each.momentum = None
    trainer.model.train()
    try:
        yield
    finally:
        for each, momentum in zip(norms, momenta, strict=True):
            each.momentum = momentum
        for module, mode in modes:
            module.training = mode


def _merge(norms: Sequence[_BatchNorm], distribution: Distribution) -> None:
    """The mean over all ranks' batches, on each of them; a norm that no batch has reached stays as reset."""
    own = _statistics(norms)
    weighed = [torch.cat([mean * count, variance * count, count.reshape(1)]) for mean, variance, count in own]
    found = torch.split(distribution.total_on_device(torch.cat(weighed)), [each.numel() for each in weighed])
    for norm, each in zip(norms, found, strict=True):
        sums, count = each[:-1], each[-1]
        if count > 0:
            mean, variance = (sums / count).chunk(2)
            _set([norm], [(mean, variance, count)])


_Statistics = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Mean and variance of each feature, and the number of batches: copies, in double precision."""


def _statistics(norms: Sequence[_BatchNorm]) -> list[_Statistics]:
    return [tuple(each.to(torch.float64, copy=True) for each in _buffers(norm)) for norm in norms]  # type: ignore[misc]


def _set(norms: Sequence[_BatchNorm], statistics: Sequence[_Statistics]) -> None:
    for norm, values in zip(norms, statistics, strict=True):
        for buffer, value in zip(_buffers(norm), values, strict=True):
            buffer.copy_(value)


def _buffers(norm: _BatchNorm) -> list[torch.Tensor]:
    return [each for each in (norm.running_mean, norm.running_var, norm.num_batches_tracked) if each is not None]
