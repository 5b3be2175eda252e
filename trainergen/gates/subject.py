"""What a gate looks at: a file with its trainers and configs told apart, and the way to report a finding in it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .facts import CONFIG, TRAINER, Facts, Lineage, is_end, of_runtime, surely_foreign
from .finding import Finding
from .source import Function, Source, own_attribute, super_method

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES = ("compute_loss", "_forward_batch")
"""The methods that turn a batch into the loss: what a concrete trainer has at least one of."""


class Subject:
    """One file under judgement.

    Attributes:
        source, facts: the file, and the project around it.
        trainers: classes that lead to the runtime's ``Trainer``, with their descent.
        configs: classes that lead to ``BaseTrainerConfig``.
        strangers: classes that look like trainers (named so, with ``compute_loss`` and no loop of their own) and
            certainly lead to no trainer base. A class whose bases can't be followed is in none of the three: nothing is
            claimed of it.
    """

    __slots__ = ("configs", "facts", "source", "strangers", "trainers")

    def __init__(self, source: Source, facts: Facts) -> None:
        self.source = source
        self.facts = facts
        self.trainers: dict[ast.ClassDef, Lineage] = {}
        self.configs: dict[ast.ClassDef, Lineage] = {}
        self.strangers: list[ast.ClassDef] = []
        for owner in source.classes.values():
            dotted = f"{source.module}.{owner.name}"
            if of_runtime(dotted, TRAINER) or of_runtime(dotted, CONFIG):
                continue
            lineage = facts.lineage(source, owner)
            if is_end(lineage, TRAINER):
                self.trainers[owner] = lineage
            elif is_end(lineage, CONFIG):
                self.configs[owner] = lineage
            elif owner.name.endswith("Trainer") and surely_foreign(lineage) and _loss_without_loop(lineage):
                self.strangers.append(owner)

    @property
    def empty(self) -> bool:
        """Whether there is nothing here that a gate could judge."""
        return not (self.trainers or self.configs or self.strangers)

    def concrete(self) -> Iterator[tuple[ast.ClassDef, Lineage]]:
        """The trainers that say how a batch becomes a loss, themselves or through a base in the project."""
        for owner, lineage in self.trainers.items():
            if any(lineage.method(name) for name in ENTRIES):
                yield owner, lineage

    def dotted(self, expression: ast.expr) -> str | None:
        """See `Source.dotted`."""
        return self.source.dotted(expression)

    def finding(
        self,
        code: str,
        node: ast.expr | ast.stmt | ast.arg | ast.keyword,
        message: str,
        hint: str,
        label: str = "",
    ) -> Finding:
        """A finding at `node`; a class or function is marked by its name alone."""
        line = node.lineno
        start, stop = self.source.columns(node)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            at = self.source.lines[line - 1].find(node.name, start - 1)
            if at >= 0:
                start, stop = at + 1, at + 1 + len(node.name)
        return Finding(code, message, self.source.path, line, start, stop, hint, label)


def reached(facts: Facts, lineage: Lineage, start: str) -> Iterator[tuple[Source, Function]]:
    """The method `start` of a class and every function of the project that it calls, directly or through others."""
    first = lineage.method(start)
    waiting = [first] if first is not None else []
    seen: set[int] = set()
    while waiting:
        source, function = waiting.pop(0)
        if id(function) in seen:
            continue
        seen.add(id(function))
        yield source, function
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                target = callee(facts, lineage, source, node, function)
                if isinstance(target, tuple):
                    waiting.append(target)


def callee(
    facts: Facts, lineage: Lineage, source: Source, call: ast.Call, inside: Function
) -> tuple[Source, Function] | str | None:
    """The project's function that a call runs, else the dotted (or ``self.``) name of one outside, else None."""
    own = own_attribute(call.func)
    if own is not None:
        return lineage.method(own) or f"self.{own}"
    parent = super_method(call)
    if parent is not None:
        return _next_method(lineage, parent, inside) or f"super.{parent}"
    dotted = source.dotted(call.func)
    if dotted is None:
        return None
    found = facts.definition(dotted)
    if isinstance(found, tuple) and isinstance(found[1], (ast.FunctionDef, ast.AsyncFunctionDef)):
        return found[0], found[1]
    return found if isinstance(found, str) else None


def _next_method(lineage: Lineage, name: str, inside: Function) -> tuple[Source, Function] | None:
    passed = False
    for source, owner in lineage.classes:
        own = [item for item in owner.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))]
        if passed:
            for function in own:
                if function.name == name:
                    return source, function
        passed = passed or inside in own
    return None


def _loss_without_loop(lineage: Lineage) -> bool:
    return lineage.method("compute_loss") is not None and not any(lineage.method(name) for name in ("train", "fit"))
