"""TG136: parameters are frozen by requires_grad, with its s."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Edit, Fix
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG136"
NAME = "requires_grad, not require_grad"
WHAT = "No assignment to an attribute called require_grad or required_grad."
WHY = "Python makes a new attribute that nobody reads: the parameters that were to be frozen go on being trained."
FAILING = """\
import torch


def freeze(model: torch.nn.Module):
    for parameter in model.parameters():
        parameter.require_grad = False
"""
PASSING = """\
import torch


def freeze(model: torch.nn.Module):
    for parameter in model.parameters():
        parameter.requires_grad = False
"""
FIX = "safe: corrects the name"
TORCH = ">=1.0"
SOURCE = "torchfix TOR002"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine in training.reading.routines:
        for step in routine.steps:
            if not isinstance(step.node, ast.Assign):
                continue
            for target in step.node.targets:
                if isinstance(target, ast.Attribute) and target.attr in (
                    "require_grad",
                    "required_grad",
                    "requires_grads",
                ):
                    stop = training.span(target)[1]
                    fix = Fix("write requires_grad", True, (Edit(stop - len(target.attr), stop, "requires_grad"),))
                    yield training.finding(
                        CODE, target, f"{target.attr} is read by nobody", "write requires_grad", fix=fix
                    )
