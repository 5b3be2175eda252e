"""A project's own way to train, from all that recognises a part of it: its base trainer, registries and settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .contracts.recognise import recognise
from .errors import AnswerNeeded, Conflict, Question
from .inspection.training import ProjectIndex, survey
from .inspection.training_facts import TrainingFacts
from .namesakes import without_rivals
from .patching.configs.survey.words import normal
from .patching.configuration import ConfigPlace, Configuration, Field, configure, find_config
from .patching.draft import Edit, as_one
from .patching.joining import Entry, Registration, Registry, Sibling
from .patching.registration import find_registries, register

if TYPE_CHECKING:
    from .contracts.contract_facts import ContractFacts
    from .inspection.project_facts import ProjectFacts
    from .planning.plan import Names, TrainerPlan
    from .planning.wishes import Wishes
    from .settings import Settings

REGISTRY_WORDS = ("regist", "entry_points", "__subclasses__", "import_module", "iter_modules", "getattr(")
"""What a file that knows the trainers without naming them says."""


@dataclass(frozen=True)
class Home:
    """Where a new trainer comes to live.

    Attributes:
        training: what was read of the project.
        contract: of its base trainer.
        siblings: the trainers that exist.
        registries: every place that lists them.
        config: where they have their settings.
        files: the files that were looked at for those.
    """

    training: TrainingFacts
    contract: ContractFacts
    siblings: tuple[Sibling, ...]
    registries: tuple[Registry, ...]
    config: ConfigPlace
    files: tuple[str, ...]

    def command(self, key: str) -> str:
        """What trains the trainer `key`; "" where no program was found that starts trainings."""
        entry = self.training.entry
        return "" if entry is None else " ".join((entry.command, *entry.selection(key)))

    @property
    def decides(self) -> set[str]:
        """Topics that are the project's own affair, so that no choice of ours is told: the siblings are followed there."""
        loss = self.contract.duty("loss")
        more = loss is not None and loss.gives in ("pair", "mapping")
        return {"optimizer", "scheduler"} if more else {"optimizer", "scheduler", "metrics"}


@dataclass(frozen=True)
class Joined:
    """What becoming one of the project's trainers takes, beside the new file: see the two."""

    registration: Registration
    configuration: Configuration

    @property
    def edits(self) -> dict[str, Edit]:
        """Of both, by path; the registry's were made on what the settings' left."""
        found = dict(self.configuration.edits)
        for path, edit in self.registration.edits.items():
            first = found.get(path)
            label = "" if first is None else ", ".join(dict.fromkeys((first.label, edit.label)))
            found[path] = edit if first is None else as_one((first, edit), path, label)
        return found


def with_wishes(settings: Settings, wishes: Wishes) -> Settings:
    """The project's settings, below what was typed."""
    return replace(
        settings,
        base_trainer=wishes.base_trainer or settings.base_trainer,
        registry=wishes.registry or settings.registry,
        config=wishes.config or settings.config,
        entry_point=wishes.entry_point or settings.entry_point,
    )


def survey_project(root: Path, settings: Settings, generated: frozenset[str]) -> tuple[ProjectIndex, TrainingFacts]:
    """The project's source, and how it trains.

    Args:
        root: the project.
        settings: what the user decided.
        generated: files of trainers that were generated before: they do not decide how they are generated again.
    """
    index = ProjectIndex(root, exclude=generated)
    return index, survey(index, settings)


def find_home(index: ProjectIndex, training: TrainingFacts, settings: Settings) -> Home | None:
    """The project's own way, None where a trainer goes into the default project.

    Raises:
        AnswerNeeded: two base trainers are as likely, or what the base asks for can't be told.
        Conflict: nothing of the base trains; registry or settings can't be read.
    """
    if training.undecided:
        raise _which_base(training)
    base = training.chosen
    if base is None:
        return None
    read = reader(index.root, index)
    contract = recognise(base, read)
    _demand_loop(contract)
    siblings = tuple(Sibling(each.name, each.module, each.file) for each in base.siblings)
    words = {word for each in siblings for word in (each.name, each.module, Path(each.file).stem)}
    files = index.mentioning(*sorted(words), *REGISTRY_WORDS)
    if settings.registry is not None:
        files = tuple(dict.fromkeys((settings.registry, *(each.file for each in siblings))))
    files = (*files, *(each for each in ("pyproject.toml", "setup.cfg") if (index.root / each).is_file()))
    configs = (*index.files, *index.settings)
    return Home(
        training=training,
        contract=contract,
        siblings=siblings,
        registries=find_registries(read, without_rivals(files, training, read), siblings, training.roots),
        config=find_config(read, configs, siblings, base.facts.file, style=settings.config or ""),
        files=configs,
    )


