"""TG137: NaN is asked for, not compared with."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG137"
NAME = "isnan() instead of == nan"
WHAT = "No comparison with float('nan'), math.nan, numpy.nan or torch.nan by == or !=."
WHY = "NaN equals nothing, itself included: the check is never true, and the diverged run goes on."
FAILING = """\
import torch


def guard(loss: torch.Tensor):
    if loss == float("nan"):
        raise FloatingPointError("the loss is not a number")
"""
PASSING = """\
import torch


def guard(loss: torch.Tensor):
    if torch.isnan(loss):
        raise FloatingPointError("the loss is not a number")
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "IEEE 754; Sonar S1244; 22 ML code smells (arXiv 2509.20491)"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    if "nan" not in training.source.text.lower():
        return
    for routine in training.reading.routines:
        for step in routine.steps:
            head = _head(step.node)
            for part in ast.walk(head) if head is not None else ():
                if not isinstance(part, ast.Compare) or not any(isinstance(op, (ast.Eq, ast.NotEq)) for op in part.ops):
                    continue
                if any(_is_nan(training, each) for each in (part.left, *part.comparators)):
                    yield training.finding(
                        CODE,
                        part,
                        "nothing equals NaN: this is never true",
                        "ask torch.isnan(...) or math.isnan(...)",
                    )


def _head(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.If):
        return node.test
    if isinstance(node, (ast.Assign, ast.Return, ast.Expr)):
        return node.value
    return None


def _is_nan(training: Training, value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        said = value.args[0] if value.args else None
        return (
            training.reading.dotted(value.func) == "float"
            and isinstance(said, ast.Constant)
            and str(said.value).lower() == "nan"
        )
    return training.reading.dotted(value) in ("math.nan", "numpy.nan", "torch.nan", "numpy.NaN")
