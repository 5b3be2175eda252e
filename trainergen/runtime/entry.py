"""What a project's ``train/cli.py`` calls: its command line, trainers listed, found by name, run with overrides."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CheckpointError, ConfigError, did_you_mean
from .launch import read_launch
from .trainer import Trainer

if TYPE_CHECKING:
    from .before import FlagFile

DRY_RUN_STEPS = 10


def run_command_line(
    registry: Mapping[str, str], arguments: Sequence[str] | None = None, *, prog: str, root: Path | str
) -> int:
    """``python train.py NAME ...``: all options that there are, so that a project gets new ones with this package.

    Args:
        registry: key to ``"module:Class"``.
        arguments: None for those of the process.
        prog: how the program is called, in messages.
        root: the folder from which the registry's modules are imported.

    Returns:
        The exit code: 0, 1 where a flag found a fault, 2 where the command line or the configuration can't be used.

    Raises:
        SystemExit: argparse's own way to end: after ``--help``, and with 2 after a mistake in the options.
        Exception: what goes wrong while training, as it is.
    """
    from .before import flag_names, load_flag

    flags = {name: load_flag(name) for name in flag_names()}
    parser = _parser(prog, flags)
    options = parser.parse_intermixed_args(arguments)
    if options.list:
        for name, line in list_trainers(registry, root):
            sys.stdout.write(f"{name:<32}  {line}\n")
        return 0
    if options.name is None:
        parser.error("give the NAME of a trainer, or --list")
    asked = [name for name in flags if getattr(options, name)]
    problem = _contradiction(options, asked, flags)
    if problem:
        parser.error(problem)
    try:
        trainer_class = load_trainer(registry[find_trainer(options.name, registry)])
        if not asked:
            run_trainer(trainer_class, options.overrides, max_steps=options.max_steps, resume=options.resume)
            return 0
        return _run_flag(flags[asked[0]], trainer_class, options, getattr(options, asked[0]))
    except (CheckpointError, ConfigError, LookupError) as mistake:
        if isinstance(mistake, (KeyError, IndexError)):  # these are the trainer's own
            raise
        sys.stderr.write(f"{parser.prog}: error: {mistake}\n")
        return 2


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


def _parser(prog: str, flags: Mapping[str, FlagFile]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Train a model of this project.")
    parser.add_argument("name", metavar="NAME", nargs="?", help="a trainer; see --list")
    parser.add_argument("overrides", metavar="section.key=value", nargs="*", help="a setting that wins over config.ini")
    parser.add_argument("--list", action="store_true", help="list the trainers")
    parser.add_argument("--max-steps", type=_positive, metavar="N", help="stop after N optimizer steps")
    parser.add_argument("--resume", metavar="auto|PATH", help="go on with the newest unfinished run, or with this one")
    before = parser.add_argument_group("before a run (one of them; on one process)")
    for name, file in flags.items():
        told = file.FLAG.help.replace("%", "%%")
        if file.FLAG.metavar is None:
            before.add_argument(_option(name), action="store_true", help=told)
        else:
            before.add_argument(_option(name), type=_positive, metavar=file.FLAG.metavar, help=told)
    return parser


def _contradiction(options: argparse.Namespace, asked: Sequence[str], flags: Mapping[str, FlagFile]) -> str | None:
    """What of the options does not go together, in a sentence."""
    if not asked:
        return None
    flag = _option(asked[0])
    if len(asked) > 1:
        return f"{' and '.join(_option(name) for name in asked)}: give one of them"
    if options.resume is not None:
        return f"--resume goes with a training, not with {flag}"
    if options.max_steps is not None and not flags[asked[0]].FLAG.takes_steps:
        return f"--max-steps says nothing to {flag}"
    launch = read_launch(os.environ)
    if launch is not None:
        return f"{flag} runs on one process, and here are {launch.world_size}: start it without torchrun or srun"
    return None


def _run_flag(file: FlagFile, trainer_class: type[Trainer[Any, Any]], options: argparse.Namespace, value: Any) -> int:
    from .before.parts.answers import Request

    config_class = trainer_class.config_class
    config = config_class.load(overrides=parse_overrides(options.overrides, config_class.SECTION))
    number = 0 if value is True else int(value)
    answer = file.run(Request(trainer_class, config, number, options.max_steps))
    sys.stdout.write(answer.text())
    return answer.exit_code


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return int(text)


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
