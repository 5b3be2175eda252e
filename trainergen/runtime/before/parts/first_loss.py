"""Is the first loss that of a model which knows nothing? ln C over C classes, ln 2 for a yes or no."""

from __future__ import annotations

from .answers import Fault
from .losses_seen import JUDGED, LossCall
from .observed import Observed

ABOVE, BELOW, FAR = 1.5, 0.5, 100.0
"""Of the expected loss: between the first two a classifier's is healthy (the weights' noise adds to it); a regression's
depends on the target's scale, and only the third is out of the question."""


def judge_first_loss(observed: Observed, where: str) -> list[Fault]:
    """Mild faults: a pretrained model is better than chance from the first step, and rightly so."""
    faults = []
    for call in dict.fromkeys(observed.calls):
        told = f"{call.name} begins at {call.value:.4g}; a model that knows nothing has {expectation(call)}"
        judged = call.name in JUDGED
        if call.value > (ABOVE * call.expected + 0.1 if judged else FAR * call.expected):
            how = (
                "the head's first weights or its inputs are too large: normalise the input, begin with a smaller head"
                if judged
                else "the output's scale is not the target's: standardise the target, or the input"
            )
            faults.append(Fault(told, where, how, mild=True))
        elif judged and call.value < BELOW * call.expected + call.floor:
            how = "pretrained weights do that; if there are none, the target is to be found in the input"
            faults.append(Fault(told, where, how, mild=True))
    return faults


def expectation(call: LossCall) -> str:
    """``ln 10 = 2.303``."""
    return f"ln {call.classes} = {call.expected:.4g}" if call.classes and not call.floor else f"{call.expected:.4g}"
