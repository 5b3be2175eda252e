"""From facts to ranked trainer plans: the family's opinions, names, the model's construction."""

from __future__ import annotations

import importlib
from typing import Any

from ..inspection.model_facts import ModelFacts
from ..inspection.project_facts import ProjectFacts
from .assumptions import batch_guesses
from .bindings import bind_checks
from .names import name_decisions, name_trainer
from .plan import ModelArgument, ModelPlan, Names, TrainerPlan
from .questions import check_words
from .settings import all_settings, model_arguments
from .wishes import Wishes

CONTRACT = "default"
"""Trainergen's own."""


def plan(
    wishes: Wishes,
    model: ModelFacts,
    measured: Any,
    project: ProjectFacts,
    family: str = "torch",
    *,
    names: Names | None = None,
    contract: str = CONTRACT,
) -> list[TrainerPlan]:
    """Ways to train the model in this project, best first; more than one only where the evidence is split.

    Args:
        wishes: what the user asked for.
        model: what the source says.
        project: where it goes.
        measured: the family's own facts (`TorchFacts`).
        family: as `families.choose` gave it.
        names: those of the default project where None.
        contract: of the base trainer.

    Raises:
        UnusableInput: an option that does not fit the facts (exit 2).
        Conflict: a name that is taken (3).
        AnswerNeeded: what only the user knows, with the flags (4).
        UserCodeFailed: targets that contradict the model (5).
    """
    opinions: Any = importlib.import_module(f"..families.{family}.opinions", __package__)
    check_words(wishes, family)
    names = names if names is not None else name_trainer(wishes, model, project)
    arguments, argument_settings, argument_decisions = model_arguments(
        wishes, model, measured.search.construction if measured.search else None, measured.implicit
    )
    found = []
    for opinion in opinions.opinions(wishes, model, measured, package=project.package):
        decisions = (
            *batch_guesses(opinion.batch, opinion.inputs),
            *opinion.decisions,
            *name_decisions(wishes, names, project),
            *argument_decisions,
        )
        found.append(
            TrainerPlan(
                family=family,
                contract=contract,
                patterns=opinion.patterns,
                names=names,
                model=_model_plan(wishes, model, arguments),
                batch=opinion.batch,
                feeding=opinion.feeding,
                inputs=opinion.inputs,
                checks=bind_checks(opinion.checks, opinion.objective, opinion.bindings, arguments, argument_settings),
                objective=opinion.objective,
                optimizer=opinion.optimizer,
                data=opinion.data,
                scheduler=opinion.scheduler,
                settings=all_settings(
                    opinion.settings,
                    argument_settings,
                    data=opinion.data,
                    optimizer=opinion.optimizer,
                    scheduler=opinion.scheduler,
                ),
                decisions=decisions,
                whole_batch=opinion.whole_batch,
                output_symbols=opinion.output_symbols,
                notes=opinion.notes,
                package=project.package,
                vendored=wishes.vendor or project.vendored,
                dtype=measured.dtype,
            )
        )
    return found


def _model_plan(wishes: Wishes, model: ModelFacts, arguments: tuple[ModelArgument, ...]) -> ModelPlan:
    is_class = model.kind == "class"
    module, name = model.module, model.name
    if wishes.factory is not None:
        module, _, name = wishes.factory.partition(":")
    return ModelPlan(
        module=module,
        name=name,
        class_module=model.module if is_class else None,
        class_name=model.name if is_class else None,
        arguments=arguments,
        summary=_summary(model),
    )


def _summary(model: ModelFacts) -> str:
    """The first line of the docstring; a class without one is described by its signature."""
    lines = (model.docstring or "").strip().splitlines()
    if lines and lines[0].strip():
        return lines[0].strip()
    takes = ", ".join(each.name for each in (model.forward if model.kind == "class" else model.init))
    return f"{model.name}: {'forward(' if model.kind == 'class' else model.name + '('}{takes})"
