"""The rules: one file each, found by being here; its docstring says when it fires, `observe` is a pure function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace

from ..evidence import Evidence
from ..observation import ORDER, Observation

Rule = Callable[[Evidence], Observation | None]


def rules() -> dict[str, Rule]:
    """Name to rule, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f".{name}", __name__).observe for name in names}


def observe(seen: Evidence) -> tuple[Observation, ...]:
    """What the rules see, the gravest first, those of one severity in the order of the rules' names."""
    found = [(name, rule(seen)) for name, rule in rules().items()]
    said = [replace(observation, rule=name) for name, observation in found if observation is not None]
    return tuple(sorted(said, key=lambda each: ORDER.index(each.severity)))
