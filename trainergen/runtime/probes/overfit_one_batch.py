"""Can the trainer learn one batch by heart? If not, it will learn nothing from a thousand."""

from __future__ import annotations

from typing import Any

from .session import Fault, Measurement, Session, unmeasured
from .walk import fresh, seed_everything

NAME = "overfit_one_batch"


def measure(session: Session, batch: Any, *, seed: int, steps: int = 50, factor: float = 0.5) -> Measurement:
    """Step `steps` times on one batch; the smallest loss should fall below `factor` times the first.

    Not part of the proof: some healthy models (a strong regulariser, a loss with a floor) need longer than that.
    """
    losses = []
    for number in range(steps):
        seed_everything(seed + number)
        loss = session.step(fresh(batch))
        if loss is None:
            return unmeasured(NAME, "the steps do not say their loss: not measured")
        losses.append(loss)
    best = min(losses)
    numbers = {"first": losses[0], "best": best, "steps": steps}
    if best < factor * losses[0]:
        return Measurement(NAME, f"one batch learnt: loss {losses[0]:.4g} -> {best:.4g} in {steps} steps", (), numbers)
    text = f"one batch is not learnt in {steps} steps: loss {losses[0]:.4g} -> {best:.4g}"
    fault = Fault("stuck", "", text, "look at the learning rate, then at the target", mild=True)
    return Measurement(NAME, text, (fault,), numbers)
