"""Runs the gates over a file: parse once, one walk for all of them. Gates are found by listing this folder."""

# ruff: noqa: PTH100, PTH120, PTH208  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from .facts import Facts
from .finding import Finding
from .reading import Reading
from .source import Scope, Source, is_of_tests
from .subject import Subject
from .training import Training
from .versions import Range

if TYPE_CHECKING:
    from types import ModuleType

NodeCheck: TypeAlias = Callable[[ast.AST, Scope, Subject], Iterator[Finding]]
FileCheck: TypeAlias = Callable[[Training], Iterator[Finding]]
Crashed: TypeAlias = Callable[[str, Exception], None]
"""Told of a gate (its module's name) that failed on a file, and how."""
Example: TypeAlias = str | Mapping[str, str]

EXAMPLE_PATH = "train/example_trainer.py"
UNREADABLE = "TG000"
PLUGINS = "trainergen.gates"
"""The entry point group of gates that other distributions bring: each entry names a module that is one gate."""

_SAID = ("CODE", "NAME", "WHAT", "WHY", "PASSING", "FAILING", "FIX", "TORCH", "SOURCE")
_ABOUT_TRAINING = ("torch", "lightning", "accelerat", "transformers", "ignite", "Trainer", "optimizer")


class Gate:
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

    __slots__ = ("check", "code", "failing", "fix", "name", "passing", "source", "torch", "watches", "what", "why")

    def __init__(
        self,
        code: str,
        name: str,
        what: str,
        why: str,
        passing: Example,
        failing: Example,
        fix: str,
        torch: str,
        source: str,
        watches: tuple[type[ast.AST], ...],
        check: Callable[..., Iterator[Finding]],
    ) -> None:
        self.code = code
        self.name = name
        self.what = what
        self.why = why
        self.passing = passing
        self.failing = failing
        self.fix = fix
        self.torch = torch
        self.source = source
        self.watches = watches
        self.check = check

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
    if said["FIX"] != "none" and not said["FIX"].startswith(("none: ", "safe: ", "unsafe: ")):
        raise ImportError(f"gate {module.__name__}: FIX is 'none', or begins with 'none: ', 'safe: ' or 'unsafe: '")
    if not said["TORCH"].startswith(("<", ">", "=", "~")):
        raise ImportError(
            f"gate {module.__name__}: TORCH is a requirement such as >=2.4 or <2.6, not {said['TORCH']!r}"
        )
    watches = getattr(module, "WATCHES", ())
    if said["CODE"].startswith("TG0") and not watches:
        raise ImportError(f"gate {module.__name__} has no WATCHES: a contract gate says which nodes it looks at")
    gate = Gate(**{name.lower(): said[name] for name in _SAID}, watches=watches, check=said["check"])
    stem = module.__name__.rpartition(".")[2]
    if not stem.startswith(gate.code.lower() + "_"):
        raise ImportError(f"gate {module.__name__} says CODE = {gate.code}: the file name must begin with that code")
    return gate


def load_gates(prefix: str = "TG", codes: frozenset[str] | None = None) -> dict[str, Gate]:
    """Every gate of this folder whose code begins with `prefix` (and is one of `codes`), by code, in order."""
    if codes is not None and not codes:
        return {}  # nothing to look for in the folder
    chosen = [
        stem for stem in _stems() if stem.upper().startswith(prefix) and (codes is None or stem[:5].upper() in codes)
    ]
    gates = [load_gate(import_module(f"{__package__}.{stem}")) for stem in chosen]
    return {gate.code: gate for gate in gates}


def _stems() -> list[str]:
    """The names of the files that are gates: ``tg101_zero_grad``."""
    names = (entry[:-3] for entry in os.listdir(os.path.dirname(os.path.abspath(__file__))) if entry.endswith(".py"))
    return sorted(name for name in names if name.startswith("tg") and name[2:5].isdigit() and name[5:6] == "_")


def load_plugins() -> dict[str, Gate]:
    """The gates that installed distributions bring, by code.

    Raises:
        ImportError: one lacks a part, or takes a code of ours or of another.
    """
    from importlib.metadata import entry_points

    gates: dict[str, Gate] = {}
    for entry in entry_points(group=PLUGINS):
        gate = load_gate(entry.load())
        if gate.code in gates or gate.code.startswith("TG"):
            raise ImportError(f"gate {entry.value} takes {gate.code}, which is taken: choose letters of its own")
        gates[gate.code] = gate
    return gates


def known_codes() -> list[str]:
    """The codes of every gate of this folder, in order, without loading one."""
    return [stem[:5].upper() for stem in _stems()]


