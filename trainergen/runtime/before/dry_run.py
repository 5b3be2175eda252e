"""``--dry-run``: a few real steps and one short evaluation that leave nothing, and what is to be known before a long run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .parts.answers import Answer, Fault, Flag, Request, in_bytes, parts_of
from .parts.batch_facts import describe_batch
from .parts.first_loss import expectation, judge_first_loss
from .parts.logging_setup import check_logging
from .parts.observed import Observed, observe
from .parts.rehearsal import first_batches, place_of, rehearsal

if TYPE_CHECKING:
    from ..trainer import Trainer

FLAG = Flag(
    help="ten real steps (or --max-steps) that leave no run folder; batch, first loss, memory and logging are told",
    takes_steps=True,
)

STEPS = 10
FAR = 2.0
"""Times by which estimate and measurement of memory may differ before it is said."""


@dataclass(frozen=True)
class DryRun:
    """What a dry run saw.

    Attributes:
        batch: lines that describe the first batch.
        observed: its first step: loss, what was expected, memory.
        history: of the steps, as `Trainer.train` gives it.
        logging: lines about where a run's words and files go.
        faults: what will go wrong, or is odd.
    """

    batch: tuple[str, ...]
    observed: Observed
    history: tuple[dict[str, Any], ...]
    logging: tuple[str, ...]
    faults: tuple[Fault, ...]


def measure(trainer: Trainer[Any, Any], *, steps: int = STEPS) -> DryRun:
    """Look at the first batch and its step, then train `steps` real ones in a folder that goes again.

    The first look leaves the trainer as it was; after the steps it is a trained one.

    Args:
        trainer: new, not yet trained.
        steps: optimizer steps at most.
    """
    kind = type(trainer)
    batch = first_batches(trainer, 1)[0]
    described = describe_batch(batch)
    with rehearsal(trainer):
        observed = observe(trainer, batch)
    memory = observed.memory
    lines, faults = check_logging(trainer.config, memory.held)
    found = [*faults, *judge_first_loss(observed, place_of(kind, "compute_loss", "_forward_batch", "_train_batch"))]
    if observed.peak > FAR * memory.total:
        what = f"a step takes {in_bytes(observed.peak)} at most, estimated were {in_bytes(memory.total)}"
        how = "--profile shows what makes large tensors that backward does not need"
        found.append(Fault(what, kind.__name__, how, mild=True))
    trainer.dry_run_steps = steps
    history = trainer.train()
    return DryRun(described, observed, tuple(history), lines, tuple(found))


def run(request: Request) -> Answer:
    """The flag."""
    found = measure(request.trainer(), steps=request.max_steps or STEPS)
    call, memory, peak = found.observed.leading, found.observed.memory, found.observed.peak
    expected = "" if call is None else f"; {call.name} without any knowledge is {expectation(call)}"
    last = found.history[-1]
    lines = [
        *found.batch,
        f"first loss {found.observed.loss:.4g}{expected}",
        f"memory of a step: estimated {in_bytes(memory.total)} ({parts_of(memory)}), measured {in_bytes(peak)}",
        *found.logging,
    ]
    title = f"{request.name}: {last['step']} steps, train loss {last['train']['loss']:.4g}"
    if last["validation"] is not None:
        title += f", validation loss {last['validation']['loss']:.4g}"
    return Answer(f"{title}; nothing was kept", tuple(lines), found.faults)
