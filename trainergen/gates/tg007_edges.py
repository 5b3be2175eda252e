"""TG007: a batch that can't be right is refused, with its shape and dtype in the message."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .naming import says
from .subject import ENTRIES, Subject, callee, reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Lineage
    from .finding import Finding
    from .source import Function, Scope, Source

CODE = "TG007"
NAME = "edge cases are refused with shape and dtype"
WHAT = (
    "compute_loss or _forward_batch reaches, itself or through functions of the project, a raise of ValueError or "
    "TypeError; these messages speak of the shape and of the dtype; none is empty; no method of a trainer checks by "
    "assert. A call to a function outside the project that is named for checking counts as a guard."
)
WHY = (
    "A wrong batch otherwise fails deep in the model, in broadcasting, or not at all; assert is gone under python "
    "-O, and a message without shape and dtype sends its reader to a debugger."
)
PASSING = """\
import torch

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        self._validate_batch(batch)
        return self.model(batch)

    def _validate_batch(self, batch):
        if not isinstance(batch, torch.Tensor):
            raise TypeError(f"batch: expected a tensor, got {type(batch).__name__}")
        if batch.ndim != 4 or batch.dtype != torch.float32:
            got = f"dtype {batch.dtype}, shape {tuple(batch.shape)}"
            raise ValueError(f"batch: expected float32 [batch, 1, 8, 8], got {got}")
"""
FAILING = """\
from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        assert batch is not None
        return self.model(batch)
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 7 of ten"
WATCHES = (ast.ClassDef, ast.Assert)

_GUARD = ("valid", "check", "require", "ensure", "guard", "expect", "refuse")
_HINT = (
    "in a _validate_batch called first: raise ValueError or TypeError that names the key, the expected and the actual "
    "shape and dtype"
)


def check(node: ast.AST, scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    if isinstance(node, ast.Assert):
        if scope.owner in subject.trainers and scope.function is not None:
            hint = "raise ValueError or TypeError with the shape and dtype: assert is gone under python -O"
            yield subject.finding(CODE, node, "a check by assert", hint)
        return
    assert isinstance(node, ast.ClassDef)
    lineage = dict(subject.concrete()).get(node)
    if lineage is None:
        return
    functions = [item for entry in ENTRIES for item in reached(subject.facts, lineage, entry)]
    raises = [(source, function, part) for source, function in functions for part in _raises(source, function)]
    outside = any(_guards_outside(subject, lineage, source, function) for source, function in functions)
    entry = next((found[1] for name in ENTRIES if (found := lineage.method(name)) is not None), None)
    at = entry if entry is not None and entry in node.body else node
    for source, _, part in raises:
        if source is subject.source and not _messages(part):
            yield subject.finding(CODE, part, "an error without a message", _HINT)
    if outside:
        return
    if not raises:
        yield subject.finding(CODE, at, f"{node.name} takes any batch: no ValueError or TypeError is reached", _HINT)
        return
    spoken = _spoken(subject, lineage, functions, raises)
    missing = [word for word in ("shape", "dtype") if spoken is not None and word not in spoken]
    if missing:
        message = f"the messages about a wrong batch do not give its {' and '.join(missing)}"
        yield subject.finding(CODE, raises[0][2] if raises[0][0] is subject.source else at, message, _HINT)


def _raises(source: Source, function: Function) -> Iterator[ast.Raise]:
    for part in ast.walk(function):
        if isinstance(part, ast.Raise) and part.exc is not None:
            kind = part.exc.func if isinstance(part.exc, ast.Call) else part.exc
            if source.dotted(kind) in ("ValueError", "TypeError"):
                yield part


def _messages(part: ast.Raise) -> list[ast.expr]:
    return list(part.exc.args) if isinstance(part.exc, ast.Call) else []


def _guards_outside(subject: Subject, lineage: Lineage, source: Source, function: Function) -> bool:
    for part in ast.walk(function):
        if isinstance(part, ast.Call):
            target = callee(subject.facts, lineage, source, part, function)
            if isinstance(target, str) and says(target.rpartition(".")[2], *_GUARD):
                return True
    return False


def _spoken(
    subject: Subject,
    lineage: Lineage,
    functions: list[tuple[Source, Function]],
    raises: list[tuple[Source, Function, ast.Raise]],
) -> str | None:
    """All that the messages can say, as source text; None where a part of it can't be seen from here."""
    parts: list[str] = []
    raising = {id(function) for _, function, _ in raises}
    for source, function, part in raises:
        for message in _messages(part):
            parts.append(ast.unparse(message))
            for piece in ast.walk(message):
                if isinstance(piece, ast.Name):
                    parts += _assigned(function, piece.id)
                    found = subject.facts.definition(source.dotted(piece) or piece.id)
                    if isinstance(found, tuple):
                        parts.append(ast.unparse(found[1]))
                elif isinstance(piece, ast.Call):
                    target = callee(subject.facts, lineage, source, piece, function)
                    if isinstance(target, tuple):
                        parts.append(ast.unparse(target[1]))
                    elif isinstance(target, str) and target.startswith(("self.", "super.", "trainergen.")):
                        return None
    for source, function in functions:
        for call in ast.walk(function):
            if isinstance(call, ast.Call):
                target = callee(subject.facts, lineage, source, call, function)
                if isinstance(target, tuple) and id(target[1]) in raising:
                    # What a raising function is given may be what it says.
                    parts += [ast.unparse(item) for item in (*call.args, *(word.value for word in call.keywords))]
    return "\n".join(parts)


def _assigned(function: Function, name: str) -> list[str]:
    return [
        ast.unparse(part.value)
        for part in ast.walk(function)
        if isinstance(part, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and part.value is not None
        for target in (part.targets if isinstance(part, ast.Assign) else [part.target])
        if isinstance(target, ast.Name) and target.id == name
    ]