class Chosen:
    """Gates to run; those about trainers and those about training are loaded when a file first asks for them.

    Args:
        codes: of gates of this folder.
        others: gates that are loaded already: of plug-ins.
    """

    def __init__(self, codes: Iterable[str], others: Iterable[Gate] = ()) -> None:
        self.codes = frozenset(codes)
        self._others = tuple(others)
        self._nodes: tuple[Gate, ...] | None = None
        self._files: tuple[Gate, ...] | None = None

    @property
    def nodes(self) -> tuple[Gate, ...]:
        """The gates that look at single nodes of trainers and configs."""
        if self._nodes is None:
            loaded = load_gates("TG0", self.codes)
            self._nodes = (*loaded.values(), *(gate for gate in self._others if gate.watches))
        return self._nodes

    @property
    def files(self) -> tuple[Gate, ...]:
        """The gates that look at a file's training events."""
        if self._files is None:
            loaded = load_gates("TG", frozenset(code for code in self.codes if not code.startswith("TG0")))
            self._files = (*loaded.values(), *(gate for gate in self._others if not gate.watches))
        return self._files

    @property
    def judges_trainers(self) -> bool:
        """Whether any gate looks at single nodes."""
        return any(code.startswith("TG0") for code in self.codes) or any(gate.watches for gate in self._others)


def _contract() -> dict[str, Gate]:
    global _CONTRACT  # noqa: PLW0603 - loaded once, when first asked for
    if _CONTRACT is None:
        _CONTRACT = load_gates("TG0")
    return _CONTRACT


_CONTRACT: dict[str, Gate] | None = None

if TYPE_CHECKING:
    GATES: dict[str, Gate]
    """The contract gates, by code: what `new` holds a generated trainer to."""


def __getattr__(name: str) -> dict[str, Gate]:
    if name == "GATES":
        return _contract()
    raise AttributeError(name)


def check_source(
    text: str,
    path: str,
    project: Facts | None = None,
    gates: Chosen | Iterable[Gate] | None = None,
    crashed: Crashed | None = None,
) -> list[Finding]:
    """What the gates find in one file, in order of place.

    Contract gates judge only classes that lead to the runtime's ``Trainer`` or ``BaseTrainerConfig`` (and their files);
    training rules any file that is about training.

    Args:
        text: the file's content; it stands for `path` whatever `project` has there.
        path: relative to the project root, with forward slashes.
        project: the rest of the project; None: the file is judged alone, and what lies elsewhere is not claimed.
        gates: those to run; None: the contract gates. Of contract gates those run that `project.codes` names.
        crashed: told of a gate that failed, while the others go on; None: its failure is the caller's.
    """
    facts = project if project is not None else Facts()
    try:
        source = Source(text, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        return [_unreadable(path, problem)]
    facts.adopt(source)
    chosen = gates if isinstance(gates, Chosen) else Chosen((), gates if gates is not None else _contract().values())
    try:
        subject = Subject(source, facts) if chosen.judges_trainers else None
    except RecursionError as problem:  # bases that lead to each other through more files than the stack holds
        return [_unreadable(path, problem)]
    if subject is not None and subject.empty:
        subject = None
    nodes = (
        [gate for gate in chosen.nodes if facts.codes is None or gate.code in facts.codes]
        if subject is not None
        else []
    )
    files = chosen.files if any(word in text for word in _ABOUT_TRAINING) else ()
    if files and is_of_tests(source):  # a test does on purpose what a training must not
        files = tuple(gate for gate in files if not gate.code.startswith("TG"))
    if not nodes and not files:
        return []
    watchers = _watchers(nodes)
    try:
        reading = Reading(source, frozenset(watchers))
        findings = list(_judge(reading, subject, watchers, files, facts, crashed))
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
    crashed: Crashed | None,
) -> Iterator[Finding]:
    if subject is not None:
        for node, scope in reading.noted:
            for check in watchers[type(node)]:
                yield from _guarded(crashed, check, node, scope, subject)
    training = None
    for gate in files:
        if facts.torch is None or Range.of(gate.torch).meets(facts.torch):
            training = training or Training(reading, facts)
            yield from _guarded(crashed, gate.check, training)


def _guarded(crashed: Crashed | None, check: Callable[..., Iterator[Finding]], *about: object) -> Iterator[Finding]:
    if crashed is None:
        yield from check(*about)
        return
    try:
        yield from check(*about)
    except RecursionError:  # the file is too deep, not the gate wrong
        raise
    except Exception as problem:
        crashed(check.__module__.rpartition(".")[2], problem)


def _unreadable(path: str, problem: BaseException) -> Finding:
    line = getattr(problem, "lineno", None) or 1
    column = max(1, getattr(problem, "offset", None) or 1)
    reason = getattr(problem, "msg", None) or str(problem)
    if isinstance(problem, RecursionError | MemoryError):
        reason = "it is nested too deeply to be read"
    return Finding(
        UNREADABLE, f"the file does not parse: {reason}", path, line, column, column + 1, "correct the syntax first"
    )
