"""Runs the gates over a file: parse once, one walk for all of them. Gates are found by listing this folder."""

# ruff: noqa: PTH100, PTH120, PTH208  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from .facts import Facts
from .finding import Finding
from .source import TOP, Scope, Source
from .subject import Subject

if TYPE_CHECKING:
    from types import ModuleType

Check: TypeAlias = Callable[[ast.AST, Scope, Subject], Iterator[Finding]]
Example: TypeAlias = str | Mapping[str, str]

EXAMPLE_PATH = "train/example_trainer.py"
UNREADABLE = "TG000"
_GATE_FILE = re.compile(r"(tg\d{3})_[a-z_]+\.py")


class Gate(NamedTuple):
    """One gate, all of it from its own file.

    Attributes:
        code: ``TG002``.
        name: what it demands, a few words.
        what: the claim, exactly.
        why: what goes wrong without it.
        passing, failing: what the gate lets through and what it stops: a file's text, or files by path (each judged).
        watches: the node types that `check` is called with.
        check: (node, scope, subject) -> findings.
    """

    code: str
    name: str
    what: str
    why: str
    passing: Example
    failing: Example
    watches: tuple[type[ast.AST], ...]
    check: Check


def load_gate(module: ModuleType) -> Gate:
    """The gate that a module holds.

    Raises:
        ImportError: it lacks its documentation, its examples or its check: a gate nobody can look up is not a gate.
    """
    values = []
    for name in ("CODE", "NAME", "WHAT", "WHY", "PASSING", "FAILING", "WATCHES", "check"):
        value = getattr(module, name, None)
        if not value:
            raise ImportError(
                f"gate {module.__name__} has no {name}: each gate's file says {name}, see gates/engine.py"
            )
        values.append(value)
    gate = Gate(*values)
    stem = module.__name__.rpartition(".")[2]
    if not stem.startswith(gate.code.lower() + "_"):
        raise ImportError(f"gate {module.__name__} says CODE = {gate.code}: the file name must begin with that code")
    return gate


def load_gates() -> dict[str, Gate]:
    """Every gate of this folder by code, in order."""
    folder = os.path.dirname(os.path.abspath(__file__))
    stems = sorted(entry[:-3] for entry in os.listdir(folder) if _GATE_FILE.fullmatch(entry))
    gates = [load_gate(import_module(f"{__package__}.{stem}")) for stem in stems]
    return {gate.code: gate for gate in gates}


GATES = load_gates()


def check_source(text: str, path: str, project: Facts | None = None) -> list[Finding]:
    """What the gates find in one file, in order of place.

    Only classes that lead to the runtime's ``Trainer`` or ``BaseTrainerConfig`` (and their files) are judged; any
    other file has no findings.

    Args:
        text: the file's content; it stands for `path` whatever `project` has there.
        path: relative to the project root, with forward slashes.
        project: the rest of the project; None: the file is judged alone, and what lies elsewhere is not claimed.
    """
    facts = project if project is not None else Facts()
    try:
        source = Source(text, path)
    except (SyntaxError, ValueError) as problem:
        return [_unreadable(path, problem)]
    facts.adopt(source)
    subject = Subject(source, facts)
    if subject.empty:
        return []
    findings = [finding for finding in _walk(subject, _watchers(facts.codes)) if finding is not None]
    return sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.code))


def check_files(files: Mapping[str, str], project: Facts) -> list[Finding]:
    """`check_source` on every Python file of `files`, by path."""
    return [
        finding
        for path in sorted(files)
        if path.endswith(".py")
        for finding in check_source(files[path], path, project)
    ]


def example_files(example: Example) -> dict[str, str]:
    """An example as files by path; a bare text stands for one trainer file."""
    return {EXAMPLE_PATH: example} if isinstance(example, str) else dict(example)


def _watchers(codes: frozenset[str] | None) -> dict[type[ast.AST], list[Check]]:
    watchers: dict[type[ast.AST], list[Check]] = {}
    for gate in GATES.values():
        if codes is None or gate.code in codes:
            for kind in gate.watches:
                watchers.setdefault(kind, []).append(gate.check)
    return watchers


def _walk(subject: Subject, watchers: dict[type[ast.AST], list[Check]]) -> Iterator[Finding]:
    waiting: list[tuple[ast.AST, Scope]] = [(subject.source.tree, TOP)]
    while waiting:
        node, scope = waiting.pop()
        for check in watchers.get(type(node), ()):
            yield from check(node, scope, subject)
        if isinstance(node, ast.ClassDef):
            scope = Scope(node, None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope = Scope(scope.owner, node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting.extend([(item, scope) for item in value if isinstance(item, ast.AST)])
            elif isinstance(value, ast.AST):
                waiting.append((value, scope))


def _unreadable(path: str, problem: SyntaxError | ValueError) -> Finding:
    line = getattr(problem, "lineno", None) or 1
    column = getattr(problem, "offset", None) or 1
    reason = getattr(problem, "msg", None) or str(problem)
    return Finding(
        UNREADABLE, f"the file does not parse: {reason}", path, line, column, column + 1, "correct the syntax first"
    )
