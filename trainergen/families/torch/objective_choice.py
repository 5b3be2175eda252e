"""Chooses the objective: task, loss, values and metrics, from what the tasks judge of every pair or propose themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import AnswerNeeded, Question, UnusableInput, UserCodeFailed, did_you_mean
from ...inspection.batch_spec import Leaf, Path, find, leaves, parse_path, spell_path
from ...inspection.model_facts import ModelFacts
from ...planning.plan import Auxiliary, Decision, Objective, Part
from ...planning.wishes import Wishes
from .auxiliaries import choose_auxiliaries
from .facts import OutputFacts, TorchFacts
from .objectives import Fit, LossOption, Pair, Proposal, Task, fitter, shape_text, tasks
from .pairs import (
    TARGET_NAMES,
    candidate_targets,
    feeding_inputs,
    name_bonus,
    pairs,
    predictions,
    side_penalty,
)
from .proposals import demand_no_adversary, proposals, renamed
from .seen import PREDICTION_NAMES, Role
from .targets import with_targets

ONE_ANSWER = "needs 1 answer that your project does not hold"

SPLIT = 6
"""Two readings closer than this are both planned for: the proof decides. Scores are the tasks' (see `objectives`)."""


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


@dataclass(frozen=True)
class ChosenObjective:
    """An objective with its decisions (target, loss, metrics), the prediction's facts, and the facts it speaks of.

    The facts are those that were measured, or, where nobody gave a batch, those with the targets put into it.
    """

    objective: Objective
    decisions: tuple[Decision, ...]
    output: OutputFacts
    facts: TorchFacts


def choose_objectives(wishes: Wishes, model: ModelFacts, measured: TorchFacts) -> tuple[ChosenObjective, ...]:
    """Objectives, best first; more than one where the evidence is split.

    Raises:
        UnusableInput: a target that the batch doesn't have, a loss that doesn't fit it, a scalar that doesn't exist.
        UserCodeFailed: the targets contradict the model (a class beyond the output).
        AnswerNeeded: several targets, several outputs, one of two adversaries, or no reading at all; the flags say it.
    """
    if measured.synthesised:
        demand_no_adversary(wishes, model, measured)
    target = _wished_target(wishes, measured)
    read = readings(wishes, model, measured, target)
    if wishes.loss is not None and ":" in wishes.loss:
        return (_own_function(wishes, measured, read, target),)
    if wishes.loss is not None:
        read = _only_loss(wishes.loss, read)
    if not read:
        raise _nothing_fits(wishes, measured, target)
    best = read[0]
    if best.fit.problem is not None:
        raise UserCodeFailed(
            best.fit.problem,
            place=_place(best),
            hint=f"a model with more classes, or another target: --target (now {_spell(best.target)})",
        )
    if not measured.synthesised:
        _ask_about_target(wishes, read)
        _ask_about_output(read)
    if best.fit.question is not None and wishes.loss is None:
        likely = best.fit.losses[0].name
        raise AnswerNeeded(
            ONE_ANSWER,
            questions=(Question("--loss", "", best.fit.question, likely, (f"likely {likely}: {best.fit.reason}",)),),
            hint="numbers: --loss mse; classes: give the model one output column a class",
        )
    chosen = [best]
    if wishes.loss is None and wishes.target is None:
        close = (each for each in read[1:] if best.score - each.score < SPLIT and not each.fit.problem)
        chosen += [each for each in close if each.task.TASK != best.task.TASK and not each.fit.question][:2]
    return tuple(_decide(wishes, each, read) for each in chosen)


def readings(wishes: Wishes, model: ModelFacts, measured: TorchFacts, target: Path | None) -> list[Reading]:
    """Every reading that a task accepts, best first; equal ones in the order of outputs and batch.

    Of a batch that was found by trying, what the tasks propose; of one that the user gave, or with a part of it named as
    the target, what they say of every pair, and what those propose that judge no pairs.
    """
    found = []
    if not measured.synthesised or target is not None:
        for pair in pairs(wishes, model, measured, target):
            bonus = name_bonus(pair.output.path, PREDICTION_NAMES)
            if pair.target is not None and not pair.feeds:
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


