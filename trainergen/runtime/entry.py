"""What a project's ``train/cli.py`` calls: list trainers, find one by name, run one with overrides."""

from __future__ import annotations

import ast
import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import ConfigError, did_you_mean
from .trainer import Trainer

DRY_RUN_STEPS = 10


def list_trainers(registry: Mapping[str, str], root: Path | str) -> list[tuple[str, str]]:
    """Every key of `registry` with the first docstring line of its class, read with ``ast``: nothing is imported.

    Args:
        registry: key to ``"module:Class"``.
        root: the folder from which the modules are imported.

    Returns:
        Pairs (key, line); the line says what is wrong where a module can't be read.
    """
    return [(key, _first_docstring_line(target, Path(root))) for key, target in registry.items()]


def find_trainer(name: str, registry: Mapping[str, Any]) -> str:
    """The key that `name` means: upper and lower case are one, the suffix ``Trainer`` is optional.

    Raises:
        LookupError: there is none; the message says which is near.
    """
    if name in registry:
        return name
    for wanted in (name.lower(), f"{name.lower()}trainer"):
        for key in registry:
            if key.lower() == wanted:
                return key
    raise LookupError(
        f"there is no trainer {name!r}; {did_you_mean(name, [key.removesuffix('Trainer') for key in registry])}"
    )


def load_trainer(target: str) -> type[Trainer[Any, Any]]:
    """The class that ``"module:Class"`` names, imported.

    Raises:
        LookupError: the module has no such trainer.
    """
    module_name, _, class_name = target.partition(":")
    found = getattr(importlib.import_module(module_name), class_name, None)
    if not isinstance(found, type):
        raise LookupError(f"{module_name} has no class {class_name!r}: correct the registry's entry {target!r}")
    return found


def run_trainer(
    trainer_class: type[Trainer[Any, Any]],
    overrides: Sequence[str] = (),
    *,
    dry_run: bool = False,
    max_steps: int | None = None,
    resume: str | None = None,
) -> list[dict[str, Any]]:
    """Build a trainer from its configuration and train it.

    Args:
        trainer_class: what to run.
        overrides: ``section.key=value``, the section being the trainer's own.
        dry_run: a few real steps, one short evaluation, no run folder.
        max_steps: optimizer steps at most; in a dry run instead of ten.
        resume: ``"auto"`` or a path, see `Trainer.resume`.

    Returns:
        The history.

    Raises:
        ConfigError: an override or the config.ini can't be used.
    """
    config_class = trainer_class.config_class
    config = config_class.load(overrides=parse_overrides(overrides, config_class.SECTION))
    if max_steps is not None and not dry_run:
        config = dataclasses.replace(config, max_steps=max_steps)
    trainer = trainer_class.from_config(config)
    if dry_run:
        trainer.dry_run_steps = max_steps or DRY_RUN_STEPS
    elif resume is not None:
        trainer.resume(resume)
    return trainer.train()


def parse_overrides(overrides: Sequence[str], section: str) -> dict[str, str]:
    """``["section.key=value"]`` as ``{key: value}``.

    Raises:
        ConfigError: not of this form, or another section's.
    """
    found: dict[str, str] = {}
    for override in overrides:
        path, equals, value = override.partition("=")
        given, dot, key = path.strip().rpartition(".")
        if not equals or not dot or not key:
            message = f"{override!r} is not of the form section.key=value, such as {section}.learning_rate=0.001"
            raise ConfigError(message, file="command line")
        if given != section:
            hint = did_you_mean(given, [section])
            raise ConfigError(f"{override!r} is for section [{given}], this trainer reads [{section}]; {hint}")
        found[key] = value
    return found


def _first_docstring_line(target: str, root: Path) -> str:
    module_name, _, class_name = target.partition(":")
    stem = root.joinpath(*module_name.split("."))
    files = [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()]
    if not files:
        return f"(no module {module_name} below {root})"
    try:
        tree = ast.parse(files[0].read_text(encoding="utf-8-sig"))
    except SyntaxError as problem:
        return f"(syntax error in {files[0].name}, line {problem.lineno})"
    except (OSError, ValueError) as problem:
        return f"({files[0].name} can't be read: {problem})"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return (ast.get_docstring(node) or "(no docstring)").splitlines()[0]
    return f"(no class {class_name} in {files[0].name})"
