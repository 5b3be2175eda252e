"""The names of a trainer in a project that has trainers already: file, class and command as its siblings have them."""

from __future__ import annotations

from pathlib import Path

from ..errors import Conflict
from ..inspection.model_facts import ModelFacts
from ..inspection.training_facts import TrainingFacts
from .names import base_name
from .plan import Decision, Names
from .wishes import Wishes


def name_as_siblings(
    wishes: Wishes, model: ModelFacts, training: TrainingFacts, root: Path, records: tuple[str, ...] = ()
) -> Names:
    """The names that the siblings' patterns give.

    What only the default project has (a config class and its section) is left empty: the style of the project's
    configuration names those.

    Args:
        wishes: ``--name``.
        model: what it is for.
        training: how the project trains; `chosen` is there.
        root: the project's folder.
        records: file names in ``.trainergen/``.

    Raises:
        UnusableInput: ``--name`` is no Python name or a keyword.
        Conflict: a file or a class of that name is the user's, or differs from one only in case.
    """
    snake, base = base_name(wishes, model)
    style = training.style
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
        trainer_module=module_of(file, training.roots),
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


def module_of(file: str, roots: tuple[str, ...]) -> str:
    """The import name of a file of the project: relative to the deepest of its `roots` that holds it."""
    holding = [each for each in roots if not each or file.startswith(f"{each}/")]
    inside = max(holding, key=len, default="")
    path = file.removeprefix(f"{inside}/") if inside else file
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


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


def base_decision(training: TrainingFacts) -> Decision:
    """Which base trainer, and why."""
    assert training.chosen is not None
    facts, reasons = training.chosen.facts, training.chosen.reasons
    runner_up = next((each for each in training.bases if each.facts != facts), None)
    return Decision(
        "base",
        f"base {facts.name}",
        "as base-trainer says" if training.by_setting else "; ".join(reasons[:2]),
        "--base-trainer",
        runner_up=None if runner_up is None else f"{runner_up.facts.module}:{runner_up.facts.name}",
        given=training.by_setting,
    )
