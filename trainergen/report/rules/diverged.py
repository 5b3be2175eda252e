"""The run was ended as diverged, or both losses are over 10 % worse than their best in the last three evaluations."""

from __future__ import annotations

from ..curve import Curve
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number

EVALUATIONS = 3
"""In a row; the default of `divergence_evaluations`."""


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    failure = seen.failure or {}
    ended = seen.state == "diverged" or failure.get("error") in ("TrainingDiverged", "NonFiniteLoss")
    train, judged = seen.loss("train"), seen.loss("validation") or seen.loss("train")
    if not ended and not (train and judged and all(worsening(each) >= EVALUATIONS for each in (train, judged))):
        return None
    said = str(failure.get("what") or seen.error.partition("\n")[0])
    if said:
        symptom = f"The run ended with: {said}."
    elif judged is not None:
        epoch, best = judged.best()
        symptom = f"{judged.path} was {number(best)} in epoch {epoch} and is {number(judged.ending())} at the end."
    else:
        symptom = "The run ended as diverged."
    return Observation(
        "fail",
        "The training diverged",
        symptom,
        "Steps that are too large: the learning rate, or single batches with very large gradients or bad values.",
        "Lower `learning_rate` to a third or a tenth, set `gradient_clip_norm` (1.0), look at the batch that was kept where"
        f" there is one{'; the best weights of before are kept' if seen.epochs else ''}.",
        ("learning_rate", "gradient_clip_norm"),
    )


def worsening(curve: Curve) -> int:
    """Evaluations at the end that are clearly worse than the best before them."""
    best, count = curve.first, 0
    for value in curve.values:
        count = count + 1 if value > best + curve.margin(best) else 0
        best = min(best, value)
    return count
