"""Between which learning rates does the loss fall? The range test of Smith (2017), read off by a stated rule."""

from __future__ import annotations

import math
from statistics import median
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
    batches: Sequence[Any],
    *,
    seed: int,
    steps: int = 100,
    observe: Callable[[float, float], None] | None = None,
) -> Measurement:
    """Step `steps` times while the rate grows exponentially from `LOWEST` to `HIGHEST`; the session is spoilt afterwards.

    Args:
        session: what is stepped; its optimizer's groups all get the rate.
        batches: gone through in turn.
        seed: of the first step.
        steps: how many.
        observe: called with (rate, loss) after each step.
    """
    if session.optimizer is None:
        return unmeasured(NAME, "there is no single optimizer whose rate could be swept: not measured")
    rates, losses = [], []
    for number in range(steps):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / max(1, steps - 1))
        for group in session.optimizer.param_groups:
            group["lr"] = rate
        seed_everything(seed + number)
        loss = session.step(fresh(batches[number % len(batches)]))
        if loss is None:
            return unmeasured(NAME, "the steps do not say their loss: not measured")
        if observe is not None:
            observe(rate, loss)
        if not math.isfinite(loss):
            break
        rates.append(rate)
        losses.append(loss)
        if loss - min(losses) > WORSE * max(abs(min(losses)), abs(losses[0])):
            break
    found = suggest(rates, losses)
    if found is None:
        text = f"no rate from {LOWEST:g} to {HIGHEST:g} lowers the loss by {LEAST_FALL:.0%}"
        hint = "look at target and loss first; then at the scale of the inputs"
        return Measurement(NAME, text, (Fault("flat", "", text, hint, mild=True),), {"steps": len(losses)})
    low, high = found
    numbers = {"low": low, "high": high, "steps": len(losses)}
    return Measurement(NAME, f"the loss falls between {low:.1e} and {high:.1e}", (), numbers)


def suggest(rates: Sequence[float], losses: Sequence[float]) -> tuple[float, float] | None:
    """The range by `RULE`, on the running median of five losses (no lag, and one outlier moves nothing).

    The lower end is at most a third of the upper one. None where the loss does not fall.
    """
    if len(rates) < 3:
        return None
    smooth = [median(losses[max(0, index - 2) : index + 3]) for index in range(len(losses))]
    fall = smooth[0] - min(smooth)
    if fall <= LEAST_FALL * abs(smooth[0]):
        return None
    lowest = 0
    for index, value in enumerate(smooth):
        if smooth[0] - smooth[lowest] > fall / 2 and value - smooth[lowest] > RAGGED * fall:
            break
        if value < smooth[lowest]:
            lowest = index
    begin = next(index for index, value in enumerate(smooth) if value <= smooth[0] - BEGINS * fall)
    high = rates[lowest] / BEFORE_LOWEST
    return min(rates[begin], high / 3.0), high
