"""Does memory stay where it is over many steps: no graph is kept, no tensors pile up?"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import torch

from .session import Fault, Measurement, unmeasured
from .walk import fresh, seed_everything

if TYPE_CHECKING:
    from .session import Session

NAME = "memory"
STEPS = 50
SETTLED = 10
"""Steps after which an optimizer has its state and buffers have their size."""


def measure(session: Session, batch: Any, *, seed: int, steps: int = STEPS) -> Measurement:
    """Step on one batch again and again; count the graphs of forward that are still there, and tensors.

    A node of the graph keeps what is put into its ``metadata`` as long as it lives, which tells a kept graph even after
    backward has freed what it had saved.

    Args:
        session: stepped `steps` times.
        batch: each step gets a copy.
        seed: of the first step.
        steps: more than `SETTLED`.
    """
    watch = _Graphs(session)
    counts: dict[int, tuple[int, int]] = {}
    try:
        for number in range(steps):
            seed_everything(seed + number)
            if session.step(fresh(batch)) is None and number == 0 and not watch.forwards:
                return unmeasured(NAME, "the trainer takes no single steps: not measured")
            if number + 1 in (SETTLED, steps):
                gc.collect()
                counts[number + 1] = (watch.alive(), _tensor_bytes())
    finally:
        watch.detach()
    (graphs, size), (graphs_then, size_then) = counts[SETTLED], counts[steps]
    faults = []
    between = steps - SETTLED
    if graphs_then - graphs >= between // 2:
        text = f"{graphs_then} graphs of {watch.forwards} forwards are still held after {steps} steps"
        faults.append(Fault("graph", "", text, "keep what is added up or listed detached: loss.detach(), or a number"))
    elif size_then - size >= between * 4:
        text = f"tensors grew by {(size_then - size) // between} bytes a step over {between} steps"
        faults.append(Fault("tensors", "", text, "empty at each epoch's start what collects tensors, or keep numbers"))
    title = f"memory is steady over {steps} steps" if not faults else faults[0].text
    numbers = {"graphs": graphs_then, "bytes_a_step": max(0, size_then - size) / between}
    return Measurement(NAME, title, tuple(faults), numbers)


class _Token:
    """Lives as long as the node that holds it."""


class _Graphs:
    """Puts a token into the graph of each forward of the whole model."""

    def __init__(self, session: Session) -> None:
        self.forwards = 0
        self._tokens: list[weakref.ref[_Token]] = []
        self._hook = session.model.register_forward_hook(self._mark)

    def _mark(self, _model: Any, _inputs: Any, output: Any) -> None:
        node = _node(output)
        if node is not None:
            token = _Token()
            node.metadata["trainergen"] = token
            self._tokens.append(weakref.ref(token))
            self.forwards += 1

    def alive(self) -> int:
        return sum(token() is not None for token in self._tokens)

    def detach(self) -> None:
        self._hook.remove()


def _node(output: Any) -> Any:
    """The node that made the first tensor with a graph of an output, however nested."""
    if isinstance(output, torch.Tensor):
        return output.grad_fn
    parts: Any = ()
    if isinstance(output, dict):
        parts = output.values()
    elif isinstance(output, (list, tuple)):
        parts = output
    elif hasattr(output, "__dict__"):
        parts = vars(output).values()
    return next((found for each in parts if (found := _node(each)) is not None), None)


def _tensor_bytes() -> int:
    """Of all storages that Python can reach, each once."""
    sizes: dict[int, int] = {}
    for each in gc.get_objects():
        if issubclass(type(each), torch.Tensor) and each.layout is torch.strided and each.device.type != "meta":
            storage = each.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())
