"""All names of one trainer, from the class's name or ``--name``, and the conflicts that they can have."""

from __future__ import annotations

import keyword
import re

from ..errors import Conflict, UnusableInput
from ..inspection.model_facts import ModelFacts
from ..inspection.project_facts import ProjectFacts
from .plan import Decision, Names
from .wishes import Wishes

BUILDERS = ("build_", "create_", "make_", "get_", "load_")
"""Prefixes of functions that return a model; the trainer is named after what they build."""

RESERVED = ("base",)
"""``train/base_trainer.py`` and ``BaseTrainerConfig`` are the project's own."""


def snake_case(name: str) -> str:
    """``SimilarityModel`` as ``similarity_model``, ``HTTPNet2D`` as ``http_net2d``; what is snake case stays."""
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"_(\d*)_?D(?=_|$)", r"_\1d", text) if re.search(r"_\d+_?D(_|$)", text) else text
    return re.sub(r"__+", "_", text).strip("_").lower()


def pascal_case(name: str) -> str:
    """``digits_net`` as ``DigitsNet``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_") if part)


def name_trainer(wishes: Wishes, model: ModelFacts, project: ProjectFacts) -> Names:
    """The names of DESIGN's section on them, checked against the project.

    Raises:
        UnusableInput: ``--name`` is no Python name or a keyword.
        Conflict: a name is taken by something that no record calls ours, or differs from a taken one only in case.
    """
    snake, base = base_name(wishes, model)
    package = project.package
    folder = f"{package}/" if package else ""
    prefix = f"{package}." if package else ""
    names = Names(
        snake=snake,
        trainer_class=f"{base}Trainer",
        config_class=f"{base}TrainerConfig",
        section=f"train_{snake}",
        trainer_file=f"{folder}train/{snake}_trainer.py",
        trainer_module=f"{prefix}train.{snake}_trainer",
        config_file=f"{folder}config/train.py",
        config_module=f"{prefix}config.train",
        config_init=f"{folder}config/__init__.py",
        train_init=f"{folder}train/__init__.py",
        base_module=f"{prefix}train.base_trainer",
        ini_file=f"{folder}config.ini",
        record_file=f".trainergen/{snake}_trainer.json",
        command=f"python -m {package} {base}" if package else f"python train.py {base}",
    )
    _check_free(names, project)
    return names


def base_name(wishes: Wishes, model: ModelFacts) -> tuple[str, str]:
    """(snake-case name, CamelCase name)."""
    if wishes.name is not None:
        name = wishes.name
        if not name.isidentifier() or not name.isascii():
            raise UnusableInput(f"--name {name}: not a Python name", hint="snake case, such as digits_net")
        if keyword.iskeyword(name) or keyword.issoftkeyword(name):
            raise UnusableInput(f"--name {name}: a Python keyword", hint=f"for example --name {name}_model")
        snake = snake_case(name.removesuffix("Trainer").removesuffix("_trainer"))
        if not snake or not snake[0].isalpha():
            raise UnusableInput(f"--name {name}: nothing left to name a file by", hint="snake case, such as digits_net")
        if snake in RESERVED:
            raise UnusableInput(
                f"--name {name}: train/{snake}_trainer.py is the project's own", hint=f"--name {snake}_model"
            )
        return snake, name.removesuffix("Trainer") if name[0].isupper() and "_" not in name else pascal_case(snake)
    name = model.name
    if model.kind == "function":
        for prefix in BUILDERS:
            if name.startswith(prefix) and len(name) > len(prefix):
                name = name[len(prefix) :]
                break
    name = name.strip("_") or "model"
    snake = snake_case(name)
    if keyword.iskeyword(snake) or snake in RESERVED:
        return f"{snake}_model", f"{pascal_case(snake)}Model"
    return snake, name if name[0].isupper() and "_" not in name else pascal_case(name if "_" in name else snake)


def _check_free(names: Names, project: ProjectFacts) -> None:
    """What a record of ours names may exist: staging compares it. Anything else of that name is the user's."""
    record = names.record_file.rpartition("/")[2]
    ours = record in project.records
    hint = "another name for this trainer: --name NAME"
    if not ours:
        if names.section in project.sections:
            raise Conflict(
                f"{project.config_file} has a section [{names.section}] already", place=project.config_file, hint=hint
            )
        if names.trainer_class in project.registry:
            raise Conflict(f"{names.trainer_class} is taken in TRAINER_REGISTRY", place=names.train_init, hint=hint)
        file = names.trainer_file.rpartition("/")[2]
        if file in project.train_files:
            raise Conflict(
                f"{names.trainer_file} exists and no record calls it ours", place=names.trainer_file, hint=hint
            )
    taken = (
        (names.section, project.sections, project.config_file),
        (names.trainer_class, project.registry, names.train_init),
        (names.trainer_file.rpartition("/")[2], project.train_files, names.trainer_file.rpartition("/")[0]),
        (record, project.records, ".trainergen"),
    )
    for name, others, place in taken:
        for other in others:
            if other != name and other.lower() == name.lower():
                raise Conflict(f"{name} differs only in case from {other} in {place}", place=place, hint=hint)


def name_decisions(wishes: Wishes, names: Names, project: ProjectFacts) -> tuple[Decision, ...]:
    """Name and package, where somebody or something chose them."""
    found = []
    if wishes.name is not None:
        found.append(Decision("name", f"name {names.snake}", "you said so", "--name", given=True))
    if project.package:
        if wishes.package is not None:
            reason, given = "you said so", True
        elif project.scaffold:
            reason, given = "the default project stands there", False
        else:
            reason = (
                f"{', '.join(project.owned)} {'is' if len(project.owned) == 1 else 'are'} yours and would be in the way"
            )
            given = False
        found.append(Decision("package", f"package {project.package}", reason, "--package", given=given))
    return tuple(found)
