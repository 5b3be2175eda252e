"""The run came to its planned end, its best value is among the last tenth of the epochs, and in the last fifth it got better by over 2 %."""

from __future__ import annotations

from ..curve import relative
from ..evidence import Evidence
from ..observation import Observation
from ..wording import number, plural, share


def observe(seen: Evidence) -> Observation | None:
    """The observation, or None."""
    judged = seen.judged
    if judged is None or len(judged) < 5 or seen.state != "finished" or seen.stop_reason.startswith("stopped"):
        return None
    epoch, best = judged.best(lower=seen.lower_is_better)
    late = judged.since(0.8)
    gain = relative(abs(best - judged.values[-len(late) - 1]), best)
    if epoch <= judged.epochs[-1] - max(1, len(judged) // 10) or gain <= 0.02:
        return None
    by_steps = "steps done" in seen.stop_reason
    setting = "max_steps" if by_steps else "num_epochs"
    return Observation(
        "note",
        "Still improving at the end",
        f"{seen.monitor} is best in epoch {epoch} of {judged.epochs[-1]} ({number(best)}), and got better by {share(gain)} in the last"
        f" {plural(len(late), 'epoch')}.",
        "The run ended before the model had learnt what it can.",
        f"More `{setting}`; or a higher `learning_rate`, which gets there sooner.",
        (setting, "learning_rate"),
    )
