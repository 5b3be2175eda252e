"""Every way to read outputs and batch: what the tasks judge of each pair, and what they propose of the whole model."""

from __future__ import annotations

from dataclasses import dataclass

from ...inspection.batch_spec import Path
from ...inspection.model_facts import ModelFacts
from ...planning.wishes import Wishes
from .facts import OutputFacts, TorchFacts
from .objectives import Fit, Pair, Proposal, Task, fitter, tasks
from .pairs import TARGET_NAMES, name_bonus, pairs, side_penalty
from .proposals import proposals, renamed
from .seen import PREDICTION_NAMES, Role
from .targets import with_targets


@dataclass(frozen=True)
class Reading:
    """One way to read output and batch under a task.

    Attributes:
        task, fit: whose reading, and how well it fits.
        score: with what names add to it.
        output: the prediction's facts.
        target: where what it is compared with sits, in the batch of `facts`.
        feeds: that part goes into forward as well.
        facts: of the batch, with the targets that the reading adds to it.
        roles: values beyond prediction and target.
        added: the parts that it adds to the batch.
    """

    task: Task
    fit: Fit
    score: int
    output: OutputFacts
    target: Path | None
    feeds: bool
    facts: TorchFacts
    roles: tuple[Role, ...] = ()
    added: tuple[Role, ...] = ()


def readings(wishes: Wishes, model: ModelFacts, measured: TorchFacts, target: Path | None) -> list[Reading]:
    """Every reading that a task accepts, best first; equal ones in the order of outputs and batch.

    Of a batch that was found by trying, what the tasks propose; of one that the user gave, or with a part of it named as
    the target, what they say of every pair, and what they propose that takes more than one or that no pair can say.
    """
    found = []
    if not measured.synthesised or target is not None:
        for pair in pairs(wishes, model, measured, target):
            bonus = name_bonus(pair.output.path, PREDICTION_NAMES)
            if not pair.feeds:
                bonus += name_bonus(pair.target, TARGET_NAMES) - side_penalty(pair.target)
            found += [
                Reading(task, fit, fit.score + bonus, pair.output, pair.target, pair.feeds, measured)
                for task, fit in _fits(pair)
            ]
    if target is None:
        found += [_proposed(wishes, model, measured, *each) for each in proposals(wishes, model, measured)]
    if "ranking" in wishes.patterns:
        found = [each for each in found if each.task.TASK == "ranking"]
    return sorted(found, key=lambda each: -each.score)


def _fits(pair: Pair) -> list[tuple[Task, Fit]]:
    judged = [(task, judge(pair)) for task in tasks().values() if (judge := fitter(task)) is not None]
    return [(task, fit) for task, fit in judged if fit is not None]


def _proposed(wishes: Wishes, model: ModelFacts, measured: TorchFacts, task: Task, proposal: Proposal) -> Reading:
    """What a task proposes, with the batch that it would want."""
    if wishes.target is not None:
        proposal = renamed(proposal, wishes.target)
    inputs = next((each.name for each in model.forward if each.kind == "positional"), "inputs")
    facts, roles = with_targets(measured, proposal, inputs=inputs, named=wishes.target is not None)
    placed = {each.name: each for each in roles}
    output = next(each for each in measured.output if each.path == placed["prediction"].path)
    target = placed["target"].path if "target" in placed else None
    fed = [each.path for each in facts.feeding.arguments]
    return Reading(
        task=task,
        fit=proposal,
        score=proposal.score + (0 if measured.synthesised else name_bonus(output.path, PREDICTION_NAMES)),
        output=output,
        target=target,
        feeds=target is not None and any(target[: len(each)] == each for each in fed),
        facts=facts,
        roles=tuple(each for each in roles if each.name not in ("prediction", "target")),
        added=tuple(placed[each.name] for each in proposal.added),
    )
