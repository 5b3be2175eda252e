"""Which contract a project's base trainer has: every folder here that detects one is asked."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Conflict
from .functions.reading import recognise_functions
from .nearest import nearest_base
from .survey import survey

if TYPE_CHECKING:
    from types import ModuleType

    from ..inspection.training_facts import BaseTrainer
    from .class_source import Read
    from .contract_facts import ContractFacts


def recognise(base: BaseTrainer, read: Read) -> ContractFacts:
    """The contract of `base`.

    Args:
        base: the project's base trainer.
        read: the bytes of a relative POSIX path.

    Raises:
        Conflict: a required method's purpose can't be told, or the whole is no contract that is known.
    """
    if base.facts.is_function:
        return recognise_functions(base, read)
    base = nearest_base(base, read)
    found = survey(base, read)
    for module in _detectors():
        facts: ContractFacts | None = module.detect(found)
        if facts is not None:
            return facts
    required = [f"{name} ({file_of(base, name)}:{each.line})" for name, each in base.inherited.items() if each.required]
    raise Conflict(
        f"{base.facts.name} asks its subclasses for nothing that trains",
        place=f"{base.facts.file}:{base.facts.line}",
        notes=(f"it asks for {', '.join(required) or 'no method at all'}",),
        hint='name another base with base-trainer in [tool.trainergen], or base-trainer = "default"',
    )


def file_of(base: BaseTrainer, name: str) -> str:
    """The file of the class that a method is inherited from."""
    return next(each.file for each in (base.facts, *base.lineage) if each.method(name) is not None)


def _detectors() -> list[ModuleType]:
    """The folders' ``detect`` modules that recognise a base, the most demanding first."""
    folder = Path(__file__).parent
    names = sorted(each.name for each in pkgutil.iter_modules([str(folder)]) if each.ispkg)
    modules = [import_module(f".{name}.detect", __package__) for name in names]
    return sorted((each for each in modules if hasattr(each, "RANK")), key=lambda each: int(each.RANK))