def _wished_target(wishes: Wishes, measured: TorchFacts) -> Path | None:
    if wishes.target is None:
        return None
    path = parse_path(wishes.target)
    node = find(measured.batch.root, path)
    if node is None and measured.synthesised and wishes.target.isidentifier():
        return None  # what the target is to be called
    known = tuple(spell_path(each) for each, _ in leaves(measured.batch.root))
    if node is None:
        raise UnusableInput(
            f"--target {wishes.target}: the batch has no such part", hint=did_you_mean(wishes.target, known)
        )
    if not isinstance(node, Leaf):
        inner = tuple(spell_path((*path, *each)) for each, _ in leaves(node))
        raise UnusableInput(f"--target {wishes.target}: that holds several parts", hint="one of: " + ", ".join(inner))
    if node.dtype in ("str", "object"):
        raise UnusableInput(
            f"--target {wishes.target}: {'text' if node.dtype == 'str' else 'an object'}, no numbers to compare with",
            hint="one of: " + ", ".join(spell_path(each) for each in candidate_targets(measured)),
        )
    return path


def _only_loss(loss: str, read: list[Reading]) -> list[Reading]:
    fitting = [each for each in read if _option(each.fit, loss) is not None]
    if read and not fitting:
        best = read[0]
        fits = tuple(option.name for option in best.fit.losses)
        raise UnusableInput(
            f"--loss {loss} does not fit: {best.fit.reason}",
            hint=f"{best.task.TASK} takes {', '.join(fits)}; or a function of yours: --loss module:name",
        )
    return fitting


def _option(fit: Fit, loss: str) -> LossOption | None:
    """The option of that name; ``nll`` also finds the variant for probabilities, which exists where those come out."""
    wanted = (loss, "nll_of_probabilities") if loss == "nll" else (loss,)
    return next((option for option in fit.losses if option.name in wanted), None)


def _nothing_fits(wishes: Wishes, measured: TorchFacts, target: Path | None) -> AnswerNeeded:
    outputs = ", ".join(
        f"{spell_path(each.path) if each.path else 'output'} {shape_text(each)}" for each in measured.output
    )
    paths = (target,) if target is not None else candidate_targets(measured)
    parts = []
    for path in paths:
        leaf = find(measured.batch.root, path)
        if isinstance(leaf, Leaf):
            parts.append(f"{spell_path(path)} {leaf.dtype}{shape_text(leaf)}")
    what = ", ".join(parts) or "nothing: forward takes the whole batch"
    evidence = (f"output       {outputs or 'nothing with a batch dimension'}", f"left over    {what}")
    if "ranking" in wishes.patterns:
        about = "the ranks: integers of the shape of the scores, [batch, M]"
        return AnswerNeeded(
            "--pattern ranking needs scores [batch, M] and integer ranks of the same shape",
            questions=(Question("--target", "", about, None, evidence, "KEY"),),
            hint='name the ranks: --target KEY, or call them "true_ranks" in the batch',
        )
    if target is not None:
        about = f"how the output and {spell_path(target)} are compared: a function (output, target) -> scalar loss"
        question = Question("--loss", "", about, None, evidence, "module:name")
    else:
        question = Question("--target", "", "what the output is compared with", None, evidence, "KEY")
    return AnswerNeeded(
        f"{ONE_ANSWER}: what the output is compared with",
        flags=("--loss module:name",) if target is not None else ("--target KEY", "--loss module:name"),
        questions=(question,),
        hint="a listed loss takes a target of a shape that fits; any other: a function, --loss module:name",
    )


def _ask_about_target(wishes: Wishes, read: list[Reading]) -> None:
    """Two parts of the batch that explain the output equally well, and no name that says which."""
    best = read[0]
    if wishes.target is not None or best.target is None or best.feeds:
        return
    rivals = [
        each for each in read[1:] if each.target not in (None, best.target) and not each.feeds and not each.fit.problem
    ]
    rivals = [each for each in rivals if best.score - each.score < 2]
    if not rivals:
        return
    likely = _spell(best.target)
    others = tuple(dict.fromkeys(_spell(each.target) for each in rivals))
    evidence = (f"likely {likely}: {best.fit.reason}", *(f"or {other}" for other in others))
    question = Question("--target", "", "the part of the batch that the loss compares with", likely, evidence)
    raise AnswerNeeded(ONE_ANSWER, questions=(question,))


def _ask_about_output(read: list[Reading]) -> None:
    """Two outputs that fit the target equally well, and no name that says which."""
    best = read[0]
    rivals = [
        each
        for each in read[1:]
        if each.output.path != best.output.path
        and each.target == best.target
        and each.target is not None
        and best.score == each.score
    ]
    if rivals:
        names = ", ".join(spell_path(each.output.path) for each in (best, *rivals))
        about = f"outputs {names} fit the target {_spell(best.target)} equally well"
        likely = f"likely {spell_path(best.output.path)}, the first"
        raise AnswerNeeded(
            ONE_ANSWER,
            questions=(Question("--loss", "", about, None, (likely,), "module:name"),),
            hint="a function (outputs, target) -> loss that combines them, or --factory with a model that returns one",
        )


