"""``--overfit-batches N``: train on N fixed batches and say whether the loss went to its floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import TrainingDiverged
from .parts.answers import Answer, Fault, Flag, Request
from .parts.observed import observe
from .parts.rehearsal import first_batches, place_of, rehearsal, run_steps

if TYPE_CHECKING:
    from ..trainer import Trainer

FLAG = Flag(
    help="train on N fixed batches (500 steps, or --max-steps), say whether the loss goes to its floor, and end",
    metavar="N",
    takes_steps=True,
)

STEPS = 500
REACHED = 0.05
"""The floor counts as reached when this share of the fall from the first loss to it is left."""

STALLED = 0.01
"""Of the first loss: a smaller fall over the last quarter of the steps is a standstill."""

SHOWN = 8

Verdict = Literal["reached", "falling", "stuck", "diverged"]


@dataclass(frozen=True)
class Overfit:
    """A training on a few fixed batches.

    Attributes:
        batches: how many there were.
        steps: optimizer steps taken.
        losses: the mean over the batches, an epoch each.
        floor: the least that the loss can be, as far as its function tells; 0 where it does not.
        verdict: ``reached`` the floor, still ``falling``, ``stuck`` above it, or ``diverged``.
    """

    batches: int
    steps: int
    losses: tuple[float, ...]
    floor: float
    verdict: Verdict


def measure(trainer: Trainer[Any, Any], count: int, *, steps: int = STEPS) -> Overfit:
    """Train on the first `count` batches until the loss is at its floor, or `steps` are over.

    The batches are taken once, as the loader gives them, and kept: nothing is shuffled again, and what the loader's
    augmentation drew stays as it is. Dropout and other noise of the model itself stay on, as configured. A loss below
    zero has no floor that is known, and counts as one that went there. The trainer is left as it was.

    Args:
        trainer: its own optimizer, rate, precision and accumulation are used.
        count: batches; fewer if the loader has no more.
        steps: optimizer steps at most.

    Raises:
        EmptyDataset: the loader gives no batch.
    """
    batches = first_batches(trainer, count)
    losses: list[float] = []
    with rehearsal(trainer):
        call = observe(trainer, batches[0]).leading
    floor = 0.0 if call is None else call.floor
    with rehearsal(trainer):
        try:
            while trainer.step < steps and not _reached(losses, floor):
                losses.append(run_steps(trainer, batches, steps=steps - trainer.step)["loss"])
        except TrainingDiverged:
            losses.append(math.inf)
        taken = trainer.step
    return Overfit(len(batches), taken, tuple(losses), floor, _judge(losses, floor))


def run(request: Request) -> Answer:
    """The flag."""
    found = measure(request.trainer(), request.number, steps=request.max_steps or STEPS)
    told = {
        "reached": "went to its floor",
        "falling": "still falls, more steps (--max-steps) would tell",
        "stuck": "got stuck above its floor",
        "diverged": "diverged",
    }[found.verdict]
    every = max(1, math.ceil(len(found.losses) / SHOWN))
    curve = [f"{value:.4g}" for value in (*found.losses[:-1:every], found.losses[-1])]
    lines = (f"loss {' -> '.join(curve)}, floor {found.floor:.4g}",)
    title = f"{request.name}: {found.batches} batches, {found.steps} steps: the loss {told}"
    faults = []
    if found.verdict in ("stuck", "diverged"):
        faults.append(
            Fault(
                f"the loss of {found.batches} fixed batches {told}: {found.losses[0]:.4g} -> {min(found.losses):.4g}",
                place_of(request.trainer_class, "compute_loss", "_forward_batch", "_train_batch"),
                "--preflight names dead gradients and shapes, --find-lr a rate; else: too small a model, too much dropout,"
                " a penalty in the loss, or targets that contradict each other",
            )
        )
    return Answer(title, lines, tuple(faults))


def _reached(losses: list[float], floor: float) -> bool:
    return bool(losses) and (losses[-1] < 0 or losses[-1] - floor <= REACHED * (losses[0] - floor))


def _judge(losses: list[float], floor: float) -> Verdict:
    if not math.isfinite(losses[-1]):
        return "diverged"
    if _reached(losses, floor):
        return "reached"
    earlier = losses[: -max(1, len(losses) // 4)]
    fall = min(earlier, default=losses[0]) - min(losses)
    return "falling" if fall > STALLED * abs(losses[0]) else "stuck"
