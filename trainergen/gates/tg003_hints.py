"""TG003: every public method of a trainer or config has type hints."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .source import Function, Scope, is_public

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .subject import Subject

CODE = "TG003"
NAME = "public methods are hinted"
WHAT = (
    "Each public method (and __init__) of a trainer or config class annotates every parameter and what it returns; "
    "__init__ may leave out its return where a parameter is annotated (PEP 484)."
)
WHY = (
    "A trainer is used from other files: without hints a type checker skips its whole body, and a swapped argument "
    "runs."
)
PASSING = """\
import torch

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.model(batch["image"])
"""
FAILING = """\
from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        return self.model(batch["image"])
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 3 of ten"
WATCHES = (ast.FunctionDef, ast.AsyncFunctionDef)


def check(node: ast.AST, scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    owner = scope.owner
    if owner is None or scope.function is not None or not (owner in subject.trainers or owner in subject.configs):
        return
    if not is_public(node) and node.name != "__init__":
        return
    bare = list(_bare_parameters(node, subject))
    if bare:
        names = ", ".join(item.arg for item in bare)
        message = f"{owner.name}.{node.name} has no type hint for {names}"
        yield subject.finding(CODE, bare[0], message, f"annotate {names}")
    parameters = _parameters(node)
    exempt = node.name == "__init__" and any(item.annotation for item in parameters)
    if node.returns is None and not exempt:
        hint = "add -> None" if node.name == "__init__" else "annotate what it returns; -> None if nothing"
        yield subject.finding(CODE, node, f"{owner.name}.{node.name} does not say what it returns", hint)


def _parameters(function: Function) -> list[ast.arg]:
    arguments = function.args
    extra = [item for item in (arguments.vararg, arguments.kwarg) if item is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _bare_parameters(function: Function, subject: Subject) -> Iterator[ast.arg]:
    static = any(subject.dotted(item) == "staticmethod" for item in function.decorator_list)
    positional = [*function.args.posonlyargs, *function.args.args]
    bound = positional[0] if positional and not static else None
    for item in _parameters(function):
        if item is not bound and item.annotation is None:
            yield item
