"""``--preflight``: can this trainer learn at all? One batch, every gradient, shapes, the first loss; exit code 1 if not."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import TrainingDiverged, TrainingError
from .parts.answers import Answer, Fault, Flag, Request, table
from .parts.first_loss import expectation, judge_first_loss
from .parts.gradients_seen import Gradient, watched_gradients
from .parts.losses_seen import Stretched
from .parts.observed import Observed, observe
from .parts.rehearsal import first_batches, place_of, rehearsal, run_steps

if TYPE_CHECKING:
    from ..trainer import Trainer

logger = logging.getLogger("trainergen")

FLAG = Flag(help="check shapes, gradients and whether one batch can be learnt; exit code 1 with what, where and how")

BATCHES = 3
"""Over which gradients are looked for: a dead unit on one batch, or a layer behind weights that begin at zero, is healthy."""

OVERFIT_STEPS = 200
LEARNT, HARDLY = 0.5, 0.9
"""One batch counts as learnt below half of its first loss; above nine tenths nothing is learnt."""

VANISHING = 1e-7
"""Of the total norm: a layer below it stands still. Of biases and scales nothing is said: a bias before a normalisation, which
cancels it, has nothing but rounding."""


@dataclass(frozen=True)
class Statistics:
    """The gradient of one parameter, in the last step that had one.

    Attributes:
        name: the parameter's.
        shape: its.
        norm: 2-norm.
        largest: largest absolute value.
        zeros: share of exact zeros.
        to_weight: norm over that of the weight; infinite for a weight of zeros.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    largest: float
    zeros: float
    to_weight: float


