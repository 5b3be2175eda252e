"""Chooses the objective: task, loss, values and metrics, from what the tasks judge of every pair or propose themselves."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import AnswerNeeded, Question, UnusableInput, UserCodeFailed, did_you_mean
from ...inspection.batch_spec import Leaf, Path, find, leaves, parse_path, spell_path
from ...inspection.model_facts import ModelFacts
from ...planning.plan import Decision, Objective, Part
from ...planning.wishes import Wishes
from .auxiliaries import choose_auxiliaries
from .facts import OutputFacts, TorchFacts
from .objective_decisions import (
    added_decisions,
    loss_decision,
    other_target,
    prediction_decision,
    target_decision,
    target_variable,
)
from .objective_questions import (
    ONE_ANSWER,
    ask_about_a_missing_head,
    ask_about_output,
    ask_about_raw_outputs,
    ask_about_target,
    nothing_fits,
)
from .objectives import Fit, LossOption, Proposal, Task
from .pairs import TARGET_NAMES, candidate_targets, feeding_inputs, name_bonus, predictions, side_penalty
from .proposals import demand_no_adversary, look
from .readings import Reading, readings
from .seen import Role

SPLIT = 6
"""Two readings closer than this are both planned for: the proof decides. Scores are the tasks' (see `objectives`)."""


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
        seen = look(wishes, model, measured)
        ask_about_raw_outputs(wishes, seen)
        ask_about_a_missing_head(wishes, seen)
    target = _wished_target(wishes, measured)
    read = readings(wishes, model, measured, target)
    if wishes.loss is not None and ":" in wishes.loss:
        return (_own_function(wishes, model, measured, read, target),)
    if wishes.loss is not None:
        read = _only_loss(wishes.loss, read)
    if not read:
        raise nothing_fits(wishes, measured, target)
    best = read[0]
    if best.fit.problem is not None:
        raise UserCodeFailed(
            best.fit.problem,
            place=_place(best),
            hint=f"a model with more classes, or another target: --target (now {_spell(best.target)})",
        )
    if not measured.synthesised:
        ask_about_target(wishes, read)
        ask_about_output(read)
    if best.fit.question is not None and wishes.loss is None:
        likely = best.fit.losses[0].name
        raise AnswerNeeded(
            ONE_ANSWER,
            questions=(Question("--loss", "", best.fit.question, likely, (f"likely {likely}: {best.fit.reason}",)),),
            hint=best.fit.hint,
        )
    chosen = [best]
    if wishes.loss is None and wishes.target is None:
        close = (each for each in read[1:] if best.score - each.score < SPLIT and not each.fit.problem)
        chosen += [each for each in close if each.task.TASK != best.task.TASK and not each.fit.question][:2]
    return tuple(_decide(wishes, model, each, read) for each in chosen)


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


def _own_function(
    wishes: Wishes, model: ModelFacts, measured: TorchFacts, read: list[Reading], target: Path | None
) -> ChosenObjective:
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
    auxiliaries, notes = (
        choose_auxiliaries(wishes, look(wishes, model, measured), measured, taken=())
        if wishes.auxiliaries
        else ((), ())
    )
    objective = Objective(
        task=task.TASK if task is not None else "regression",  # words only: no listed loss, no metrics of it
        loss=wishes.loss,
        prediction=(),
        output_kind=measured.output_kind,
        target=path,
        target_variable=target_variable(path, best.added if best is not None else ()),
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
        *(added_decisions(wishes, best, wishes.loss) if best is not None else ()),
        *target_decision(wishes, path, None),
        Decision("loss", f"loss {wishes.loss}", f"your function, called with {what}{against}", "--loss", given=True),
        *metric_decision,
        *notes,
    )
    return ChosenObjective(objective, decisions, outputs[0], facts)


def _decide(wishes: Wishes, model: ModelFacts, reading: Reading, read: list[Reading]) -> ChosenObjective:
    fit, task, output = reading.fit, reading.task, reading.output
    option = (_option(fit, wishes.loss) if wishes.loss else None) or fit.losses[0]
    metrics, epoch_metrics, metric_decision = _metrics(wishes, task, fit)
    taken = (output.path, *(each.path for each in reading.roles if each.origin == "output"))
    own = task.TASK == "own-loss"
    auxiliaries, notes = choose_auxiliaries(wishes, look(wishes, model, reading.facts), reading.facts, taken, own=own)
    objective = Objective(
        task=task.TASK,
        loss=option.name,
        prediction=output.path,
        output_kind=reading.facts.output_kind,
        target=reading.target,
        target_variable=target_variable(reading.target, reading.added),
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
        bare_in_eval=reading.facts.bare_in_eval,
    )
    decisions = (
        *prediction_decision(reading),
        *added_decisions(wishes, reading, option.name),
        *(
            ()
            if reading.added
            else target_decision(wishes, reading.target, other_target(reading, read), feeds=reading.feeds)
        ),
        loss_decision(wishes, reading, option, read),
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


def _spell(path: Path | None) -> str:
    return spell_path(path) if path is not None else "nothing"


def _place(reading: Reading) -> str | None:
    leaf = None if reading.target is None else find(reading.facts.batch.root, reading.target)
    return leaf.place if isinstance(leaf, Leaf) else None
