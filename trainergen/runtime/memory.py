"""Memory of a training step: estimated from its parts before it is taken, and measured while it is."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.autograd import profiler
from torch.optim import Optimizer

from .device import move_batch, tensors_in
from .recomputation import Recomputed
from .seeding import preserved_random_state

if TYPE_CHECKING:
    from .trainer import Trainer

PROBED = 64
"""Values of the parameter on which an optimizer shows what it keeps of each; those of a matrix, as most are."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a training step holds, by what they are.

    Attributes:
        parameters: of the model, tied ones once.
        buffers: of the model.
        gradients: one value for each trainable one.
        optimizer: its state, which is there from the first step on.
        averages: a moving average of the weights, where there is one.
        batch: one batch on the device.
        activations: what forward keeps for backward, each storage once; of recomputed parts their inputs, and the
            inside of the largest one, which is there once more in backward.
    """

    parameters: int
    buffers: int
    gradients: int
    optimizer: int
    averages: int
    batch: int
    activations: int

    @property
    def held(self) -> int:
        """What is there between two steps, gradients left out: they are freed before forward."""
        return self.parameters + self.buffers + self.optimizer + self.averages

    @property
    def total(self) -> int:
        """All together: gradients grow while activations go, so that the peak is rarely above it."""
        return self.held + self.gradients + self.batch + self.activations

    def as_plain(self) -> dict[str, int]:
        """Every part and ``total``, JSON-able."""
        return dataclasses.asdict(self) | {"total": self.total}


def estimate(trainer: Trainer[Any, Any], batch: Any) -> StepMemory:
    """What a training step on `batch` holds: one forward pass, no backward, no step.

    Weights, buffers and random generators are as before afterwards. Temporaries that a kernel needs for itself are not
    part of it (see docs/memory.md for how far it is from what is measured).

    Args:
        trainer: before or in its training.
        batch: as its loader gives it.
    """
    model = trainer.model
    batch = move_batch(batch, trainer.device)
    parameters, buffers = list(model.parameters()), list(model.buffers())
    tensors = list(tensors_in(batch))
    saved = SavedBytes([*parameters, *buffers, *tensors])
    insides = [0]

    @contextmanager
    def inside(arguments: Any) -> Iterator[None]:
        saved.add(tensors_in(arguments))
        own = SavedBytes([*parameters, *buffers, *tensors], kept=False)
        with own.watching():
            yield
        insides.append(own.total)

    with (
        preserved_random_state(),
        _buffers_kept(model),
        saved.watching(),
        Recomputed.looked_into(inside),
        trainer.autocast(),
    ):
        trainer._forward_batch(batch)
    return StepMemory(
        parameters=bytes_of(parameters),
        buffers=bytes_of(buffers),
        gradients=sum(local(each).nbytes for each in parameters if each.requires_grad),
        optimizer=state_bytes(trainer.optimizer),
        averages=0 if trainer.averaging is None else bytes_of(trainer.averaging.average.values().values()),
        batch=bytes_of(tensors),
        activations=saved.total + max(insides),
    )


def measured_peak(action: Callable[[], object], device: torch.device) -> int:
    """Bytes at the highest point while `action` runs, above those at its beginning: the allocator's own account.

    On CUDA ``max_memory_allocated``, on the CPU what its allocator reports to torch's profiler, temporaries of kernels
    included. Add `StepMemory.held` and the batch for the whole. To be measured in the second step: the first one also
    makes the optimizer's state.

    Args:
        action: such as ``lambda: trainer.training_step(batch)``.
        device: where it runs.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        action()
        return torch.cuda.max_memory_allocated(device) - before
    # torch.profiler is the same, after importing torch._dynamo
    with _without_the_tracers_words(), profiler.profile(profile_memory=True) as taken:
        action()
    level = peak = 0
    results: Any = taken.kineto_results
    for event in results.events():
        if event.name() == "[memory]":
            level += event.nbytes()
            peak = max(peak, level)
    return peak


class SavedBytes:
    """Counts what autograd keeps for backward, each storage once.

    Args:
        known: tensors that are there anyway, which are not counted.
        kept: whether backward can follow; else what was saved is freed as soon as it is counted.
    """

    def __init__(self, known: Iterable[torch.Tensor], *, kept: bool = True) -> None:
        self._kept = kept
        self._known = {_storage(each).data_ptr() for each in known if _has_storage(each)}
        self._sizes: dict[int, int] = {}
        self._alive: list[torch.Tensor] = []  # so that no address is used twice

    @property
    def total(self) -> int:
        """Bytes so far."""
        return sum(self._sizes.values())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The context of a forward pass."""
        with torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor):
            yield
        self._alive.clear()

    def add(self, tensors: Iterable[torch.Tensor]) -> None:
        """Count `tensors` as kept."""
        for tensor in tensors:
            if _has_storage(tensor) and _storage(tensor).data_ptr() not in self._known:
                self._sizes[_storage(tensor).data_ptr()] = _storage(tensor).nbytes()
                self._alive.append(tensor)

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        self.add([tensor])
        return tensor if self._kept else tensor.new_empty(0)


def state_bytes(optimizer: Optimizer) -> int:
    """Bytes of an optimizer's state: what there is of it, or before the first step what it makes of a small parameter.

    An optimizer that can't be built from its defaults alone counts nothing before its first step.
    """
    there = [value for state in optimizer.state.values() for value in tensors_in(state)]
    if there:
        return bytes_of(there)
    total = 0.0
    for group in optimizer.param_groups:
        values = _state_values(optimizer, group)
        trained = [each for each in group["params"] if each.requires_grad]
        total += values * sum(local(each).nbytes for each in trained)
    return round(total)


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of the storages of `tensors`, each once; of divided ones this process's part."""
    sizes = {_storage(each).data_ptr(): _storage(each).nbytes() for each in tensors if _has_storage(each)}
    return sum(sizes.values())


def local(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor` itself, or of a divided one (a DTensor) the part that this process holds, in the same storage."""
    to_local: Callable[[], torch.Tensor] | None = getattr(tensor, "to_local", None)
    return tensor if to_local is None else to_local()


def _state_values(optimizer: Optimizer, group: dict[str, Any]) -> float:
    """State values that `optimizer` keeps of one value of a parameter in `group`."""
    side = int(PROBED**0.5)
    probe = nn.Parameter(torch.zeros(side, side))
    known = inspect.signature(type(optimizer)).parameters.keys() & optimizer.defaults.keys() - {"fused"}
    options = {key: group[key] for key in known}
    try:
        small = type(optimizer)([probe], **options)
        probe.grad = torch.ones_like(probe)
        small.step()
    except Exception:  # an optimizer of somebody's own may want anything: it is only asked
        return 0.0
    return sum(each.numel() for each in tensors_in(dict(small.state[probe])) if each.dim()) / PROBED


@contextmanager
def _without_the_tracers_words() -> Iterator[None]:
    """What torch's tracer writes to stderr of itself is left out; everything else comes when it has ended."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        stderr = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            said.seek(0)
            for line in said:
                if not line.startswith(b"USDT:") and b"CPUAllocator.cpp" not in line:
                    os.write(2, line)


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    before = [(module, dict(module._buffers)) for module in model.modules()]
    values = [(each, each.clone()) for _, buffers in before for each in buffers.values() if each is not None]
    try:
        yield
    finally:
        for module, buffers in before:
            module._buffers.update(buffers)
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)


def _has_storage(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.device.type != "meta"


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    return local(tensor).untyped_storage()
