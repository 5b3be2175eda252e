"""What the project itself passes where it builds a class: found in its source and its config files, never by running it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserCodeFailed
from .config_values import LARGEST, SUFFIXES, read_config
from .expressions import CALL, Value, is_tagged
from .model_facts import ModelFacts, Place
from .source_tree import Definition, Module, SourceTree, absolute_module, dotted, parse_file
from .static_values import UNKNOWN, Scope

MOST_FILES = 3000
"""Files whose names are looked at; a project with more is searched in part, in the order of their paths."""
LARGEST_SOURCE = 1 << 20
MOST_GROUPS = 6
"""Places kept: the seventh says nothing that the first six do not."""

_SKIPPED = frozenset(
    {
        "node_modules",
        "__pycache__",
        "site-packages",
        "dist-packages",
        "build",
        "dist",
        "venv",
        "env",
        "wandb",
        "mlruns",
        "outputs",
    }
)
_STARTS = re.compile(
    r"train|main|run|script|demo|example|fit|experiment|launch|finetune|eval|infer|predict", re.IGNORECASE
)
_TESTS = re.compile(r"(^|/)tests?(/|_)|_test\.py$|conftest\.py$")
_SECTION = re.compile(r"model|net|arch|module|backbone", re.IGNORECASE)


@dataclass(frozen=True)
class Usage:
    """One argument as one place of the project gives it.

    Attributes:
        argument: the constructor's parameter.
        value: plain data, see `trainergen.inspection.expressions`.
        place: the line.
        group: the call or section it belongs to: values of one group fit together.
    """

    argument: str
    value: Value
    place: Place
    group: str


@dataclass(frozen=True)
class _Group:
    rank: float
    place: Place
    values: dict[str, Value]


def find_usages(root: Path, model: ModelFacts) -> tuple[Usage, ...]:
    """What the project passes to the class or function, the best place first.

    A place that runs the model (a script, a ``__main__`` block) comes before a config file, that before other code, that
    before tests; of equals the one that says more. A value that only running would tell is left out, the others stay.

    Args:
        root: the project.
        model: the class.
    """
    root = root.resolve()
    arguments = [each.name for each in model.init if each.kind in ("positional", "keyword")]
    positional = [each.name for each in model.init if each.kind == "positional"]
    if not arguments:
        return ()
    tree = SourceTree((root, root / "src"), root)
    groups: list[_Group] = []
    for file in _files(root):
        shown = file.relative_to(root).as_posix()
        if file.suffix == ".py":
            groups += _calls(file, shown, model, positional, arguments, tree)
        else:
            groups += _sections(file, shown, model, arguments)
    required = {each.name for each in model.init if each.required}
    groups.sort(
        key=lambda each: (
            each.rank,
            -len(required & set(each.values)),
            -len(each.values),
            each.place.file,
            each.place.line,
        )
    )
    return tuple(
        Usage(name, group.values[name], group.place, str(group.place))
        for group in groups[:MOST_GROUPS]
        for name in arguments
        if name in group.values
    )


def _files(root: Path) -> Iterator[Path]:
    """Python and config files below the project, environments and hidden folders left out, in the order of their paths."""
    count = 0
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not (here / name / "pyvenv.cfg").exists()
            and not name.endswith(".egg-info")
        )
        for name in sorted(names):
            file = here / name
            if file.suffix == ".py" or (
                file.suffix in SUFFIXES and name not in {"pyproject.toml", "setup.cfg", "package.json", "tox.ini"}
            ):
                count += 1
                if count > MOST_FILES:
                    return
                yield file


# Calls.


def _calls(
    file: Path, shown: str, model: ModelFacts, positional: list[str], arguments: list[str], tree: SourceTree
) -> Iterator[_Group]:
    try:
        if file.stat().st_size > LARGEST_SOURCE or model.name.encode() not in file.read_bytes():
            return
        module = parse_file(file, _module_name(file, tree), shown)
    except (OSError, UserCodeFailed):
        return
    names = _names_of(model, module)
    if not names:
        return
    tree.add(module)
    for node, function, inside in _calls_in(module.tree, None, ()):
        called = dotted(node.func)
        given = node.args
        if called is not None and called.rpartition(".")[2] == "partial" and given and dotted(given[0]) in names:
            given = given[1:]
        elif called not in names:
            continue
        if model.name in inside and module.name == model.module:
            continue  # a class that builds its own kind says nothing of how it is begun
        scope = Scope(module, tree, function)
        values = _given(given, node.keywords, scope, positional, set(arguments))
        if values:
            yield _Group(_rank(shown, function, node, module), Place(shown, node.lineno), values)


def _given(
    given: list[ast.expr], keywords: list[ast.keyword], scope: Scope, positional: list[str], known: set[str]
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, each in zip(positional, given, strict=False):
        if isinstance(each, ast.Starred):
            break
        values[name] = scope.fresh(each)
    for keyword in keywords:
        if keyword.arg is not None:
            values[keyword.arg] = scope.fresh(keyword.value)
            continue
        spread = scope.fresh(keyword.value)
        if isinstance(spread, dict) and not is_tagged(spread, CALL):
            values |= spread
    return {name: value for name, value in values.items() if name in known and not _has_unknown(value)}


def _has_unknown(value: Value) -> bool:
    if value is UNKNOWN:
        return True
    if isinstance(value, dict):
        return any(_has_unknown(each) for each in value.values())
    return isinstance(value, list) and any(_has_unknown(each) for each in value)


def _calls_in(
    node: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef | None, inside: tuple[str, ...]
) -> Iterator[tuple[ast.Call, ast.FunctionDef | ast.AsyncFunctionDef | None, tuple[str, ...]]]:
    """Every call with the function and the classes that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function, inside
        if isinstance(child, ast.ClassDef):
            yield from _calls_in(child, function, (*inside, child.name))
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _calls_in(child, child, inside)
        else:
            yield from _calls_in(child, function, inside)


