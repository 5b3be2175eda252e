"""All edits that put one trainer into a project: registry, config dataclass, its export, its ini section."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from ..planning.plan import Names
from . import exports, registries
from .configs import dataclass_module, ini
from .draft import Edit
from .registries import default


@dataclass(frozen=True)
class Parts:
    """The texts that go into files which may exist already.

    Attributes:
        config_class: source of the config dataclass.
        config_imports: (module, name) pairs that it uses.
        ini_section: the section of config.ini, header included.
        quote: the project's, for a registry that is empty yet.
        spread: whether the project's formatter leaves a short literal with a trailing comma on several lines.
    """

    config_class: str
    config_imports: tuple[tuple[str, str], ...]
    ini_section: str
    quote: str = '"'
    spread: bool = True


def registry_styles() -> dict[str, ModuleType]:
    """Every registry style by name, the default project's among them: each module in `registries` is one."""
    names = sorted(module.name for module in pkgutil.iter_modules(registries.__path__))
    return {name: import_module(f"{registries.__name__}.{name}") for name in names}


def edit_project(names: Names, parts: Parts, read: Callable[[str], bytes], *, width: int) -> dict[str, Edit]:
    """The edits that one trainer needs, by path, in the order they are reported.

    Args:
        names: of the trainer.
        parts: what rendering wrote for existing files.
        read: the bytes of a path now: on disk, or as the scaffold in the same change set has it.
        width: the project formatter's line length.

    Raises:
        Conflict: a file can't be edited, or holds one of the names already.
    """
    registry = read(names.train_init)
    module = "." + names.config_module.rpartition(".")[2]
    return {
        names.config_file: dataclass_module.edit(
            read(names.config_file),
            names.config_file,
            name=names.config_class,
            text=parts.config_class,
            imports=parts.config_imports,
            width=width,
        ),
        names.config_init: exports.edit(
            read(names.config_init), names.config_init, module=module, name=names.config_class, width=width
        ),
        names.ini_file: ini.edit(read(names.ini_file), names.ini_file, section=names.section, text=parts.ini_section),
        names.train_init: default.edit(
            registry,
            names.train_init,
            key=names.trainer_class,
            target=f"{names.trainer_module}:{names.trainer_class}",
            width=width,
            quote=parts.quote,
            spread=parts.spread,
        ),
    }
