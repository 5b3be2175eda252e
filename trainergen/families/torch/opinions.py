"""The torch family's opinions: from facts to everything in a plan that depends on the kind of thing to train."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...inspection.batch_spec import BatchSpec, leaves, spell_path
from ...inspection.model_facts import ModelFacts
from ...plain import from_plain
from ...planning.plan import Check, DataPlan, Decision, Input, Objective, OptimizerPlan, SchedulerPlan, Setting
from ...planning.wishes import Wishes
from .auxiliaries import loss_settings
from .checks import build_checks
from .data_plan import choose_data, data_settings
from .facts import Binding, TorchFacts
from .objective_choice import ChosenObjective, choose_objectives
from .objectives import loss_names, metric_names
from .optimizers import check_optimizer, choose_optimizer
from .patterns import choose_feeding, input_of, inputs, pattern_decision, pattern_words, variable_name
from .schedulers import check_scheduler, choose_scheduler
from .training_hints import read_hints

__all__ = ["Opinion", "check_words", "loss_names", "metric_names", "opinions", "read_facts"]


@dataclass(frozen=True)
class Opinion:
    """One ranked way to train the model, but for names and constructor arguments. Fields as in `TrainerPlan`."""

    patterns: tuple[str, ...]
    batch: BatchSpec
    feeding: str
    inputs: tuple[Input, ...]
    whole_batch: bool
    checks: tuple[Check, ...]
    objective: Objective
    optimizer: OptimizerPlan
    scheduler: SchedulerPlan | None
    data: DataPlan
    settings: tuple[Setting, ...]
    decisions: tuple[Decision, ...]
    output_symbols: tuple[int | str, ...]
    notes: tuple[str, ...]
    bindings: tuple[Binding, ...] = ()


def read_facts(plain: object) -> TorchFacts:
    """The family's facts from what the lab's ``build`` answered."""
    return from_plain(TorchFacts, plain)


def check_words(wishes: Wishes) -> None:
    """Refuses names that this family does not know, before anything is built.

    Raises:
        UnusableInput: with a did-you-mean.
    """
    check_optimizer(wishes.optimizer)
    check_scheduler(wishes.scheduler)


def opinions(wishes: Wishes, model: ModelFacts, measured: TorchFacts, *, package: str) -> tuple[Opinion, ...]:
    """Ways to train the model, best first.

    Args:
        wishes: what the user asked for.
        model: what the source says.
        measured: what the lab saw.
        package: where generated modules lie.

    Raises:
        UnusableInput, AnswerNeeded, UserCodeFailed: see `choose_objectives`, `choose_feeding`, `choose_optimizer`.
    """
    check_words(wishes)
    hints = read_hints(model)
    optimizer = choose_optimizer(wishes, model, measured, hints)
    scheduler = choose_scheduler(wishes, measured, hints)
    particular = optimizer.particular or scheduler.plan is not None
    asked = wishes.optimizer or wishes.scheduler or wishes.optimizer_arguments
    why = "you ask for its own optimizer" if asked else f"the {model.kind} asks for its own optimizer"
    found = []
    for chosen in choose_objectives(wishes, model, measured):
        facts = chosen.facts
        feeding = choose_feeding(wishes, model, facts)
        parts = inputs(model, facts)
        objective = _named(chosen.objective, parts)
        ranking = objective.task == "ranking"
        words = pattern_words(wishes, feeding[0], ranking, particular)
        rank_key = spell_path(objective.target) if objective.target is not None else None
        data = choose_data(facts, ranking=ranking, package=package)
        found.append(
            Opinion(
                patterns=words,
                batch=facts.batch,
                feeding=feeding[0],
                inputs=parts,
                whole_batch=facts.feeding.whole,
                checks=build_checks(facts, _leaves_fed(facts, parts), objective, chosen.output),
                objective=objective,
                optimizer=optimizer.plan,
                scheduler=scheduler.plan,
                data=data,
                settings=(
                    *data_settings(facts.loader, data, 0 if facts.synthesised else facts.batch.samples),
                    *optimizer.settings,
                    *scheduler.settings,
                    *loss_settings(objective),
                ),
                decisions=(
                    pattern_decision(wishes, words, feeding, rank_key, why),
                    *chosen.decisions,
                    optimizer.decision,
                    *([scheduler.decision] if scheduler.decision else []),
                ),
                output_symbols=chosen.output.dims,
                notes=_notes(facts, chosen),
                bindings=facts.bindings,
            )
        )
    return tuple(found)


def _named(objective: Objective, parts: tuple[Input, ...]) -> Objective:
    """The objective with variables that no input has; a value that is an input keeps the input's, prepared further."""
    taken = {each.variable for each in parts} | {"self", "batch", "loss", "outputs", "prediction"}
    same = input_of(parts, objective.target) if objective.target is not None else None
    variable = same.variable if same is not None else variable_name(objective.target_variable, taken, "targets")
    taken.add(variable)
    named = []
    for part in objective.parts:
        name = variable_name(part.variable, taken, part.role)
        taken.add(name)
        named.append(replace(part, variable=name))
    return replace(objective, target_variable=variable, parts=tuple(named))


def _leaves_fed(measured: TorchFacts, parts: tuple[Input, ...]) -> tuple[Input, ...]:
    """The parts of the batch that go in; all of it where forward takes the batch whole."""
    if not measured.feeding.whole:
        return parts
    return tuple(Input(path, str(path[-1]) if path else "inputs") for path, _ in leaves(measured.batch.root))


def _notes(measured: TorchFacts, chosen: ChosenObjective) -> tuple[str, ...]:
    """What is special about this model, one sentence each."""
    found = []
    if measured.batch_norm:
        found.append("Batch norm needs at least two samples a batch: a loader should drop a last batch of one.")
    tied = [each for each in measured.parameters if each.tied_to is not None]
    if tied:
        found.append(f"{tied[0].name} and {tied[0].tied_to} are one tensor: saved once, trained once.")
    frozen = [each for each in measured.parameters if not each.trainable]
    if frozen:
        found.append(
            f"{len(frozen)} of {len(measured.parameters)} parameters are frozen ({frozen[0].name}, ...): left out."
        )
    moving = [each.name for each in measured.buffers if each.moves_in_eval]
    if moving:
        found.append(f"A forward in eval mode changes {', '.join(moving[:3])}: the model's own doing.")
    if measured.dtype not in ("float32", ""):
        found.append(f"The model computes in {measured.dtype}.")
    if chosen.objective.loss in ("nll", "bce", "nll_of_probabilities"):
        found.append("The model applies its own last activation: the loss adds none.")
    return tuple(found)