def _own_function(wishes: Wishes, measured: TorchFacts, read: list[Reading], target: Path | None) -> ChosenObjective:
    """``--loss module:name``: called with the output and the target, neither of them prepared.

    A model with several outputs has all of them passed on, as forward returned them. Where no part of the batch is left
    over, the model's first input is the target. Where nobody gave a batch, the target is what the best reading wants.
    """
    assert wishes.loss is not None
    single = measured.output_kind == "tensor" and measured.output
    best = next((each for each in read if each.target is not None), None)
    facts = best.facts if best is not None else measured
    path = target
    if path is None and best is not None:
        path = best.target
    if path is None:
        left = candidate_targets(measured)
        if len(left) > 1:
            likely = max(left, key=lambda each: name_bonus(each, TARGET_NAMES) - side_penalty(each))
            evidence = tuple(f"{'likely' if each == likely else 'or'} {spell_path(each)}" for each in left)
            about = f"what {wishes.loss} is given beside the output"
            raise AnswerNeeded(ONE_ANSWER, questions=(Question("--target", "", about, spell_path(likely), evidence),))
        path = left[0] if left else next(iter(feeding_inputs(measured)), (None,))[0]
    task = best.task if best is not None and single else None
    outputs = predictions(measured) or measured.output
    metrics, epoch_metrics, metric_decision = _metrics(wishes, task, best.fit if best and task else None)
    auxiliaries, notes = choose_auxiliaries(wishes, measured, taken=()) if wishes.auxiliaries else ((), ())
    objective = Objective(
        task=task.TASK if task is not None else "regression",  # words only: no listed loss, no metrics of it
        loss=wishes.loss,
        prediction=(),
        output_kind=measured.output_kind,
        target=path,
        target_variable=_target_variable(path, best.added if best is not None else ()),
        metrics=metrics,
        epoch_metrics=epoch_metrics,
        auxiliaries=auxiliaries,
        classes=best.fit.classes if best is not None and task is not None else None,
        target_low=best.fit.low if best is not None else None,
        target_high=best.fit.high if best is not None else None,
    )
    what = "the output" if single else f"all outputs (a {measured.output_kind})"
    against = f" and {_spell(path)}" if path is not None else ""
    decisions = (
        *(_added_decisions(wishes, best, wishes.loss) if best is not None else ()),
        *_target_decision(wishes, path, None),
        Decision("loss", f"loss {wishes.loss}", f"your function, called with {what}{against}", "--loss", given=True),
        *metric_decision,
        *notes,
    )
    return ChosenObjective(objective, decisions, outputs[0], facts)


def _decide(wishes: Wishes, reading: Reading, read: list[Reading]) -> ChosenObjective:
    fit, task, output = reading.fit, reading.task, reading.output
    option = (_option(fit, wishes.loss) if wishes.loss else None) or fit.losses[0]
    metrics, epoch_metrics, metric_decision = _metrics(wishes, task, fit)
    taken = (output.path, *(each.path for each in reading.roles if each.origin == "output"))
    auxiliaries, notes = choose_auxiliaries(wishes, reading.facts, taken=taken, own=task.TASK == "own-loss")
    objective = Objective(
        task=task.TASK,
        loss=option.name,
        prediction=output.path,
        output_kind=reading.facts.output_kind,
        target=reading.target,
        target_variable=_target_variable(reading.target, reading.added),
        target_prepare=option.target_prepare,
        prediction_prepare=option.prediction_prepare,
        metrics=metrics,
        epoch_metrics=epoch_metrics,
        auxiliaries=auxiliaries,
        classes=fit.classes,
        target_low=fit.low,
        target_high=fit.high,
        parts=tuple(_part(each) for each in reading.roles),
        terms=option.terms,
        constants=option.constants,
        heads=fit.heads if isinstance(fit, Proposal) else (),
    )
    decisions = (
        *_prediction_decision(reading),
        *_added_decisions(wishes, reading, option.name),
        *(() if reading.added else _target_decision(wishes, reading.target, _other_target(reading, read))),
        _loss_decision(wishes, reading, option, read),
        *metric_decision,
        *notes,
    )
    return ChosenObjective(objective, decisions, output, reading.facts)


def _part(role: Role) -> Part:
    return Part(
        role.name,
        role.origin,
        role.path,
        role.variable or role.name,
        role.prepare,
        role.output,
        role.low,
        role.high,
    )


