"""TG001: a trainer inherits the base Trainer, and its __init__ and hooks call the base's."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .facts import TRAINER, of_runtime
from .source import Function, Scope, live_nodes, methods, super_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .subject import Subject

CODE = "TG001"
NAME = "inherits Trainer, super().__init__() first"
WHAT = (
    "A class named ...Trainer that gives compute_loss and owns no loop leads to the base Trainer through its "
    "imports; an __init__ of a trainer calls super().__init__(...) on every path, with its arguments, each in its "
    "place, before it touches self, and uses all that it takes; an on_train_begin or on_train_end calls the base's."
)
WHY = (
    "Without the base there is no loop, no checkpoint, no device; without its __init__ they exist and fail at their "
    "first use, and what is set before it is overwritten; what the base does when a training begins or ends is lost "
    "without a word."
)
PASSING = """\
from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def __init__(self, model, dataloader, optimizer, config, **run):
        super().__init__(model, dataloader, optimizer, config, **run)
        self._last_batch_metrics = {}

    def compute_loss(self, batch):
        return self.model(batch)
"""
FAILING = """\
from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def __init__(self, model, dataloader, optimizer, config, **run):
        self._last_batch_metrics = {}
        super().__init__(model, dataloader, optimizer, config, **run)

    def compute_loss(self, batch):
        return self.model(batch)
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 1 of ten"
WATCHES = (ast.ClassDef,)

HOOKS = ("on_train_begin", "on_train_end")
"""Hooks that the base has work to do in; its other ones are empty."""


def check(node: ast.AST, _scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, ast.ClassDef)
    if node in subject.strangers:
        hint = f"derive it: class {node.name}(Trainer), with Trainer from the project's base trainer"
        yield subject.finding(CODE, node, f"{node.name} does not inherit the base Trainer", hint)
        return
    if node not in subject.trainers:
        return
    for function in methods(node):
        if function.name in HOOKS and not _calls_own(function, node):
            message = f"{node.name}.{function.name} does not call super().{function.name}()"
            yield subject.finding(CODE, function, message, f"begin it with super().{function.name}()")
    init = next((function for function in methods(node) if function.name == "__init__"), None)
    if init is None:
        return
    hint = "make super().__init__(model, dataloader, optimizer, config, ...) the first statement"
    if not any(_calls_base(statement, node) for statement in init.body):
        yield subject.finding(CODE, init, f"{node.name}.__init__ does not call super().__init__() on every path", hint)
        return
    for statement in init.body:
        if _calls_base(statement, node):
            call = next(_base_calls(statement, node))
            direct = node.bases and of_runtime(subject.dotted(_plain(node.bases[0])) or "", TRAINER)
            if direct and not call.args and not call.keywords:
                message = "super().__init__() passes nothing on: the base needs model, dataloader, optimizer and config"
                yield subject.finding(CODE, call, message, hint)
            elif direct and super_method(call):
                yield from _misplaced(call, subject)
            yield from _unused(init, node, subject)
            return
        early = next((part for part in ast.walk(statement) if isinstance(part, ast.Name) and part.id == "self"), None)
        if early is not None:
            message = f"{node.name}.__init__ uses self before super().__init__()"
            yield subject.finding(CODE, early, message, hint, "the base has not set anything up yet")
            return


TAKES = ("model", "dataloader", "optimizer", "config")
"""What the base takes by position."""


def _misplaced(call: ast.Call, subject: Subject) -> Iterator[Finding]:
    """Arguments that bear the name of one place and stand in another."""
    for place, value in zip(TAKES, call.args, strict=False):
        if isinstance(value, ast.Name) and value.id in TAKES and value.id != place:
            message = f"super().__init__() gets {value.id} where it takes {place}"
            yield subject.finding(CODE, value, message, f"the order is {', '.join(TAKES)}")
            return


def _unused(init: Function, owner: ast.ClassDef, subject: Subject) -> Iterator[Finding]:
    """Parameters that nothing reads: what a caller gives by them is lost without a word."""
    used = {part.id for statement in init.body for part in ast.walk(statement) if isinstance(part, ast.Name)}
    given = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs][1:]
    for parameter in (*given, init.args.kwarg, init.args.vararg):
        if parameter is not None and parameter.arg not in used and not parameter.arg.startswith("_"):
            message = f"{owner.name}.__init__ takes {parameter.arg} and does nothing with it"
            yield subject.finding(CODE, parameter, message, "pass it on to super().__init__()")


def _calls_own(function: Function, owner: ast.ClassDef) -> bool:
    """Whether a hook calls the base's one of its name, anywhere that it can get to."""
    bases = {ast.unparse(_plain(base)) for base in owner.bases}
    calls = (part for part in live_nodes(function.body) if isinstance(part, ast.Call))
    return any(
        super_method(call) == function.name
        or (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == function.name
            and ast.unparse(call.func.value) in bases
        )
        for call in calls
    )


def _calls_base(statement: ast.stmt, owner: ast.ClassDef) -> bool:
    """Whether every path through `statement` calls the base's __init__."""
    if isinstance(statement, ast.If):
        return all(any(_calls_base(item, owner) for item in branch) for branch in (statement.body, statement.orelse))
    if isinstance(statement, (ast.With, ast.Try)):
        return any(_calls_base(item, owner) for item in statement.body)
    return isinstance(statement, ast.Expr) and any(True for _ in _base_calls(statement, owner))


def _base_calls(statement: ast.stmt, owner: ast.ClassDef) -> Iterator[ast.Call]:
    bases = {ast.unparse(_plain(base)) for base in owner.bases}
    for part in ast.walk(statement):
        if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Attribute) or part.func.attr != "__init__":
            continue
        if super_method(part) == "__init__" or ast.unparse(part.func.value) in bases:
            yield part


def _plain(base: ast.expr) -> ast.expr:
    return base.value if isinstance(base, ast.Subscript) else base
