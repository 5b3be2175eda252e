"""Which parameters the loss reaches, over a few steps, and which of them move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .....inspection.examination import Examined, Finding
from .....runtime.probes import gradients, norms, parameters_moved
from .....runtime.probes.walk import walk

if TYPE_CHECKING:
    from .....runtime.probes.session import Fault
    from ..specimen import Specimen

DOING = "looking for parameters that learn nothing"
ORDER = 50
NEEDS = "objective"
GROUP = "model"

STEPS = 3
"""One all-zero gradient may be a dead unit on one batch, or a branch that starts at zero."""


def examine(specimen: Specimen) -> Examined:
    """A few steps of the bare loop on the batches that were read."""
    session = specimen.session()
    taken = walk(session, [specimen.batch(step) for step in range(STEPS)], seed=specimen.seed)
    reached, moved, size = gradients.measure(taken), parameters_moved.measure(taken), norms.measure(taken)
    unreached = [fault.subject for fault in reached.faults if fault.kind == "no-gradient"]
    facts = {
        "reached": reached.numbers.get("reached"),
        "trainable": len(taken.trainable),
        "gradient_norm": reached.numbers.get("gradient_norm"),
        "norms": dict(taken.gradients[-1]) if taken.gradients else {},
        "unreached": unreached,
    }
    silent = set(unreached)
    still = [fault for fault in moved.faults if fault.kind == "not-moved" and fault.subject not in silent]
    found = [*_not_finite(reached.faults), *_unreached(reached.faults, len(taken.trainable)), *_still(still)]
    if not found:
        title = f"{reached.title}; {size.title}"
        advice = "nothing is left out: give all of them to the optimizer"
        found = [Finding("parameters.reached", "ok", "parameters that learn", title, advice, dict(reached.numbers))]
    return Examined(tuple(found), facts)


def _not_finite(faults: tuple[Fault, ...]) -> list[Finding]:
    bad = [fault.subject for fault in faults if fault.kind == "not-finite"]
    if not bad:
        return []
    return [
        Finding(
            "gradients.not-finite",
            "fail",
            "gradients",
            f"the gradient of {bad[0]} is not finite" + _more(bad),
            "look for the square root or norm of zero, a division, or a logarithm in forward; add an epsilon inside it",
            {"parameters": len(bad)},
        )
    ]


def _unreached(faults: tuple[Fault, ...], trainable: int) -> list[Finding]:
    silent = [fault for fault in faults if fault.kind == "no-gradient"]
    if not silent:
        return []
    names = [fault.subject for fault in silent]
    everything = len(names) == trainable
    zeros = [fault.subject for fault in silent if "zeros" in fault.text]
    how = "zeros only" if len(zeros) == len(silent) else "no gradient"
    return [
        Finding(
            "parameters.unreached",
            "fail" if everything else "warn",
            "parameters that learn nothing",
            f"{len(names)} of {trainable} get {how} in {STEPS} steps: {', '.join(names[:3])}"
            + (", ..." if names[3:] else ""),
            "use the module in forward, or delete it; where it is behind a dead unit or a detach, take that away",
            {"unreached": len(names), "trainable": trainable},
        )
    ]


def _still(faults: list[Fault]) -> list[Finding]:
    if not faults:
        return []
    names = [fault.subject for fault in faults]
    return [
        Finding(
            "parameters.still",
            "note",
            "parameters that stand still",
            f"{faults[0].text}" + _more(names),
            "keep them in float32, or raise their rate: their steps are below their precision",
            {"parameters": len(names)},
        )
    ]


def _more(names: list[str]) -> str:
    return f", and {len(names) - 1} more" if len(names) > 1 else ""
