"""Ends a run that gets worse, and says so of one that can't get better, before it has cost a night."""

from __future__ import annotations

import logging
import math
import statistics
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .callbacks import Callback
from .errors import TrainingDiverged, TrainingStuck
from .schedulers import batches_an_epoch, cadence

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")

MARGIN = 0.1
"""Share of max(|best|, first / 100) that a loss has to be worse by to count."""

STUCK_EPOCHS = 3
"""Epochs in a row without any gradient after which a run is dead."""

SPIKE = 100.0
"""Times the running median that a gradient norm is warned of at."""

NORMS = 128
"""Gradient norms that the running median is taken of."""


PLANNED = ("total_steps", "total_iters", "T_max")
"""What schedulers of torch call the number of their steps after which they are done."""


def worsening(losses: Sequence[float]) -> int:
    """How many evaluations at the end of `losses` are worse than the best before them by more than the margin.

    The best is of all before, not the last one: a loss that climbs slowly is always near its last value.
    """
    best, count = math.inf, 0
    for value in losses:
        floor = max(abs(best), abs(losses[0]) / 100) if math.isfinite(best) else 0.0
        count = count + 1 if math.isfinite(best) and not value <= best + MARGIN * floor else 0
        best = min(best, value) if not math.isnan(value) else best
    return count


class DivergenceGuard(Callback):
    """Stops a run whose losses are worse than their best on so many evaluations in a row, and a run without gradients.

    The validation loss alone is not enough: where it climbs while the training loss falls, the model overfits, which
    early stopping ends and the best weights survive. A run that diverges loses on both.

    Looks at the history alone, so that a resumed run goes on as the uninterrupted one.

    Args:
        evaluations: how many in a row.
    """

    def __init__(self, evaluations: int) -> None:
        self._evaluations = evaluations

    def on_epoch_end(self, trainer: Trainer[Any, Any], record: dict[str, Any]) -> None:
        """Judge the evaluations so far.

        Raises:
            TrainingDiverged: the loss climbs.
            TrainingStuck: no gradient in several epochs.
        """
        judged = "train" if trainer.val_dataloader is None else "validation"
        evaluated = [each for each in trainer.history if each[judged] is not None]
        losses = [each[judged]["loss"] for each in evaluated]
        parts = {"train", judged}
        if record[judged] is not None and all(
            worsening([each[part]["loss"] for each in evaluated]) >= self._evaluations for part in parts
        ):
            best = min(losses)
            raise TrainingDiverged(
                f"the {judged} loss is {losses[-1]:.4g}, after {best:.4g} at its best, and worse than that for"
                f" {self._evaluations} evaluations",
                epoch=record["epoch"],
                step=record["step"],
                checkpoint=trainer.recorder.newest_checkpoint(),
                details={"losses": losses[-self._evaluations :], "best": best},
                suggestion="lower learning_rate, or take the best weights of this run",
            )
        norms = [each["train"].get("gradient_norm") for each in trainer.history[-STUCK_EPOCHS:]]
        if len(norms) == STUCK_EPOCHS and all(norm == 0 for norm in norms):
            raise TrainingStuck(
                f"no parameter got a gradient in {STUCK_EPOCHS} epochs",
                epoch=record["epoch"],
                step=record["step"],
                checkpoint=trainer.recorder.newest_checkpoint(),
            )


class NormWatch:
    """The norms of all gradients before clipping, a step each.

    Args:
        limit: the norm above which training stops; None for none.
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self._seen: deque[float] = deque(maxlen=NORMS)
        self._warned = False

    def exceeds(self, norm: float, step: int) -> bool:
        """Whether training has to stop; a norm far above the others is warned of, once."""
        if self.limit is not None and norm > self.limit:
            return True
        if not self._warned and len(self._seen) == NORMS and norm > SPIKE * self._seen[0]:
            # compared with one that has been seen first: the median costs more than a step may
            median = statistics.median(self._seen)
            if norm > SPIKE * median:
                self._warned = True
                logger.warning("step %d: gradient norm %.4g, %.0f times the median", step, norm, norm / (median or 1))
        self._seen.append(norm)
        return False


def warn_of_what_never_comes(trainer: Trainer[Any, Any]) -> None:
    """Before the first step: an interval or a schedule that the run is too short for."""
    config = trainer.config
    batches = batches_an_epoch(trainer.dataloader)
    steps = None if batches is None else -(-batches // config.accumulation_steps) * config.num_epochs
    limits = [each for each in (steps, config.max_steps) if each is not None]
    if not limits or trainer.dry_run_steps is not None:
        return
    total = min(limits)
    every = config.checkpoint_every_n_steps
    if every is not None and every > total:
        logger.warning("checkpoint_every_n_steps is %d, but the run has %d steps: none inside an epoch", every, total)
    per_step = trainer.scheduler is not None and cadence(trainer.scheduler) == "step"
    length = total if per_step else config.num_epochs
    for name in PLANNED:
        planned = getattr(trainer.scheduler, name, None)
        if isinstance(planned, int) and planned > length:
            unit = "steps" if per_step else "epochs"
            logger.warning(
                "%s is planned for %d %s, but the run has %d: the rate never gets to its end",
                type(trainer.scheduler).__name__,
                planned,
                unit,
                length,
            )
