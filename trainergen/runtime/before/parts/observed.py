"""Two steps on one batch with every instrument on: what a first look at a trainer rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from ...device import move_batch, tensors_in
from ...memory import SavedBytes, StepMemory, bytes_of, local, measured_peak, state_bytes
from .losses_seen import LossCall, LossWatch, Stretched
from .rehearsal import run_steps

if TYPE_CHECKING:
    from ...trainer import Trainer


@dataclass(frozen=True)
class Observed:
    """What was seen in the first step.

    Attributes:
        loss: before it.
        calls: of loss functions, in the first step.
        stretched: shapes that did not fit, in the first step.
        memory: the estimate, by its parts.
        peak: bytes of the trainer at the highest point of the second step, measured: the first makes the optimizer's state.
    """

    loss: float
    calls: tuple[LossCall, ...]
    stretched: tuple[Stretched, ...]
    memory: StepMemory
    peak: int

    @property
    def leading(self) -> LossCall | None:
        """The call whose value is the whole loss; None where there is none (a sum of several, an own loss)."""
        return next((each for each in self.calls if math.isclose(each.value, self.loss, rel_tol=1e-4)), None)


def observe(trainer: Trainer[Any, Any], batch: Any) -> Observed:
    """Step twice on `batch`, inside a rehearsal. The estimate is that of `memory.estimate`, for any `_train_batch`."""
    batch = move_batch(batch, trainer.device)
    parameters, buffers = list(trainer.model.parameters()), list(trainer.model.buffers())
    tensors = list(tensors_in(batch))
    saved, losses = SavedBytes([*parameters, *buffers, *tensors]), LossWatch()
    optimizer = sum(state_bytes(each) for each in optimizers_of(trainer))
    averages = 0 if trainer.averaging is None else bytes_of(trainer.averaging.average.values().values())
    with _uncompiled(trainer.model):
        with saved.watching(), losses:
            loss = run_steps(trainer, [batch])["loss"]
        for parameter in parameters:
            parameter.grad = None
        above = measured_peak(lambda: run_steps(trainer, [batch]), trainer.device)
    memory = StepMemory(
        parameters=bytes_of(parameters),
        buffers=bytes_of(buffers),
        gradients=sum(local(each).nbytes for each in parameters if each.requires_grad),
        optimizer=optimizer,
        averages=averages,
        batch=bytes_of(tensors),
        activations=saved.total,
    )
    there = memory.held - optimizer + sum(state_bytes(each) for each in optimizers_of(trainer)) + memory.batch
    return Observed(loss, tuple(losses.calls), tuple(losses.stretched), memory, there + above)


def optimizers_of(trainer: Trainer[Any, Any]) -> list[Optimizer]:
    """Every optimizer that a trainer holds, the loop's own first."""
    found = [trainer.optimizer, *(each for each in vars(trainer).values() if isinstance(each, Optimizer))]
    return list({id(each): each for each in found}.values())


@contextmanager
def _uncompiled(model: nn.Module) -> Iterator[None]:
    """A compiled model runs as it is inside: the instruments look at operations, of which a compiled one has none."""
    compiled = [(each, each._compiled_call_impl) for each in model.modules() if each._compiled_call_impl is not None]
    for module, _ in compiled:
        module._compiled_call_impl = None
    try:
        if any(hasattr(each, "_orig_mod") for each in model.modules()):  # the user's own torch.compile(model)
            with torch.compiler.set_stance("force_eager"):
                yield
        else:
            yield
    finally:
        for module, call in compiled:
            module._compiled_call_impl = call
