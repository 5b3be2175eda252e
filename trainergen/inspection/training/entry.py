"""How a user starts a training here: the program, and the options by which a trainer is named, listed, kept short."""

from __future__ import annotations

import ast
import configparser
import posixpath
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from ...errors import UnusableInput, did_you_mean
from ..training_facts import BaseTrainer, EntryPoint
from .index import ProjectIndex
from .options import Option, Program, read_program
from .outline import Unreadable, parse
from .walk import is_test

MOST_READ = 12
"""Programs whose options are read: those with the likeliest names."""
STARTS = re.compile(
    r"^(train|main_train|run_train|train_main|training)(er)?s?$|^train_|_train$|^fit$|^launch$|^run_experiment$"
)
PERHAPS = re.compile(r"^(main|run|cli|__main__|app|start|experiment|run_\w+|launch\w*)$")
OTHER = re.compile(
    r"eval|test|infer|predict|export|convert|demo|plot|prepare|download|preprocess|benchmark|setup|serve|visuali"
)
SELECTING = ("trainer", "trainer_name", "trainer_class", "trainer_type", "task", "model", "model_name", "recipe", "method",
             "algo", "algorithm", "arch", "job", "runner", "experiment", "exp", "name", "type")  # fmt: skip
"""Words for the option that names what is trained, the clearest first."""
LISTING = re.compile(r"^(list|list_\w+|show_trainers|available|ls)$")
STEPS = re.compile(
    r"^(max|num|n|total|train|training)?_*(train_|training_|global_)?(steps?|iters?|iterations?|updates?|batches)$"
)
EPOCHS = re.compile(r"^(max|num|n|total|train|training)?_*(train_|training_)?(epochs?)(_num)?$")
LIMITS = re.compile(r"^(limit_(train_)?batches|max_(train_)?batches|max_(train_)?samples)$")
SHORT = re.compile(r"^(fast_dev_run|smoke|smoke_test|quick|quick_test)$")


@dataclass(frozen=True)
class Found:
    """A program that may start trainings.

    Attributes:
        entry: what it comes to.
        program: its options.
        score: how likely it is the one.
    """

    entry: EntryPoint
    program: Program
    score: int


@dataclass(frozen=True)
class _Start:
    command: str
    kind: Literal["script", "module", "console-script"]
    path: str
    function: str = ""


def find_entries(index: ProjectIndex, base: BaseTrainer | None, told: Collection[str]) -> tuple[Found, ...]:
    """Programs that may start trainings, the likeliest first.

    Args:
        index: the project.
        base: its base trainer.
        told: commands that its documentation shows (``python train.py``).
    """
    starts = [*_scripts(index), *_console_scripts(index)]
    starts.sort(key=lambda each: (-_by_name(each, told), each.path, each.command))
    found = [_read(index, each, base, told) for each in starts[:MOST_READ]]
    kept = [each for each in found if each.score > 0]
    return tuple(sorted(kept, key=lambda each: (-each.score, each.entry.file.count("/"), each.entry.file)))


def named(index: ProjectIndex, wanted: str, base: BaseTrainer | None, place: str) -> Found:
    """The program that the user names: a command, a script, a module, or a console script.

    Raises:
        UnusableInput: there is none of that name.
    """
    starts = [*_scripts(index), *_console_scripts(index)]
    words = [each for each in wanted.split() if not re.fullmatch(r"python[\d.]*|-m", each)]
    asked = words[0] if words else ""
    for path in index.files:  # any file may be named, also one without a __main__ block
        if asked.removeprefix("./") == path and all(each.path != path for each in starts):
            starts.append(_script(index, path))
    for each in starts:
        names = {each.command, each.command.rpartition(" ")[2], each.path, index.module_name(each.path)}
        if wanted in names or asked.removeprefix("./") in names:
            return _read(index, each, base, ())
    raise UnusableInput(
        f"entry-point {wanted}: no such program in this project",
        place=place,
        hint=did_you_mean(wanted, tuple(each.command for each in starts)),
    )


def _scripts(index: ProjectIndex) -> list[_Start]:
    return [
        _script(index, path)
        for path in index.programs()
        if not is_test(path)
        and posixpath.basename(path) not in ("setup.py", "conftest.py", "noxfile.py")
        and (path.endswith("__main__.py") or b"__main__" in index.peek(path))
    ]


def _script(index: ProjectIndex, path: str) -> _Start:
    folder, name = posixpath.split(path)
    if name == "__main__.py":
        return _Start(f"python -m {index.module_name(path).removesuffix('.__main__')}", "module", path)
    in_package = f"{folder}/__init__.py" in index.files
    relative = re.search(rb"^from[ \t]+\.", index.peek(path), re.MULTILINE) is not None
    if relative or in_package:
        return _Start(f"python -m {index.module_name(path)}", "module", path)
    return _Start(f"python {path}", "script", path)


