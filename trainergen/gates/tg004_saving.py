"""TG004: on_train_end saves the weights."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .source import Function, Scope, Source, live_nodes, own_attribute
from .subject import Subject, callee

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Facts, Lineage
    from .finding import Finding

CODE = "TG004"
NAME = "on_train_end saves"
WHAT = (
    "A trainer that gives a loss has an on_train_end, its own or from a base in the project, that reaches a call "
    "whose name begins with save (self.save_weights, torch.save, ...), directly or through the project's functions "
    "that it calls."
)
WHY = "A run that ends without its weights on disk has to be trained again."
PASSING = """\
from beautilog import logger

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        return self.model(batch)

    def on_train_end(self):
        super().on_train_end()
        path = self.save_weights()
        logger.info("weights saved to %s", path)
"""
FAILING = """\
from beautilog import logger

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        return self.model(batch)

    def on_train_end(self):
        super().on_train_end()
        logger.info("training is over")
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 4 of ten"
WATCHES = (ast.ClassDef,)


def check(node: ast.AST, _scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, ast.ClassDef)
    lineage = dict(subject.concrete()).get(node)
    if lineage is None:
        return
    hint = "in on_train_end: super().on_train_end(), then self.save_weights(...)"
    found = lineage.method("on_train_end")
    if found is None:
        yield subject.finding(CODE, node, f"{node.name} has no on_train_end: its weights are never saved", hint)
    elif not _saves(subject.facts, lineage, *found, set()):
        at = found[1] if found[1] in node.body else node
        yield subject.finding(CODE, at, f"{node.name}.on_train_end reaches no call that saves", hint)


def _saves(facts: Facts, lineage: Lineage, source: Source, function: Function, seen: set[int]) -> bool:
    seen.add(id(function))
    for part in live_nodes(function.body):
        if not isinstance(part, ast.Call):
            continue
        name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
        target = callee(facts, lineage, source, part, function)
        if isinstance(target, tuple):
            # A function of the project counts for what it does, whatever its name.
            if id(target[1]) not in seen and _saves(facts, lineage, *target, seen):
                return True
        elif name.startswith("save") or (own_attribute(part.func) or "").startswith("_save"):
            return True
    return False