@dataclass(frozen=True)
class Preflight:
    """What was found.

    Attributes:
        faults: what is wrong; those that are mild don't fail it.
        gradients: statistics, a trainable parameter each.
        observed: the first step; None where it failed.
        overfit: losses of one batch, a step each; empty where it was not tried.
    """

    faults: tuple[Fault, ...]
    gradients: tuple[Statistics, ...]
    observed: Observed | None
    overfit: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether no fault is more than mild."""
        return all(fault.mild for fault in self.faults)


def measure(trainer: Trainer[Any, Any], *, overfit_steps: int = OVERFIT_STEPS) -> Preflight:
    """Take real steps on up to three batches, then learn the first by heart; the trainer is left as it was.

    Args:
        trainer: any; `_train_batch` and several optimizers may be its own.
        overfit_steps: on one batch, at most.
    """
    kind = type(trainer)
    try:
        batches = first_batches(trainer, BATCHES)
    except Exception as problem:
        return Preflight((_failed(problem, kind),), (), None, ())
    failure = None
    with rehearsal(trainer), watched_gradients(trainer.model, trainer.precision) as gradients:
        try:
            with _torch_keeps_silent():
                for batch in batches:
                    run_steps(trainer, [batch])
        except Exception as problem:
            failure = _failed(problem, kind)
    statistics = tuple(_statistics(each) for each in gradients if each.norms)
    if failure is not None:  # perhaps because of a gradient before it; what has none yet is nobody's fault
        return Preflight((*_judge_finite(trainer, gradients), failure), statistics, None, ())
    with rehearsal(trainer), _torch_keeps_silent():
        observed = observe(trainer, batches[0])
    faults = [_shapes(each, kind) for each in observed.stretched]
    faults += judge_first_loss(observed, place_of(kind, "compute_loss", "_forward_batch", "_train_batch"))
    faults += [*_judge_finite(trainer, gradients), *_judge_reached(trainer, gradients)]
    with rehearsal(trainer), _torch_keeps_silent():
        overfit = _overfit(trainer, batches[0], overfit_steps)
    faults += _judge_overfit(trainer, overfit, observed)
    return Preflight(tuple(faults), statistics, observed, tuple(overfit))


def run(request: Request) -> Answer:
    """The flag."""
    found = measure(request.trainer())
    rows = [("gradient of", "shape", "norm", "largest", "zeros", "to weight")]
    rows += [
        (
            each.name,
            str(list(each.shape)),
            f"{each.norm:.3g}",
            f"{each.largest:.3g}",
            f"{each.zeros:.0%}",
            f"{each.to_weight:.2g}",
        )
        for each in found.gradients
    ]
    lines = list(table(rows, left=(0, 1))) if found.gradients else []
    if found.observed is not None:
        call = found.observed.leading
        told = "" if call is None else f"; {call.name} without any knowledge is {expectation(call)}"
        lines.append(f"first loss {found.observed.loss:.4g}{told}")
    if found.overfit:
        lines.append(
            f"one batch: loss {found.overfit[0]:.4g} -> {min(found.overfit):.4g} in {len(found.overfit)} steps"
        )
    verdict = "passed" if found.passed else "failed"
    return Answer(f"{request.name}: preflight {verdict}", tuple(lines), found.faults)


def _failed(problem: Exception, kind: type) -> Fault:
    place = place_of(kind, "_forward_batch", "compute_loss", "_train_batch")
    trace, ours = problem.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if not name.startswith(("torch.", __package__.rpartition(".before")[0])):
            ours = f"{name}.{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    how = problem.suggestion if isinstance(problem, TrainingError) else ""
    how = how or "run with --summary to see the shape behind every layer, and compare with what this line takes"
    logger.debug("preflight", exc_info=problem)
    return Fault(f"the training step fails: {type(problem).__name__}: {problem}", ours or place, how)


def _shapes(found: Stretched, kind: type) -> Fault:
    return Fault(
        f"output and target don't have the same shape: {list(found.first)} and {list(found.second)} in {found.name} became"
        f" {list(found.result)}, every sample against every other",
        place_of(kind, "compute_loss", "_forward_batch", "_train_batch"),
        "give both one shape: output.squeeze(-1), or target.unsqueeze(-1)",
    )


def _judge_finite(trainer: Trainer[Any, Any], gradients: list[Gradient]) -> list[Fault]:
    how = "look for a division, log or sqrt of zero behind it; clip what goes in"
    return [
        Fault(f"the gradient of {each.name} is not finite", _parameter(trainer, each), how)
        for each in gradients
        if each.bad
    ]


def _judge_reached(trainer: Trainer[Any, Any], gradients: list[Gradient]) -> list[Fault]:
    faults = []
    total = math.hypot(*(max(each.norms, default=0.0) for each in gradients if not each.bad))
    for each in gradients:
        mild = False
        if not each.norms:
            what = "is missing: the loss does not depend on it"
            how = "is its output used, detached, or computed under no_grad? What is not to be trained: requires_grad_(False)"
        elif not each.reached and not each.bad:
            what = f"is zero in {len(each.norms)} steps: nothing there will change"
            how = "is a branch before or after it dead (ReLU of negatives, a factor of zero, saturation)?"
        elif len(each.shape) > 1 and max(each.norms) < VANISHING * total:
            what, mild = f"is {max(each.norms) / total:.1g} of the total norm: it hardly moves", True
            how = "initialisation, normalisation or a residual connection between it and the loss"
        else:
            continue
        faults.append(Fault(f"the gradient of {each.name} {what}", _parameter(trainer, each), how, mild))
    return faults


def _parameter(trainer: Trainer[Any, Any], gradient: Gradient) -> str:
    owner = trainer.model.get_submodule(gradient.name.rpartition(".")[0])
    return f"{gradient.name} ({type(owner).__name__}, {list(gradient.shape)})"


def _statistics(each: Gradient) -> Statistics:
    norm = each.norms[-1]
    to_weight = norm / each.weight_norm if each.weight_norm else math.inf
    return Statistics(each.name, each.shape, norm, each.largest[-1], each.zeros[-1], to_weight)


def _overfit(trainer: Trainer[Any, Any], batch: Any, steps: int) -> list[float]:
    losses: list[float] = []
    try:
        for _ in range(steps):
            losses.append(run_steps(trainer, [batch])["loss"])
            if losses[-1] < LEARNT * losses[0] or losses[-1] < 0:
                break
    except TrainingDiverged:
        losses.append(math.inf)
    return losses


@contextmanager
def _torch_keeps_silent() -> Iterator[None]:
    """Torch's own word on shapes that were stretched: it is told as a fault, with its place."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using a target size")
        yield


def _judge_overfit(trainer: Trainer[Any, Any], losses: list[float], observed: Observed) -> list[Fault]:
    call = observed.leading
    floor = 0.0 if call is None else call.floor
    first, best = losses[0] - floor, min(losses) - floor
    if best < LEARNT * first or first <= 0 or best < 0:
        return []
    return [
        Fault(
            f"one batch can't be learnt by heart: loss {losses[0]:.4g} -> {min(losses):.4g} in {len(losses)} steps",
            place_of(type(trainer), "compute_loss", "_forward_batch", "_train_batch"),
            "is the target the one of this input, the rate too small or too large (--find-lr), the input all the same?",
            # what steps itself may have losses that work against each other, and need not fall
            mild=best < HARDLY * first or trainer.manual_step,
        )
    ]
