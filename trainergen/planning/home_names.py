"""The names of a trainer in a project that has trainers already: file, class and command as its siblings have them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..errors import Conflict
from ..inspection.model_facts import ModelFacts
from ..inspection.module_names import module_name
from ..inspection.training_facts import TrainingFacts
from .names import base_name, pascal_case, snake_case
from .plan import Decision, Names
from .wishes import Wishes


def name_as_siblings(
    wishes: Wishes,
    model: ModelFacts,
    training: TrainingFacts,
    root: Path,
    read: Callable[[str], bytes],
    records: tuple[str, ...] = (),
) -> Names:
    """The names that the siblings' patterns give.

    What only the default project has (a config class and its section) is left empty: the style of the project's
    configuration names those.

    Args:
        wishes: ``--name``.
        model: what it is for.
        training: how the project trains; `chosen` is there.
        root: the project's folder.
        read: the bytes of a file of the project.
        records: file names in ``.trainergen/``.

    Raises:
        UnusableInput: ``--name`` is no Python name or a keyword.
        Conflict: a file or a class of that name is the user's, or differs from one only in case.
    """
    snake, base = base_name(wishes, model)
    style = training.style
    if wishes.name is None and (ending := model_ending(base, training, read)):
        base = base.removesuffix(ending)
        snake = snake_case(base)
    words = {"snake": snake, "lower": snake.replace("_", ""), "Camel": base, "kebab": snake.replace("_", "-")}
    file = style.file_name.format(**words)
    class_name = style.class_name.format(**words)
    record_file = f".trainergen/{Path(file).stem}.json"
    names = Names(
        snake=snake,
        trainer_class=class_name,
        config_class="",
        section="",
        trainer_file=file,
        trainer_module=module_name(file, training.roots),
        config_file="",
        config_module="",
        config_init="",
        train_init="",
        base_module=training.chosen.facts.module if training.chosen is not None else "",
        ini_file="",
        record_file=record_file,
        command=training.entry.command if training.entry is not None else "",
    )
    if Path(record_file).name not in records:
        _demand_free(names, training, root)
    return names


def model_ending(base: str, training: TrainingFacts, read: Callable[[str], bytes]) -> str:
    """What the siblings leave out of their models' names: ``Net`` where ``WineTrainer`` trains ``WineNet``; "" for nothing.

    All of them have to do so, for a model whose name ends as this one's does.
    """
    before, _, after = re.sub(r"\{\w+\}", "*", training.style.class_name).partition("*")
    siblings = training.chosen.siblings if training.chosen is not None else ()
    cores = [
        (
            pascal_case(each.name.removeprefix(before).removesuffix(after)),
            read(each.file).decode("utf-8", errors="replace"),
        )
        for each in siblings
        if each.name.startswith(before) and each.name.endswith(after)
    ]
    for ending in re.findall(r"[A-Z][a-z0-9]*", base)[1:][-1:]:
        if cores and all(re.search(rf"\b{re.escape(core)}{ending}\b", text) for core, text in cores if core):
            return str(ending)
    return ""


def _demand_free(names: Names, training: TrainingFacts, root: Path) -> None:
    hint = "another name for this trainer: --name NAME"
    path = root / names.trainer_file
    if path.exists():
        raise Conflict(f"{names.trainer_file} exists and no record calls it ours", place=names.trainer_file, hint=hint)
    others = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    for other in others:
        if other.lower() == path.name.lower():
            raise Conflict(f"{path.name} differs only in case from {other}", place=names.trainer_file, hint=hint)
    for each in training.chosen.siblings if training.chosen is not None else ():
        if each.name.lower() == names.trainer_class.lower():
            raise Conflict(f"{each.name} is taken", place=f"{each.file}:{each.line}", hint=hint)


def home_decisions(training: TrainingFacts, contract: str, reasons: tuple[str, ...]) -> tuple[Decision, ...]:
    """Which base trainer, and under which contract.

    Args:
        training: how the project trains.
        contract: the kind.
        reasons: why it is that.
    """
    if training.chosen is None:
        return ()
    facts = training.chosen.facts
    runner_up = next((each for each in training.bases if each.facts != facts), None)
    return (
        Decision(
            "base",
            f"base {facts.name}",
            "as base-trainer says" if training.by_setting else "; ".join(training.chosen.reasons[:2]),
            "--base-trainer",
            runner_up=None if runner_up is None else f"{runner_up.facts.module}:{runner_up.facts.name}",
            given=training.by_setting,
        ),
        Decision("contract", f"contract {contract.replace('_', '-')}", "; ".join(reasons[:2])),
    )
