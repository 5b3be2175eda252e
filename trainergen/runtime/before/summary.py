"""``--summary``: the model layer by layer, with the shapes that a real batch takes, parameters, buffers and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..device import tensors_in
from .parts.answers import Answer, Fault, Flag, Request, in_bytes, parts_of, table
from .parts.observed import Observed, observe
from .parts.rehearsal import first_batches, place_of, rehearsal

if TYPE_CHECKING:
    from ..trainer import Trainer

FLAG = Flag(help="show the model's layers with shapes, parameters and memory, on a real batch, and end")

MANY = 100
"""Layers, above which those without parameters or buffers of their own are left out of the text."""


@dataclass(frozen=True)
class Layer:
    """One module.

    Attributes:
        name: its path; "" for the model.
        kind: its class.
        inputs: shapes of the tensors that its first call took.
        outputs: shapes of those that it gave; empty where it was not called.
        calls: in one training step.
        trainable: values of its own parameters (not its children's) that train; one shared with an earlier layer counts there.
        frozen: those that don't.
        buffers: values of its own buffers.
        size: bytes of its own parameters and buffers.
    """

    name: str
    kind: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    calls: int
    trainable: int
    frozen: int
    buffers: int
    size: int


@dataclass(frozen=True)
class Summary:
    """A model on one batch.

    Attributes:
        layers: in the model's order, each module once.
        observed: a training step and what it takes of memory; None where it failed.
        problem: what it failed with; "" where it did not.
    """

    layers: tuple[Layer, ...]
    observed: Observed | None
    problem: str = ""

    @property
    def trainable(self) -> int:
        """Values that train."""
        return sum(each.trainable for each in self.layers)

    @property
    def frozen(self) -> int:
        """Values of parameters that don't."""
        return sum(each.frozen for each in self.layers)

    @property
    def buffers(self) -> int:
        """Values of buffers."""
        return sum(each.buffers for each in self.layers)


def measure(trainer: Trainer[Any, Any]) -> Summary:
    """Take a step on the first training batch and note what goes through each module. A failing step is told, too."""
    observed, problem = None, ""
    with rehearsal(trainer), _watched(trainer) as seen:
        try:
            observed = observe(trainer, first_batches(trainer, 1)[0])
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as failure:
            problem = f"{type(failure).__name__}: {failure}"
    return Summary(tuple(_layers(trainer.model, seen)), observed, problem)


def run(request: Request) -> Answer:
    """The flag."""
    found = measure(request.trainer())
    few = len(found.layers) <= MANY
    shown = [each for each in found.layers if few or each.trainable or each.frozen or each.buffers]
    rows = [("layer", "class", "takes", "gives", "trainable", "frozen", "buffers", "memory")]
    rows += [
        (
            each.name or "(model)",
            each.kind + (f" x{each.calls}" if each.calls > 1 else ""),
            _shapes(each.inputs),
            _shapes(each.outputs) if each.calls else "not called",
            f"{each.trainable:,}" if each.trainable else "",
            f"{each.frozen:,}" if each.frozen else "",
            f"{each.buffers:,}" if each.buffers else "",
            in_bytes(each.size) if each.size else "",
        )
        for each in shown
    ]
    lines = [*table(rows, left=(0, 1, 2, 3))]
    if len(shown) < len(found.layers):
        lines.append(f"({len(found.layers) - len(shown)} layers without parameters left out)")
    if found.observed is not None:
        peak = in_bytes(found.observed.peak)
        lines.append(f"a training step: {parts_of(found.observed.memory)}; at most {peak} at once, measured")
    title = (
        f"{request.name}: {found.trainable:,} trainable values, {found.frozen:,} frozen, {found.buffers:,} in buffers"
    )
    faults: tuple[Fault, ...] = ()
    if found.problem:
        last = next((each for each in reversed(found.layers) if each.calls and not each.outputs), None)
        where = place_of(request.trainer_class, "_forward_batch", "compute_loss", "_train_batch")
        where += (
            ""
            if last is None
            else f", layer {last.name or '(model)'} ({last.kind}), which takes {_shapes(last.inputs)}"
        )
        faults = (
            Fault(found.problem, where, "follow the shapes above to where they are not what the next layer takes"),
        )
    return Answer(title, tuple(lines), faults)


class _Seen:
    """The calls of each module in one step, by its identity."""

    def __init__(self, trainer: Trainer[Any, Any]) -> None:
        self._trainer = trainer
        self._step = trainer.step
        self.calls: dict[int, int] = {}
        self.inputs: dict[int, tuple[tuple[int, ...], ...]] = {}
        self.outputs: dict[int, tuple[tuple[int, ...], ...]] = {}

    def enter(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._trainer.step != self._step:
            return
        self.calls[id(module)] = self.calls.get(id(module), 0) + 1
        self.inputs.setdefault(id(module), _shapes_in([*args, *named.values()]))

    def leave(self, module: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        self.outputs.setdefault(id(module), _shapes_in(output))


@contextmanager
def _watched(trainer: Trainer[Any, Any]) -> Iterator[_Seen]:
    seen = _Seen(trainer)
    modules = list(trainer.model.modules())
    handles = [each.register_forward_pre_hook(seen.enter, with_kwargs=True) for each in modules]
    handles += [each.register_forward_hook(seen.leave) for each in modules]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _layers(model: nn.Module, seen: _Seen) -> Iterator[Layer]:
    counted: set[int] = set()

    def own(tensors: Iterator[torch.Tensor]) -> list[torch.Tensor]:
        found = [each for each in tensors if id(each) not in counted]
        counted.update(id(each) for each in found)
        return found

    for name, module in model.named_modules():
        parameters, buffers = own(module.parameters(recurse=False)), own(module.buffers(recurse=False))
        yield Layer(
            name=name,
            kind=type(module).__name__,
            inputs=seen.inputs.get(id(module), ()),
            outputs=seen.outputs.get(id(module), ()),
            calls=seen.calls.get(id(module), 0),
            trainable=sum(each.numel() for each in parameters if each.requires_grad),
            frozen=sum(each.numel() for each in parameters if not each.requires_grad),
            buffers=sum(each.numel() for each in buffers),
            size=sum(each.numel() * each.element_size() for each in (*parameters, *buffers)),
        )


def _shapes_in(value: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(each.shape) for each in tensors_in(value))


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    told = ", ".join(str(list(each)) for each in shapes[:3])
    return f"{told}, ..." if len(shapes) > 3 else told
