"""TG008: a config dataclass with a SECTION of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .facts import CONFIG, class_attribute, constant_of, is_end
from .unread import unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .source import Scope, Source
    from .subject import Subject

CODE = "TG008"
NAME = "config dataclass with SECTION"
WHAT = (
    "A trainer that gives a loss names its config_class; that class, and every config class of a config file, is a "
    "dataclass, leads to BaseTrainerConfig, has SECTION: ClassVar[str] of its own with a name that no other config "
    "class of the project has, and gives each of its fields a type and a default; the project reads each of them. (A "
    "base is exempt: named Base... or _..., or inherited from.)"
)
WHY = (
    "Two configs with one section overwrite each other's values; without the decorator the new fields are class "
    "attributes that config.ini never reaches; a field without default breaks every config.ini written before it; "
    "whoever tunes a setting that nobody reads compares runs that are the same."
)
_TRAINER = """\
from config.train import DigitsTrainerConfig
from model import DigitsNet
from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    config_class = DigitsTrainerConfig

    @classmethod
    def build_model(cls, config):
        return DigitsNet(dropout=config.dropout)

    def compute_loss(self, batch):
        return self.model(batch)
"""
_CONFIG = """\
from dataclasses import dataclass
from typing import ClassVar

from config.base import BaseTrainerConfig


@dataclass
class DigitsTrainerConfig(BaseTrainerConfig):
    SECTION: ClassVar[str] = "train_digits"

    dropout: float = 0.1
"""
PASSING = {"train/digits_trainer.py": _TRAINER, "config/train.py": _CONFIG}
FAILING = {"train/digits_trainer.py": _TRAINER, "config/train.py": _CONFIG.replace("@dataclass\n", "")}
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 8 of ten"
WATCHES = (ast.ClassDef,)


def check(node: ast.AST, _scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, ast.ClassDef)
    if node in subject.configs:
        yield from _config(node, subject)
    elif node in subject.trainers:
        yield from _trainer(node, subject)


def _trainer(node: ast.ClassDef, subject: Subject) -> Iterator[Finding]:
    lineage = dict(subject.concrete()).get(node)
    if lineage is None:
        return
    hint = "config_class = <Name>TrainerConfig, a dataclass that inherits BaseTrainerConfig and has a SECTION"
    found = lineage.attribute("config_class")
    if found is None or found[1].value is None:
        yield subject.finding(CODE, node, f"{node.name} names no config_class", hint)
        return
    source, statement = found
    dotted = source.dotted(statement.value) if statement.value is not None else None
    config = subject.facts.definition(dotted) if dotted is not None else None
    if not isinstance(config, tuple) or not isinstance(config[1], ast.ClassDef):
        return
    descent = subject.facts.lineage(config[0], config[1])
    at = statement if source is subject.source else node
    if descent.certain and not descent.ends and config[1].name != CONFIG:
        message = f"{config[1].name} does not inherit {CONFIG}"
        yield subject.finding(CODE, at, message, hint)
    elif is_end(descent, CONFIG) and not _section(config[1]):
        message = f"{config[1].name} ({config[0].path}:{config[1].lineno}) has no SECTION of its own"
        yield subject.finding(CODE, at, message, hint)
    elif is_end(descent, CONFIG):
        for name in unread(config[1], config[0], lineage, subject.facts):
            message = f"{config[1].name}.{name} is read nowhere: what config.ini says of it changes nothing"
            yield subject.finding(CODE, at, message, f"hand config.{name} to what it is for, or remove the field")


def _config(node: ast.ClassDef, subject: Subject) -> Iterator[Finding]:
    if node.name.startswith(("Base", "_")) or _inherited_from(node, subject.source):
        return
    if not _is_dataclass(node, subject):
        yield subject.finding(
            CODE, node, f"{node.name} is no dataclass: its fields are not read", "decorate it: @dataclass"
        )
    hint = f'SECTION: ClassVar[str] = "train_..." in {node.name}'
    statement = class_attribute(node, "SECTION")
    section = _section(node)
    if statement is None or section is None:
        at = statement or node
        yield subject.finding(CODE, at, f"{node.name} has no SECTION with a name of config.ini", hint)
    elif not _is_class_variable(statement, subject):
        yield subject.finding(CODE, statement, "SECTION without ClassVar[str] is a field, not the section's name", hint)
    else:
        for value, path, line, owner in subject.facts.sections(subject.source.path):
            if value == section and (path, line) != (subject.source.path, node.lineno):
                message = f"[{section}] is the SECTION of {owner} too ({path}:{line})"
                yield subject.finding(CODE, statement, message, "give each config class a section of its own")
                break
    for item in node.body:
        yield from _field(node, item, subject)


def _field(node: ast.ClassDef, item: ast.stmt, subject: Subject) -> Iterator[Finding]:
    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
        if item.value is None and not _is_class_variable(item, subject):
            message = f"{node.name}.{item.target.id} has no default"
            yield subject.finding(CODE, item, message, "give it a sensible default: a config.ini may leave it out")
    elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
        name = item.targets[0].id
        if name.islower() and not name.startswith("_"):
            message = f"{node.name}.{name} has no type: it is no field, and config.ini does not reach it"
            yield subject.finding(CODE, item, message, f"annotate it: {name}: <type> = ...")


def _section(node: ast.ClassDef) -> str | None:
    value = constant_of(class_attribute(node, "SECTION"))
    return value if isinstance(value, str) and value.strip() and value != "DEFAULT" else None


def _is_class_variable(statement: ast.AnnAssign | ast.Assign, subject: Subject) -> bool:
    if not isinstance(statement, ast.AnnAssign):
        return False
    annotation = statement.annotation
    target = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return subject.dotted(target) in ("typing.ClassVar", "typing_extensions.ClassVar")


def _is_dataclass(node: ast.ClassDef, subject: Subject) -> bool:
    """Whether it certainly or possibly is one: a decorator that we do not know may make it one."""
    return bool(node.decorator_list) and any(
        subject.dotted(item.func if isinstance(item, ast.Call) else item) != "typing.final"
        for item in node.decorator_list
    )


def _inherited_from(node: ast.ClassDef, source: Source) -> bool:
    return any(
        isinstance(base, ast.Name) and base.id == node.name for other in source.classes.values() for base in other.bases
    )
