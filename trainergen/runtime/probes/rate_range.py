"""Between which learning rates does the loss fall? The range test of Smith (2017), read off by a stated rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .session import Fault, Measurement, Session, unmeasured
from .walk import fresh, seed_everything

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAME = "rate_range"

LOWEST, HIGHEST = 1e-7, 10.0
WORSE = 4.0
"""The sweep ends where the loss is so many times its best: from there on it only diverges (as in fastai's ``lr_find``)."""

BEGINS = 0.1
"""The range begins where a tenth of the whole fall has happened: for Smith (2017, 3.3) where the accuracy starts to increase."""

RAGGED = 0.25
"""No rate is suggested beyond where, after half of its fall, the loss rises by this share of it: for Smith (2017, 3.3) where the
accuracy slows, becomes ragged, or starts to fall."""

BEFORE_LOWEST = 10.0
"""The range ends at a tenth of the rate of the lowest loss up to there, as fastai's ``lr_find`` suggests (Howard and Gugger
2020): at that rate itself the steps are about to diverge."""

LEAST_FALL = 0.02
"""A fall of less than this share of the first loss is none."""

RULE = (
    "from where a tenth of the fall has happened (Smith 2017) to a tenth of the rate of the lowest loss before it rises again"
    " (fastai's lr_find)"
)


def measure(
    session: Session,
    batch: Any,
    *,
    seed: int,
    rates: int = 25,
    steps: int = 4,
    observe: Callable[[float, float], None] | None = None,
) -> Measurement:
    """Take a few steps at each of `rates` rates that grow exponentially from `LOWEST` to `HIGHEST`, from one state.

    Smith raises the rate while training goes on, over new data. On one batch that would show how fast it is learnt by
    heart: so each rate starts from where the session is, and is judged by the loss that it has come to.

    Args:
        session: what is stepped; its optimizer's groups all get the rate. It is left as it was.
        batch: each step gets a copy.
        seed: of the first step at each rate.
        rates: how many.
        steps: at each; the loss is that before the last.
        observe: called with (rate, loss) after each rate.
    """
    if session.optimizer is None:
        return unmeasured(NAME, "there is no single optimizer whose rate could be swept: not measured")
    start = session.state()
    tried, losses = [], []
    for number in range(rates):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / max(1, rates - 1))
        session.load_state(start)
        loss = _walk(session, batch, rate, seed, steps)
        if loss is None:
            return unmeasured(NAME, "the steps do not say their loss: not measured")
        if observe is not None:
            observe(rate, loss)
        if not math.isfinite(loss):
            break
        tried.append(rate)
        losses.append(loss)
        if loss - min(losses) > WORSE * max(abs(min(losses)), abs(losses[0])):
            break
    session.load_state(start)
    found = suggest(tried, losses)
    if found is None:
        text = f"no rate from {LOWEST:g} to {HIGHEST:g} lowers the loss by {LEAST_FALL:.0%} in {steps - 1} steps"
        hint = "look at target and loss first; then at the scale of the inputs"
        return Measurement(NAME, text, (Fault("flat", "", text, hint, mild=True),), {"rates": len(losses)})
    low, high = found
    numbers = {"low": low, "high": high, "rates": len(losses)}
    return Measurement(NAME, f"the loss falls between {low:.1e} and {high:.1e}", (), numbers)


def _walk(session: Session, batch: Any, rate: float, seed: int, steps: int) -> float | None:
    """The loss that some steps at one rate come to."""
    loss: float | None = None
    for number in range(steps):
        assert session.optimizer is not None
        for group in session.optimizer.param_groups:  # loading a state may have made them anew
            group["lr"] = rate
        seed_everything(seed + number)
        loss = session.step(fresh(batch))
        if loss is None or not math.isfinite(loss):
            return loss
    return loss


def suggest(rates: Sequence[float], losses: Sequence[float]) -> tuple[float, float] | None:
    """The range by `RULE`.

    The lower end is at most a third of the upper one. None where the loss does not fall.
    """
    if len(rates) < 3:
        return None
    fall = losses[0] - min(losses)
    if fall <= LEAST_FALL * abs(losses[0]):
        return None
    lowest = 0
    for index, value in enumerate(losses):
        if losses[0] - losses[lowest] > fall / 2 and value - losses[lowest] > RAGGED * fall:
            break
        if value < losses[lowest]:
            lowest = index
    begin = next(index for index, value in enumerate(losses) if value <= losses[0] - BEGINS * fall)
    high = rates[lowest] / BEFORE_LOWEST
    return min(rates[begin], high / 3.0), high
