"""What a project is, as far as this release reads it: its root, its layout, its formatter, and whether it is our default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Formatter:
    """The project's own formatter and where it is configured (ours where it has none)."""

    name: Literal["black", "ruff"]
    line_length: int
    place: str | None = None
    quotes: Literal["double", "single", "preserve"] = "double"
    target_version: str | None = None


@dataclass(frozen=True)
class ProjectFacts:
    """Facts about the project that a trainer goes into.

    Attributes:
        root: absolute path of the project.
        root_reason: why this folder is the root (``--project``, ``pyproject.toml found``, ``the current folder``).
        package: the package below which ``train/`` and ``config/`` live (``--package``), "" for the root itself.
        scaffold: whether the default project is there (its ``train/base_trainer.py``, ``config/base.py``, config.ini).
        vendored: whether that project carries the runtime's source (``--vendor``).
        owned: files of the user's that the default layout would collide with (``train.py``, ``config.py``,
            ``dataloader.py``, ``train/`` or ``config/`` folders that are not ours), which send everything below a package.
        config_file: relative path of config.ini (existing or to be).
        train_module: import name of the train package (``train`` or ``training.train``).
        config_module: import name of the config package.
        sections: section names already in config.ini.
        registry: keys already in TRAINER_REGISTRY, in order.
        files: every file name directly below root (for case conflicts and stub names).
        formatter: see `Formatter`.
        records: file names in ``.trainergen/`` (trainers generated before).
        train_files: file names of Python modules in the train package.
    """

    root: str
    root_reason: str
    package: str = ""
    scaffold: bool = False
    vendored: bool = False
    owned: tuple[str, ...] = ()
    config_file: str = "config.ini"
    train_module: str = "train"
    config_module: str = "config"
    sections: tuple[str, ...] = ()
    registry: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    formatter: Formatter = Formatter("black", 88)
    records: tuple[str, ...] = ()
    train_files: tuple[str, ...] = ()
