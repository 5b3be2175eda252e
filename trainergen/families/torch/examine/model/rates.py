"""The learning-rate range test with the optimizer of the plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .....inspection.examination import Examined, Finding
from .....runtime.probes import rate_range

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "sweeping the learning rate"
ORDER = 90
NEEDS = "objective"
GROUP = "model"

RATES = (25, 17)
"""Three or, where steps are dear, two a power of ten."""

STEPS = 4
"""At each rate."""

FEWEST_SAMPLES = 16
"""Of few samples, one answer may be right for all: then no rate is too large."""

MORE_DATA = "one batch was swept: for all of the data stay in its lower half"


def examine(specimen: Specimen) -> Examined:
    """Some steps at each rate on the first batch, each from the initial weights."""
    session = specimen.session()
    curve: list[dict[str, float]] = []
    most, samples = specimen.affordable(RATES[0] * STEPS, FEWEST_SAMPLES)
    rates = RATES[0] if most == RATES[0] * STEPS else RATES[1]
    batch = specimen.first(specimen.batch(), samples)
    seen = rate_range.measure(
        session,
        batch,
        seed=specimen.seed,
        rates=rates,
        steps=STEPS,
        observe=lambda rate, loss: curve.append({"rate": rate, "loss": loss}),
    )
    name = type(session.optimizer).__name__
    facts = {"optimizer": name, "rate": specimen.rate, "curve": curve, "steps": STEPS - 1, "rule": rate_range.RULE}
    if not seen.measured:
        return Examined((), facts)
    if seen.faults:
        fault = seen.faults[0]
        advice = fault.hint or "look at target and loss first"
        return Examined((Finding("rate.flat", "warn", "learning rate", fault.text, advice, dict(seen.numbers)),), facts)
    low, high = seen.numbers["low"], seen.numbers["high"]
    middle = math.sqrt(low * high)
    facts |= {"low": low, "high": high, "suggested": middle}
    evidence = f"{name} lowers the loss between {low:.1e} and {high:.1e}, the plan has {specimen.rate:g}"
    numbers = {"low": low, "high": high, "suggested": middle, "plan": specimen.rate}
    if low / 3 <= specimen.rate <= 3 * high:
        advice = f"keep the plan's rate, or search in this range; {MORE_DATA}"
        return Examined((Finding("rate.range", "ok", "learning rate", evidence, advice, numbers),), facts)
    side = "below" if specimen.rate < low else "above"
    advice = f"the plan's rate lies {side} it: try {middle:.1e}; {MORE_DATA}"
    return Examined((Finding("rate.outside", "note", "learning rate", evidence, advice, numbers),), facts)
