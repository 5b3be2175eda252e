"""The values that came out, training beside validation, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

from ..runs import mode_by_name
from .curve import relative
from .evidence import Evidence
from .plots import grouped
from .wording import number, share

MOST = 200

JUDGED = ("small", "moderate", "wide", "validation is better", "not judged")
"""What a gap is called."""


@dataclass(frozen=True)
class Metric:
    """One metric at the best epoch of the monitored value, and at the end.

    Attributes:
        best_epoch: of the metric itself, on validation where it was validated.
        best: that value.
        train, validation: in the epoch whose weights are kept as the best; None where not measured.
        last_train, last_validation: the last values.
        gap: in words, ``validation is 3.1 % worse``; empty where one side is missing.
        judged: one of `JUDGED`.
        trend: the curve's values, thinned, for a line of text.
    """

    name: str
    lower_is_better: bool
    best_epoch: int
    best: float
    train: float | None
    validation: float | None
    last_train: float | None
    last_validation: float | None
    gap: str
    judged: str
    trend: tuple[float, ...]


def metrics(seen: Evidence) -> tuple[Metric, ...]:
    """Every metric of training and validation, the loss first."""
    judged = seen.judged
    epoch = None if judged is None else judged.best(lower=seen.lower_is_better)[0]
    names = [name for name in grouped(seen) if name != "gradient_norm"]
    rows = [_metric(seen, name, epoch) for name in sorted(names, key=lambda name: name != "loss")[:MOST]]
    return tuple(row for row in rows if row is not None)


def _metric(seen: Evidence, name: str, epoch: int | None) -> Metric | None:
    train, validation = seen.curve(f"train.{name}"), seen.curve(f"validation.{name}")
    main = validation or train
    if main is None:
        return None
    lower = seen.lower_is_better if main.path == seen.monitor else mode_by_name(name) == "min"
    best_epoch, best = main.best(lower=lower)
    at = [None if curve is None or epoch is None else curve.at(epoch) for curve in (train, validation)]
    ends = [None if curve is None else curve.last for curve in (train, validation)]
    pair = at if None not in at else ends
    gap, judged = judge(pair[0], pair[1], lower=lower)
    return Metric(name, lower, best_epoch, best, at[0], at[1], ends[0], ends[1], gap, judged, main.thinned(32).values)


def judge(train: float | None, validation: float | None, *, lower: bool) -> tuple[str, str]:
    """The gap in words, and what it is called.

    Of values that should fall: up to 10 % of the training value is small, up to 50 % moderate. Of those that should
    rise and lie within 0 and 1 (accuracy, F1): up to 0.02 and 0.10; of other rising ones as of falling ones.
    """
    if train is None or validation is None:
        return "", "not judged"
    worse = validation - train if lower else train - validation
    if not lower and 0 <= train <= 1 and 0 <= validation <= 1:
        said, small, moderate, amount = f"{number(abs(worse), 3)} points", 0.02, 0.1, worse
    else:
        amount = relative(worse, train)
        times = validation / train if lower and train > 0 and validation > 2 * train else None
        said, small, moderate = share(abs(amount)) if times is None else f"{times:.3g} times as high", 0.1, 0.5
        if times is not None:
            return f"validation is {said}", "moderate" if amount <= moderate else "wide"
    if abs(amount) <= 1e-12:
        return "none", "small"
    word = "worse" if amount > 0 else "better"
    if amount < -small:
        return f"validation is {said} better", "validation is better"
    return f"validation is {said} {word}", (
        "small" if amount <= small else ("moderate" if amount <= moderate else "wide")
    )


def gap_in_words(rows: tuple[Metric, ...]) -> str:
    """The gap of the loss, with the best weights and with the last ones, in a sentence that says what it means."""
    loss = next((row for row in rows if row.name == "loss"), rows[0] if rows else None)
    if loss is None:
        return "No value was recorded."
    if loss.judged == "not judged":
        return "Training and validation can't be compared: one of them was not measured."
    meaning = {
        "small": "what was learnt holds for samples that were not trained on.",
        "moderate": "some of what was learnt holds for the training samples alone, as is usual.",
        "wide": "much of what was learnt holds for the training samples alone.",
        "validation is better": "usual with dropout or augmentation, which work in training alone, and early in a run;"
        " otherwise look for samples that are in both sets.",
    }[loss.judged]
    better = loss.judged == "validation is better"
    head = "With the best weights there is no gap" if better else f"With the best weights the gap is {loss.judged}"
    said = f"{head} ({loss.name}: {loss.gap}): {meaning}"
    gap, judged = judge(loss.last_train, loss.last_validation, lower=loss.lower_is_better)
    if judged not in (loss.judged, "not judged", "validation is better"):
        said += f" With the last ones it is {judged} ({gap})."
    return said


def trend_text(values: tuple[float, ...]) -> str:
    """A line of blocks, low to high, for text without pictures."""
    blocks, low, high = "▁▂▃▄▅▆▇█", min(values), max(values)
    if not high > low:
        return blocks[0] * len(values)
    return "".join(blocks[round((value - low) / (high - low) * (len(blocks) - 1))] for value in values)
