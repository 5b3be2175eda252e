"""Did the steps move what they should, and nothing else?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .session import Fault, Measurement

if TYPE_CHECKING:
    from .walk import Walk

NAME = "parameters_moved"


def measure(walk: Walk) -> Measurement:
    """Read from a walk which parameters have other bits than before it.

    A held parameter whose gradient is too small for its dtype's precision at the given rate is mild; one that the
    optimizer does not hold, or holds at rate zero, is not.
    """
    faults = []
    if walk.optimizer_steps is not None and walk.optimizer_steps != len(walk.losses):
        text = f"the optimizer stepped {walk.optimizer_steps} times for {len(walk.losses)} batches"
        faults.append(Fault("steps", "", text, "the base's loop owns zero_grad, clipping and step"))
    for name in walk.trainable:
        if name not in walk.moved:
            faults.append(_standing(walk, name))
    trainable = set(walk.trainable)
    faults += [
        Fault("frozen-moved", name, f"{name} is frozen, yet it moved") for name in sorted(walk.moved - trainable)
    ]
    moved = len(walk.moved & trainable)
    title = f"{moved}/{len(walk.trainable)} trainable parameters moved in {len(walk.losses)} steps"
    return Measurement(NAME, title, tuple(faults), {"moved": moved, "parameters": len(walk.trainable)})


def _standing(walk: Walk, name: str) -> Fault:
    if walk.held is not None and name not in walk.held:
        hint = "give it to the optimizer in build_optimizer"
        return Fault("not-moved", name, f"{name} is not in the optimizer and did not move", hint)
    if walk.rates.get(name) == 0.0:
        return Fault("not-moved", name, f"{name} did not move: its learning rate is 0")
    has_gradient = any(gradients.get(name) for gradients in walk.gradients)
    if has_gradient and name not in walk.movable and walk.held is not None:
        return Fault("not-moved", name, f"{name} did not move: its gradient is below its dtype's precision", mild=True)
    return Fault("not-moved", name, f"{name} did not move")
