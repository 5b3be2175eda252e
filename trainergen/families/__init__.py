"""Kinds of things to train, one folder each, found by listing this one; a folder with a ``claims.py`` is a family."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ..errors import UnusableInput
from ..inspection.model_facts import ModelFacts


def families() -> tuple[str, ...]:
    """Names of the families, in alphabetical order."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(__path__) if each.ispkg))


def choose(facts: ModelFacts) -> str:
    """The family that claims the model: the first whose ``claims.claims(facts)`` gives a reason.

    Raises:
        UnusableInput: none claims it.
    """
    for name in families():
        if part(name, "claims").claims(facts) is not None:
            return name
    raise UnusableInput(
        f"{facts.reference}: no kind of model that trainergen knows",
        place=str(facts.place),
        hint=f"families: {', '.join(families()) or 'none'}; a class that derives from torch.nn.Module, or a function",
    )


def part(family: str, name: str) -> Any:
    """A module of a family, by its name: ``claims``, ``opinions``."""
    return importlib.import_module(f"{__name__}.{family}.{name}")