def _console_scripts(index: ProjectIndex) -> list[_Start]:
    """Programs that the installed package brings, whose functions are in this project."""
    found: dict[str, str] = {}
    root = index.root
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8-sig"))
        tables = [document.get("project", {}).get("scripts", {})]
        tables.append(document.get("tool", {}).get("poetry", {}).get("scripts", {}))
        for table in tables:
            found |= {name: target for name, target in table.items() if isinstance(target, str)}
    except (OSError, ValueError, AttributeError):
        pass
    try:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(root / "setup.cfg", encoding="utf-8")
        for line in parser.get("options.entry_points", "console_scripts", fallback="").splitlines():
            name, sign, target = (part.strip() for part in line.partition("="))
            if sign:
                found[name] = target
    except (OSError, ValueError, configparser.Error):
        pass
    if "setup.py" in index.files and b"console_scripts" in index.peek("setup.py"):
        found |= _of_setup(index.peek("setup.py"))
    starts = []
    for name, target in found.items():
        module, _, function = target.partition("[")[0].strip().partition(":")
        path = index.locate(module)
        if path is not None:
            starts.append(_Start(name, "console-script", path, function))
    return starts


def _of_setup(data: bytes) -> dict[str, str]:
    try:
        tree, _ = parse(data)
    except Unreadable:
        return {}
    texts = [each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    matches = [re.fullmatch(r"\s*([\w.-]+)\s*=\s*([\w.]+:\w+)\s*", each) for each in texts]
    return {match[1]: match[2] for match in matches if match is not None}


def _by_name(start: _Start, told: Collection[str]) -> int:
    """How much the names alone speak for a program."""
    stem = posixpath.basename(start.path).removesuffix(".py")
    folder = posixpath.basename(posixpath.dirname(start.path))
    name = start.command if start.kind == "console-script" else stem
    score = 6 if STARTS.search(name.replace("-", "_")) else 2 if PERHAPS.search(name) else 0
    if stem == "__main__":
        score += 3 if re.search("train", folder) else 1
    if start.kind == "console-script":
        score += 1
    if "train" in name.lower() and score < 6:
        score = 4
    if OTHER.search(name.lower()) and "train" not in name.lower():
        score -= 6
    if start.command in told:
        score += 3
    return score - min(start.path.count("/"), 3) // 2


def _read(index: ProjectIndex, start: _Start, base: BaseTrainer | None, told: Collection[str]) -> Found:
    program = read_program(index, start.path)
    score = _by_name(start, told)
    names = {base.facts.name, *(each.name for each in base.siblings)} if base is not None else set()
    starts_trainers = any("trainer" in each.lower() for each in program.names)
    if names & program.names or starts_trainers:
        score += 3
    selects = _selects(program)
    if selects:
        score += 1
    elif not program.options and start.kind != "console-script" and score < 4:
        score -= 2
    entry = EntryPoint(
        start.command,
        start.kind,
        start.path,
        _line(index, start),
        selects,
        next((each.name for each in program.options if LISTING.search(each.word) and not each.positional), ""),
        _bounds(program.options),
    )
    return Found(entry, program, score)


def _line(index: ProjectIndex, start: _Start) -> int:
    if start.function:
        key = index.find(start.path, start.function)
        if key is not None and key.path == start.path:
            return next((each.line for each in index.outline(start.path).functions if each.name == key.name), 1)
    for number, line in enumerate(index.peek(start.path).splitlines(), start=1):
        if line.startswith(b"if ") and b"__main__" in line:
            return number
    return 1


def _selects(program: Program) -> str:
    """How a trainer is named: ``positional``, an option, or "" where the program trains one thing."""
    takers = [each for each in program.options if not each.flag and "." not in each.name]
    for each in takers:  # what is done with it, and what its declaration says, weigh more than what it is called
        if each.word in program.picks or re.search(r"choices=.*(TRAINER|REGISTRY|trainer|registry)", each.text):
            return "positional" if each.positional else each.name
    for word in SELECTING:
        for each in sorted(takers, key=lambda it: not it.positional):
            if each.word == word and (each.positional or word != "type"):
                return "positional" if each.positional else each.name
    return ""


def _bounds(options: list[Option]) -> tuple[tuple[str, str], ...]:
    """Options that end a training early, with the value that does; "" for one that takes none."""
    found: dict[str, str] = {}
    for each in options:
        if each.positional:
            continue
        if SHORT.search(each.word) or (
            each.word == "dry_run" and re.search(r"step|batch|iteration|epoch", each.text.partition("help")[2])
        ):
            found[each.name] = "" if each.flag else "1"
        elif not each.flag and (STEPS.search(each.word) or LIMITS.search(each.word)):
            found[each.name] = "2"
        elif not each.flag and EPOCHS.search(each.word):
            found[each.name] = "1"
    return tuple(found.items())
