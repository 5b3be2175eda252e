"""Runs the gates over a file: parse once, one walk for all of them. Gates are found by listing this folder."""

# ruff: noqa: PTH100, PTH120, PTH208  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .facts import Facts
from .finding import Finding
from .reading import Reading
from .source import Scope, Source
from .subject import Subject
from .training import Training
from .versions import Range

if TYPE_CHECKING:
    from types import ModuleType

NodeCheck: TypeAlias = Callable[[ast.AST, Scope, Subject], Iterator[Finding]]
FileCheck: TypeAlias = Callable[[Training], Iterator[Finding]]
Example: TypeAlias = str | Mapping[str, str]

EXAMPLE_PATH = "train/example_trainer.py"
UNREADABLE = "TG000"
PLUGINS = "trainergen.gates"
"""The entry point group of gates that other distributions bring: each entry names a module that is one gate."""

_GATE_FILE = re.compile(r"(tg\d{3})_[a-z0-9_]+\.py")
_SAID = ("CODE", "NAME", "WHAT", "WHY", "PASSING", "FAILING", "FIX", "TORCH", "SOURCE")
_ABOUT_TRAINING = re.compile(r"torch|lightning|accelerat|transformers|ignite|Trainer|optimizer")


class Gate(NamedTuple):
    """One gate, all of it from its own file.

    Attributes:
        code: ``TG002``.
        name: what it demands, a few words.
        what: the claim, exactly.
        why: what goes wrong without it.
        passing, failing: what the gate lets through and what it stops: a file's text, or files by path (each judged).
        fix: ``none``, or ``safe: ...``, ``unsafe: ...`` with what is done.
        torch: the releases of torch that it holds for, as a requirement (``>=1.0``, ``<2.6``).
        source: where the demand comes from.
        watches: the node types that `check` is called with; empty for a gate that looks at the file's training events.
        check: (node, scope, subject) -> findings, or (training) -> findings.
    """

    code: str
    name: str
    what: str
    why: str
    passing: Example
    failing: Example
    fix: str
    torch: str
    source: str
    watches: tuple[type[ast.AST], ...]
    check: Callable[..., Iterator[Finding]]

    @property
    def on_by_default(self) -> bool:
        """Whether a check without ``--select`` runs it: advice (TG2nn) is asked for."""
        return not self.code.startswith("TG2")


def load_gate(module: ModuleType) -> Gate:
    """The gate that a module holds.

    Raises:
        ImportError: it lacks its documentation, its examples or its check: a gate nobody can look up is not a gate.
    """
    said: dict[str, Any] = {}
    for name in (*_SAID, "check"):
        said[name] = getattr(module, name, None)
        if not said[name]:
            raise ImportError(
                f"gate {module.__name__} has no {name}: each gate's file says {name}, see gates/engine.py"
            )
    if not re.match(r"none$|(none|safe|unsafe): ", said["FIX"]):
        raise ImportError(f"gate {module.__name__}: FIX is 'none', or begins with 'none: ', 'safe: ' or 'unsafe: '")
    Range.of(said["TORCH"])
    watches = getattr(module, "WATCHES", ())
    if said["CODE"].startswith("TG0") and not watches:
        raise ImportError(f"gate {module.__name__} has no WATCHES: a contract gate says which nodes it looks at")
    gate = Gate(**{name.lower(): said[name] for name in _SAID}, watches=watches, check=said["check"])
    stem = module.__name__.rpartition(".")[2]
    if not stem.startswith(gate.code.lower() + "_"):
        raise ImportError(f"gate {module.__name__} says CODE = {gate.code}: the file name must begin with that code")
    return gate


def load_gates(prefix: str = "TG") -> dict[str, Gate]:
    """Every gate of this folder whose code begins with `prefix`, by code, in order."""
    folder = os.path.dirname(os.path.abspath(__file__))
    stems = sorted(entry[:-3] for entry in os.listdir(folder) if _GATE_FILE.fullmatch(entry))
    gates = [load_gate(import_module(f"{__package__}.{stem}")) for stem in stems if stem.upper().startswith(prefix)]
    return {gate.code: gate for gate in gates}