def _demand_loop(contract: ContractFacts) -> None:
    """A base, or a trainer below it, has to hold the model and run the loop: what another object does is not proven.

    Raises:
        Conflict: it does neither.
    """
    if contract.kind == "functions":
        return
    held = {*contract.attributes, *(slot for _, slot in (*contract.awaited, *contract.constructor.before_super))}
    runs = contract.run or contract.duty("train", "train_epoch", "train_step") is not None
    if runs and (contract.sibling is not None or "model" in held):
        return
    base = contract.base.facts
    lacks = "keeps no model, and no trainer below it shows where one goes" if runs else "has no method that trains"
    raise Conflict(
        f"{base.name} {lacks}: another object runs its loop",
        place=f"{base.file}:{base.line}",
        hint="the class with the loop: --base-trainer MODULE:CLASS; trainergen's own project: --base-trainer default",
    )


def join(
    home: Home,
    plan: TrainerPlan,
    project: ProjectFacts,
    read: Callable[[str], bytes | None],
    render: Callable[[Joined], str],
) -> Joined:
    """Registry entry and settings of the trainer that `plan` describes.

    Only what the trainer reads, or its siblings have too, becomes a setting: a value that nothing reads tells lies.

    Args:
        home: where it goes.
        plan: names and settings.
        project: its formatter.
        read: the bytes of a file as it would be without this trainer.
        render: the trainer's text.

    Raises:
        Conflict: a name is taken, or a file can't be edited.
    """
    fields = tuple(Field(each.name, each.default, each.annotation, each.doc) for each in plan.settings)
    joined = _joined(home, plan, project, read, fields)
    text = render(joined)
    keys = {normal(key[-1]) for key in home.config.keys}
    slots, access = joined.configuration.slots, joined.configuration.reached
    wanted = tuple(
        each
        for each in fields
        if reads(text, access.get(each.name, "")) or (each.name in slots and normal(slots[each.name].keys[-1]) in keys)
    )
    return joined if wanted == fields else _joined(home, plan, project, read, wanted)


def reads(text: str, expression: str) -> bool:
    """Whether a trainer's text reads a setting by `expression`, whatever it calls the configuration."""
    tail = expression.rpartition("{config}")[2].replace("'", '"')
    return bool(tail) and re.search(re.escape(tail) + r"(?!\w)", text.replace("'", '"')) is not None


def _joined(
    home: Home,
    plan: TrainerPlan,
    project: ProjectFacts,
    read: Callable[[str], bytes | None],
    fields: tuple[Field, ...],
) -> Joined:
    def known(path: str) -> bytes:
        data = read(path)
        if data is None:
            raise FileNotFoundError(path)
        return data

    width, quote = project.formatter.line_length, "'" if home.training.style.quotes == "single" else '"'
    entry = entry_of(plan.names, home, plan.model.summary)
    settings = configure(home.config, fields, entry, known, width=width, quote=quote, files=home.files)

    def edited(path: str) -> bytes:
        return settings.edits[path].after if path in settings.edits else known(path)

    entry = replace(entry, config=_config_class(settings, entry))
    registered = register(home.registries, entry, edited, home.siblings, width=width, quote=quote)
    return Joined(registered, settings)


def _config_class(configuration: Configuration, entry: Entry) -> str:
    """``module:Class`` of the trainer's configuration, where it has a class; "" where it has none."""
    if configuration.definition:
        return f"{entry.module}:{configuration.annotation}"
    return next((f"{module}:{name}" for module, name in configuration.imports if name == configuration.annotation), "")


def mentioning_all(index: ProjectIndex, words: tuple[str, ...]) -> tuple[str, ...]:
    """Files of the project that mention all of `words`."""
    found = [set(index.mentioning(each)) for each in words]
    return tuple(path for path in index.files if all(path in each for each in found))


def entry_of(names: Names, home: Home, summary: str = "") -> Entry:
    """The new trainer as registries and configurations are told of it."""
    return Entry(
        snake=names.snake,
        class_name=names.trainer_class,
        module=names.trainer_module,
        file=names.trainer_file,
        base=home.contract.base.facts.name,
        summary=summary,
    )


def reader(root: Path, index: ProjectIndex) -> Callable[[str], bytes]:
    """Reads what the index has read already, and files that are no Python."""

    def read(path: str) -> bytes:
        return index.read(path) if path.endswith(".py") else (root / path).read_bytes()

    return read


def _which_base(training: TrainingFacts) -> AnswerNeeded:
    likely = training.bases[:4]
    named = [f"{each.facts.module}:{each.facts.name}" for each in likely]
    return AnswerNeeded(
        f"the project has {len(training.bases)} base trainers, and nothing says which this one is for",
        questions=(
            Question(
                "--base-trainer",
                "",
                "the class to inherit from",
                named[0],
                tuple(
                    f"{name}  {each.facts.file}:{each.facts.line}  {'; '.join(each.reasons[:2])}"
                    for name, each in zip(named, likely, strict=True)
                ),
            ),
        ),
    )
