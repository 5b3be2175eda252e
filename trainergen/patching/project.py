"""All edits that put one trainer into a project: registry, config dataclass, its export, its ini section."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from ..errors import Conflict
from ..planning.plan import Names
from . import exports, registries
from .configs import dataclass_module, ini
from .draft import Edit


class RegistryStyle(Protocol):
    """What a file in `registries` offers."""

    def detect(self, data: bytes, path: str) -> bool:
        """Whether the file holds a registry of this style."""

    def edit(
        self, data: bytes, path: str, *, key: str, target: str, width: int, quote: str = '"', spread: bool = True
    ) -> Edit:
        """Add an entry."""

    def read_back(self, data: bytes, path: str) -> dict[str, str]:
        """What the registry lists."""


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


def registry_styles() -> dict[str, RegistryStyle]:
    """Every registry style by name: each module in `registries` is one."""
    names = sorted(module.name for module in pkgutil.iter_modules(registries.__path__))
    return {name: cast("RegistryStyle", import_module(f"{registries.__name__}.{name}")) for name in names}


def registry_style(data: bytes, path: str) -> RegistryStyle:
    """The style of the registry in a file.

    Raises:
        Conflict: none that we know, or the file does not parse.
    """
    for style in registry_styles().values():
        if style.detect(data, path):
            return style
    from .source import Source

    Source(data, path)  # a file that does not parse says so itself, with the line
    raise Conflict(
        f"{path} holds no registry of trainers that can be edited",
        place=path,
        hint='write it as one dict literal: TRAINER_REGISTRY: dict[str, str] = {"Name": "module:Class"}',
    )


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
        names.train_init: registry_style(registry, names.train_init).edit(
            registry,
            names.train_init,
            key=names.trainer_class,
            target=f"{names.trainer_module}:{names.trainer_class}",
            width=width,
            quote=parts.quote,
            spread=parts.spread,
        ),
    }