def load_plugins() -> dict[str, Gate]:
    """The gates that installed distributions bring, by code.

    Raises:
        ImportError: one lacks a part, or takes a code of ours or of another.
    """
    from importlib.metadata import entry_points

    gates: dict[str, Gate] = {}
    for entry in entry_points(group=PLUGINS):
        gate = load_gate(entry.load())
        if gate.code in gates or re.fullmatch(r"TG[012]\d\d", gate.code):
            raise ImportError(f"gate {entry.value} takes {gate.code}, which is taken: choose letters of its own")
        gates[gate.code] = gate
    return gates


GATES = load_gates("TG0")
"""The contract gates: what `new` holds a generated trainer to."""


def check_source(
    text: str, path: str, project: Facts | None = None, gates: Iterable[Gate] | None = None
) -> list[Finding]:
    """What the gates find in one file, in order of place.

    Contract gates judge only classes that lead to the runtime's ``Trainer`` or ``BaseTrainerConfig`` (and their files);
    training rules any file that is about training.

    Args:
        text: the file's content; it stands for `path` whatever `project` has there.
        path: relative to the project root, with forward slashes.
        project: the rest of the project; None: the file is judged alone, and what lies elsewhere is not claimed.
        gates: those to run; None: the contract gates, of them those that `project.codes` names.
    """
    facts = project if project is not None else Facts()
    if gates is None:
        gates = [gate for gate in GATES.values() if facts.codes is None or gate.code in facts.codes]
    chosen = list(gates)
    try:
        source = Source(text, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        return [_unreadable(path, problem)]
    facts.adopt(source)
    nodes = [gate for gate in chosen if gate.watches]
    files = [gate for gate in chosen if not gate.watches] if _ABOUT_TRAINING.search(text) else []
    subject = Subject(source, facts) if nodes else None
    if subject is not None and subject.empty:
        subject = None
    if subject is None and not files:
        return []
    watchers = _watchers(nodes) if subject is not None else {}
    try:
        reading = Reading(source, frozenset(watchers))
        findings = list(_judge(reading, subject, watchers, files, facts))
    except RecursionError as problem:
        return [_unreadable(path, problem)]
    return sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.code))


def check_files(files: Mapping[str, str], project: Facts) -> list[Finding]:
    """`check_source` with the contract gates on every Python file of `files`, by path."""
    return [
        finding
        for path in sorted(files)
        if path.endswith(".py")
        for finding in check_source(files[path], path, project)
    ]


def example_files(example: Example) -> dict[str, str]:
    """An example as files by path; a bare text stands for one trainer file."""
    return {EXAMPLE_PATH: example} if isinstance(example, str) else dict(example)


def _watchers(gates: Iterable[Gate]) -> dict[type[ast.AST], list[NodeCheck]]:
    watchers: dict[type[ast.AST], list[NodeCheck]] = {}
    for gate in gates:
        for kind in gate.watches:
            watchers.setdefault(kind, []).append(gate.check)
    return watchers


def _judge(
    reading: Reading,
    subject: Subject | None,
    watchers: dict[type[ast.AST], list[NodeCheck]],
    files: Iterable[Gate],
    facts: Facts,
) -> Iterator[Finding]:
    if subject is not None:
        for node, scope in reading.noted:
            for check in watchers[type(node)]:
                yield from check(node, scope, subject)
    training = None
    for gate in files:
        if facts.torch is None or Range.of(gate.torch).meets(facts.torch):
            training = training or Training(reading, facts)
            yield from gate.check(training)


def _unreadable(path: str, problem: BaseException) -> Finding:
    line = getattr(problem, "lineno", None) or 1
    column = max(1, getattr(problem, "offset", None) or 1)
    reason = getattr(problem, "msg", None) or str(problem)
    if isinstance(problem, RecursionError | MemoryError):
        reason = "it is nested too deeply to be read"
    return Finding(
        UNREADABLE, f"the file does not parse: {reason}", path, line, column, column + 1, "correct the syntax first"
    )
