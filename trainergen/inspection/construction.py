"""How a model is built and what it is fed when nobody said: values as data, with where each came from. No opinions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .batch_spec import BatchSpec
from .model_facts import Place

Source = Literal["given", "project", "default", "annotation", "config", "name", "source", "repair"]
"""Who says so: the user; a call, a config file or a test of the project; the signature's default; its annotation; a config
class that was found and filled; the table of names; what the class's source reads; the exception that another value gave."""


@dataclass(frozen=True)
class BuiltArgument:
    """One argument that the constructor was called with.

    Attributes:
        name: the parameter.
        value: plain data, see `trainergen.inspection.expressions`: scalars, lists, ``{"$tuple": [...]}``,
            ``{"$ref": "module:Name"}``, ``{"$call": "module:Name", "args": [...], "kwargs": {...}}``.
        source: who says so.
        reason: the evidence, one phrase: ``from scripts/demo.py:9``, ``named like a number of classes``.
        place: where it stands, for values of the project.
        assumed: a guess that has to be marked; False for what the user or a single unanimous place of the project says.
        for_proof: other than the class's own default for the lab's sake: smaller, or without a download; the generated
            config keeps the default.
        kept: what the generated file passes in place of a `for_proof` value: a config of its own default size where the class
            demands one; None: nothing, the default holds.
    """

    name: str
    value: Any
    source: Source
    reason: str
    place: Place | None = None
    assumed: bool = True
    for_proof: bool = False
    kept: Any = None


@dataclass(frozen=True)
class Construction:
    """A call of the constructor that worked: every argument that was passed, in signature order."""

    arguments: tuple[BuiltArgument, ...] = ()
    tries: int = 1


@dataclass(frozen=True)
class Try:
    """One try of a search, as ``--explain`` prints it.

    Attributes:
        batch: the tried call, spelled in the batch grammar: ``x: float32[2,3,32,32]``.
        reached: how many torch operations ran before it ended.
        error: type and first line of what was raised; None where it ran.
        operation: the torch operation that refused, with its operands' shapes; None where none did.
        place: the deepest line of the user's (or the model's) code, ``model.py:61 in Net.forward``.
    """

    batch: str
    reached: int
    error: str | None = None
    operation: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Synthesis:
    """A batch that was found by trying.

    Attributes:
        batch: its form: a bare leaf where ``forward`` takes one tensor by position, else a mapping from its arguments. Every
            leaf is ``assumed`` (``given`` where the project or an annotation fixes it); `place` of a leaf is the evidence,
            one phrase. Dimensions that were seen to vary are symbols, ``batch`` is the batch's.
        tries: in order, the last one is the one that was accepted.
        doubts: what may be meant otherwise, one sentence each: printed as advice.
    """

    batch: BatchSpec
    tries: tuple[Try, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question that a search ended in; see `trainergen.errors.Question` for the fields."""

    option: str
    key: str
    about: str
    likely: str | None = None
    evidence: tuple[str, ...] = ()
    placeholder: str = "..."


@dataclass(frozen=True)
class Unanswered:
    """The honest no: what a search could not find.

    Attributes:
        message: what is missing, one line.
        questions: the most useful one first.
        understood: what was found out on the way, one line each.
        tries: in order, for ``--explain``.
        place: the line of the user's code at the furthest point.
        notes: that line, and what it said.
    """

    message: str
    questions: tuple[Asked, ...]
    understood: tuple[str, ...] = ()
    tries: tuple[Try, ...] = ()
    place: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """What was found by trying, and what that took.

    Attributes:
        construction: the constructor's arguments; None where a factory of the user's builds the model.
        synthesis: the batch; None where the user gave one.
        constructions: models that were built.
        seconds: of the whole search, as measured; no decision reads it. What is then measured of the model on the batch is
            not in it: that is done with a batch of the user's too.
    """

    construction: Construction | None = None
    synthesis: Synthesis | None = None
    constructions: int = 1
    seconds: float = 0.0