def _prediction_decision(reading: Reading) -> tuple[Decision, ...]:
    """Which of several outputs is compared, where nobody gave a target that would tell."""
    learnt = [each for each in reading.facts.output if each.sizes and each.has_graph]
    if not reading.facts.synthesised or len(learnt) < 2 or not isinstance(reading.fit, Proposal):
        return ()
    path = spell_path(reading.output.path)
    others = [spell_path(each.path) for each in learnt if each.path != reading.output.path]
    reason = f"of the {len(learnt)} outputs, the one that {reading.task.TASK} takes"
    choice = f"prediction {path} {shape_text(reading.output)}"
    runner_up = f"{', '.join(others[:3])}: no name says so"
    return (Decision("prediction", choice, reason, "--loss", runner_up, False, reading.fit.assumed),)


def _added_decisions(wishes: Wishes, reading: Reading, loss: str) -> tuple[Decision, ...]:
    """A line for each part that is put into a batch that nobody gave."""
    found = []
    for each in reading.added:
        leaf = find(reading.facts.batch.root, each.path)
        assert isinstance(leaf, Leaf)
        name = _target_variable(each.path, reading.added)
        given = wishes.target == name
        choice = f"target {name} {leaf.dtype} {shape_text(leaf)}"
        reason = f"nobody gave one: what {loss} compares with"
        found.append(Decision("target", choice, reason, "--batch", None, given, not given))
    return tuple(found)


def _loss_decision(wishes: Wishes, reading: Reading, option: LossOption, read: list[Reading]) -> Decision:
    fit, task = reading.fit, reading.task
    others = [each for each in fit.losses if each.name != option.name]
    different = next((each for each in read if each.task.TASK != task.TASK), None)
    runner_up: str | None
    if different is not None:
        runner_up = f"{different.fit.losses[0].name} ({different.task.TASK}): {different.fit.reason}"
    else:
        runner_up = f"{others[0].name}: {others[0].reason}" if others else None
    special = option.reason if option.reason != task.LOSSES.get(option.name) else ""
    reason = f"{fit.reason}; {special}" if special else fit.reason
    given = wishes.loss is not None
    return Decision("loss", f"loss {option.name}", reason, "--loss", runner_up, given, fit.assumed and not given)


def _other_target(reading: Reading, read: list[Reading]) -> str | None:
    for each in read:
        if each.target not in (None, reading.target) and not each.feeds:
            return f"{_spell(each.target)}: {each.fit.reason}"
    return None


def _target_decision(wishes: Wishes, path: Path | None, runner_up: str | None) -> tuple[Decision, ...]:
    if path is None:
        return ()
    reason = "you said so" if wishes.target is not None else "the part of the batch that does not go into forward"
    if wishes.target is None and runner_up is None:
        # One candidate is no choice: the loss's line says what is compared.
        return ()
    return (Decision("target", f"target {_spell(path)}", reason, "--target", runner_up, wishes.target is not None),)


def _metrics(
    wishes: Wishes, task: Task | None, fit: Fit | None
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Decision, ...]]:
    """Batch metrics, epoch metrics, and the decision; the task's own unless the user named some."""
    offered = (*task.METRICS, *task.EPOCH_METRICS) if task is not None else ()
    epoch = task.EPOCH_METRICS if task is not None else ()
    for name in wishes.metrics:
        if ":" not in name and name not in offered:
            where = task.TASK if task is not None else "a loss of your own"
            raise UnusableInput(
                f"--metric {name} does not belong to {where}",
                hint=f"{did_you_mean(name, offered)}; or a function of yours: --metric module:name",
            )
    names = wishes.metrics
    if not names and task is not None:
        names = fit.metrics if fit is not None and fit.metrics is not None else task.DEFAULT_METRICS
    if not names:
        return (), (), ()
    reason = "you said so" if wishes.metrics or task is None else f"what {task.TASK} is judged by"
    others = [name for name in offered if name not in names]
    runner_up = f"{', '.join(others)}: known for this task too" if others else None
    decision = Decision("metrics", f"metrics {', '.join(names)}", reason, "--metric", runner_up, bool(wishes.metrics))
    return (
        tuple(name for name in names if name not in epoch),
        tuple(name for name in names if name in epoch),
        (decision,),
    )


def _target_variable(path: Path | None, added: Sequence[Role] = ()) -> str:
    """The part's key as a local name; of one that was put into a pair, the name it was proposed by."""
    wanted = next((each.variable for each in added if each.path == path and each.variable), "")
    name = str(path[-1]) if path and isinstance(path[-1], str) else wanted
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else "targets"


def _spell(path: Path | None) -> str:
    return spell_path(path) if path is not None else "nothing"


def _place(reading: Reading) -> str | None:
    leaf = None if reading.target is None else find(reading.facts.batch.root, reading.target)
    return leaf.place if isinstance(leaf, Leaf) else None


__all__ = ["Auxiliary", "ChosenObjective", "choose_objectives", "readings"]
