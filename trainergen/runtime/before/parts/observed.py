"""Two steps on one batch with every instrument on: what a first look at a trainer rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from ...device import move_batch
from .batch_facts import tensors_of
from .losses_seen import LossCall, LossWatch, Stretched
from .rehearsal import run_steps
from .tensor_bytes import LiveBytes, SavedBytes, bytes_of

if TYPE_CHECKING:
    from ...trainer import Trainer


@dataclass(frozen=True)
class Memory:
    """Bytes that one step on one batch takes, on the device of the run.

    Attributes:
        weights: parameters and buffers.
        gradients: one for each trainable value.
        optimizer: its state, by its kind.
        activations: what forward kept for backward.
        batch: the batch.
        peak: the most that lived at once, measured in the second step: on CUDA by the allocator, elsewhere by counting
            what each operation made.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    batch: int
    peak: int

    @property
    def estimate(self) -> int:
        """The sum of all parts."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.batch


@dataclass(frozen=True)
class Observed:
    """What was seen in the first step.

    Attributes:
        loss: before it.
        calls: of loss functions, in the first step.
        stretched: shapes that did not fit, in the first step.
        memory: see there.
    """

    loss: float
    calls: tuple[LossCall, ...]
    stretched: tuple[Stretched, ...]
    memory: Memory

    @property
    def leading(self) -> LossCall | None:
        """The call whose value is the whole loss; None where there is none (a sum of several, an own loss)."""
        return next((each for each in self.calls if math.isclose(each.value, self.loss, rel_tol=1e-4)), None)


def observe(trainer: Trainer[Any, Any], batch: Any) -> Observed:
    """Step twice on `batch`, inside a rehearsal."""
    batch = move_batch(batch, trainer.device)
    parameters = list(trainer.model.parameters())
    known = [*parameters, *trainer.model.buffers(), *tensors_of(batch)]
    known = [each for each in known if each.layout is torch.strided]
    saved, losses, live = SavedBytes(known), LossWatch(), LiveBytes(known)
    on_cuda = trainer.device.type == "cuda"
    with nullcontext() if on_cuda else live, _eager(trainer.model):
        with ExitStack() as stack:
            stack.enter_context(saved.watching())
            stack.enter_context(losses)
            loss = run_steps(trainer, [batch])["loss"]
        before = live.peak
        live.peak = live.now
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(trainer.device)
        run_steps(trainer, [batch])
    weights = bytes_of([*parameters, *trainer.model.buffers()])
    peak = max(before, live.peak) + bytes_of(known)
    memory = Memory(
        weights=weights,
        gradients=sum(each.numel() * each.element_size() for each in parameters if each.requires_grad),
        optimizer=sum(state_bytes(each) for each in optimizers_of(trainer)),
        activations=saved.total,
        batch=bytes_of(tensors_of(batch)),
        peak=torch.cuda.max_memory_allocated(trainer.device) if on_cuda else peak,
    )
    return Observed(loss, tuple(losses.calls), tuple(losses.stretched), memory)


def optimizers_of(trainer: Trainer[Any, Any]) -> list[Optimizer]:
    """Every optimizer that a trainer holds, the loop's own first."""
    found = [trainer.optimizer, *(each for each in vars(trainer).values() if isinstance(each, Optimizer))]
    return list({id(each): each for each in found}.values())


def state_bytes(optimizer: Optimizer) -> int:
    """What an optimizer will keep, from its kind: two values a weight for Adam's, one for momentum; else what it has."""
    values = 0
    for group in optimizer.param_groups:
        size = sum(each.numel() * each.element_size() for each in group["params"] if each.requires_grad)
        if isinstance(optimizer, (Adam, AdamW)):
            values += size * (3 if group.get("amsgrad") else 2)
        elif isinstance(optimizer, SGD):
            values += size * bool(group["momentum"])
        elif isinstance(optimizer, RMSprop):
            values += size * (1 + bool(group["momentum"]) + bool(group["centered"]))
        elif isinstance(optimizer, Adagrad):
            values += size
        else:
            return bytes_of(each for state in optimizer.state.values() for each in tensors_of(dict(state)))
    return values


@contextmanager
def _eager(model: nn.Module) -> Iterator[None]:
    """A compiled model runs uncompiled inside: the instruments look at operations, of which a compiled one has none."""
    compiled = hasattr(model, "_orig_mod") or any(each._compiled_call_impl is not None for each in model.modules())
    if not compiled:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