def _names_of(model: ModelFacts, module: Module) -> set[str]:
    """What the class is called in a file: its name, an alias, or a name in a module that is imported."""
    if module.name == model.module:
        return {model.name}
    names: set[str] = set()
    top = model.module.partition(".")[0]
    for local, (origin, inner) in _imports(module).items():
        full = f"{origin}.{inner}" if inner else origin
        related = (
            origin == model.module
            or model.module.startswith(f"{origin}.")
            or origin.startswith(f"{top}.")
            or origin == top
        )
        if inner == model.name and related:
            names.add(local)
        elif model.module == full or model.module.startswith(f"{full}.") or full.startswith(f"{top}."):
            names |= {f"{local}.{model.name}", f"{model.module}.{model.name}"}
    if any(star == model.module or model.module.startswith(f"{star}.") for star in module.stars):
        names.add(model.name)
    if model.name in module.defined:
        names.discard(model.name)
    return names


def _imports(module: Module) -> dict[str, tuple[str, str | None]]:
    """The imports of a file, those inside functions and ``__main__`` blocks too."""
    found = dict(module.imported)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            origin = absolute_module(module, node)
            found |= {each.asname or each.name: (origin, each.name) for each in node.names if each.name != "*"}
        elif isinstance(node, ast.Import):
            for each in node.names:
                found.setdefault(each.asname or each.name.partition(".")[0], (each.name, None))
    return found


def _rank(shown: str, function: Any, node: ast.Call, module: Module) -> float:
    """0 for a place that runs the model, 3 for a test."""
    if _TESTS.search(shown):
        return 3.0
    if _STARTS.search(Path(shown).stem) or Path(shown).parts[0] in {"scripts", "examples", "tools"}:
        return 0.0
    for statement in module.tree.body:
        if (
            isinstance(statement, ast.If)
            and "__main__" in ast.dump(statement.test)
            and statement.lineno <= node.lineno <= (statement.end_lineno or 0)
        ):
            return 0.5
    if isinstance(function, Definition) and _STARTS.search(function.name):
        return 1.0
    return 2.0


def _module_name(file: Path, tree: SourceTree) -> str:
    for folder in reversed(tree.search_path):
        if file.is_relative_to(folder):
            parts = list(file.relative_to(folder).with_suffix("").parts)
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return file.stem


# Config files.


def _sections(file: Path, shown: str, model: ModelFacts, arguments: list[str]) -> Iterator[_Group]:
    try:
        size = file.stat().st_size
        content = file.read_bytes() if size <= LARGEST else b""
    except OSError:
        return
    named = [name for name in arguments if name.encode() in content or name.replace("_", "-").encode() in content]
    if len(named) < 2 and model.name.encode() not in content:
        return
    best: tuple[float, int, dict[str, Value], str] | None = None
    for path, section in _mappings(read_config(file), ()):
        values = {
            key.replace("-", "_"): value
            for key, value in section.items()
            if key.replace("-", "_") in arguments and _is_plain(value)
        }
        target = any(
            isinstance(value, str) and value.rpartition(".")[2] == model.name
            for key, value in section.items()
            if key in {"_target_", "class_path", "target", "name", "type", "class", "model", "arch", "_name_"}
        )
        if not target and len(values) < 2:
            continue
        rank = 0.25 if target else 1.25 if path and _SECTION.search(path[-1]) else 1.75
        if best is None or (rank, -len(values)) < best[:2]:
            best = (rank, -len(values), values, path[-1] if path else "")
    if best is not None and best[2]:
        rank, _, values, section_name = best
        if _TESTS.search(shown):
            rank = 3.0
        yield _Group(rank, Place(shown, _line_of(content.decode(errors="replace"), section_name, values)), values)


def _mappings(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if not isinstance(value, dict) or len(path) > 6:
        return
    inner = next(
        (value[key] for key in ("init_args", "params", "kwargs", "args") if isinstance(value.get(key), dict)), None
    )
    yield path, {**value, **inner} if inner is not None else value
    for key, each in value.items():
        yield from _mappings(each, (*path, str(key)))


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and "${" not in value)


def _line_of(text: str, section: str, values: dict[str, Value]) -> int:
    """The first line that has one of the values, below the section's own where that is found."""
    lines = text.splitlines()
    start = next(
        (
            number
            for number, line in enumerate(lines)
            if section and re.match(rf"\W*{re.escape(section)}\W*$", line.strip())
        ),
        0,
    )
    keys = "|".join(re.escape(name).replace("_", "[-_]") for name in values)
    for number, line in enumerate(lines[start:], start=start + 1):
        if re.match(rf"\W*({keys})\W", line):
            return number
    return start + 1
