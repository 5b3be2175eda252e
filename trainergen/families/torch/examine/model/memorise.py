"""Whether the model can learn one batch by heart, and in how many steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .....inspection.examination import Examined, Finding
from .....runtime.probes import overfit_one_batch

if TYPE_CHECKING:
    from ..specimen import Specimen

DOING = "learning one batch by heart"
ORDER = 80
NEEDS = "objective"
GROUP = "model"

LEARNT = 0.1
"""Of the first loss: below it the batch counts as known by heart."""

LIMIT = 200
"""Steps at each rate."""

OTHERS = (10.0, 0.1)
"""Times the plan's rate, tried where that one does not do."""


def examine(specimen: Specimen) -> Examined:
    """The bare loop on the first batch, with the optimizer of the plan at its rate, else at ten times and a tenth of it."""
    steps, samples = specimen.affordable(LIMIT)
    batch = specimen.first(specimen.batch(), samples)
    tries = []
    for factor in (1.0, *OTHERS):
        rate = specimen.rate * factor
        curve: list[float] = []
        session = specimen.session(rate=rate)
        seen = overfit_one_batch.measure(
            session,
            batch,
            seed=specimen.seed,
            steps=steps,
            factor=LEARNT,
            observe=lambda _, loss, curve=curve: curve.append(loss),  # type: ignore[misc]
        )
        if not seen.measured:
            return Examined((), {"title": seen.title})
        tries.append({"rate": rate, "losses": curve, "learnt": not seen.faults, **seen.numbers})
        if not seen.faults or seen.numbers["first"] <= 0:
            break
    facts = {"limit": steps, "samples": samples, "factor": LEARNT, "tries": tries}
    return Examined((_judge(tries, steps, samples),), facts)


def _judge(tries: list[dict[str, object]], steps: int, samples: int) -> Finding:
    first, last = tries[0], tries[-1]
    numbers = {
        "samples": samples,
        "limit": steps,
        "rate": last["rate"],
        "steps": last["steps"],
        "first": last["first"],
        "best": last["best"],
    }
    came = f"loss {last['first']:.4g} -> {last['best']:.4g} in {last['steps']} steps"
    said = f"{came} on {samples} samples at lr {last['rate']:.2g}"
    if first["learnt"]:
        advice = "train: capacity, loss and target fit together"
        return Finding("learning.one-batch", "ok", "one batch by heart", f"{said} (limit {steps})", advice, numbers)
    if last["learnt"]:
        advice = f"start the search for the rate at {last['rate']:.1g}, not at {first['rate']:.1g}"
        evidence = f"{said}; at {first['rate']:.2g} not in {steps}"
        return Finding("learning.other-rate", "note", "one batch by heart", evidence, advice, numbers)
    best = min(tries, key=lambda each: float(str(each["best"])))
    share = float(str(best["best"])) / float(str(best["first"])) if best["first"] else 1.0
    tried = ", ".join(f"{each['rate']:.2g}" for each in tries)
    evidence = f"loss {best['first']:.4g} -> {best['best']:.4g} at best, in {steps} steps at each of lr {tried}"
    numbers |= {"share": round(share, 4)}
    if share > 0.9:
        advice = "check that target and input belong together and that the loss can reach zero; then set dropout to 0"
        return Finding("learning.stuck", "warn", "one batch by heart", evidence, advice, numbers)
    advice = "it learns, but slowly: give it more steps, less dropout or weight decay, or a loss without a floor"
    return Finding("learning.slow", "note", "one batch by heart", evidence, advice, numbers)
