"""Can the trainer learn one batch by heart? If not, it will learn nothing from a thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .session import Fault, Measurement, Session, unmeasured
from .walk import fresh, seed_everything

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "overfit_one_batch"


def measure(
    session: Session,
    batch: Any,
    *,
    seed: int,
    steps: int = 50,
    factor: float = 0.5,
    observe: Callable[[int, float], None] | None = None,
) -> Measurement:
    """Step at most `steps` times on one batch, until the loss is below `factor` times the first.

    Not part of the proof: some healthy models (a strong regulariser, a loss with a floor) need longer than that.

    Args:
        session: what is stepped.
        batch: each step gets a copy.
        seed: of the first step; each step has one of its own.
        steps: the most.
        factor: of the first loss, below which the batch counts as learnt.
        observe: called with (step, loss) after each step.
    """
    losses: list[float] = []
    for number in range(steps):
        seed_everything(seed + number)
        loss = session.step(fresh(batch))
        if loss is None:
            return unmeasured(NAME, "the steps do not say their loss: not measured")
        losses.append(loss)
        if observe is not None:
            observe(number, loss)
        if loss < factor * losses[0]:
            break
    best = min(losses)
    numbers = {"first": losses[0], "best": best, "steps": len(losses)}
    if best < factor * losses[0]:
        title = f"one batch learnt: loss {losses[0]:.4g} -> {best:.4g} in {len(losses)} steps"
        return Measurement(NAME, title, (), numbers)
    text = f"one batch is not learnt in {steps} steps: loss {losses[0]:.4g} -> {best:.4g}"
    fault = Fault("stuck", "", text, "look at the learning rate, then at the target", mild=True)
    return Measurement(NAME, text, (fault,), numbers)
