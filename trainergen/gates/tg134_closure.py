"""TG134: LBFGS is stepped with a closure."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import STEP
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG134"
NAME = "a closure for LBFGS"
WHAT = "The step() of a torch.optim.LBFGS gets the closure that computes the loss anew."
WHY = "LBFGS evaluates the loss several times a step: without a closure step() raises TypeError."
FAILING = """\
import torch


def fit(model, inputs, targets, criterion):
    optimizer = torch.optim.LBFGS(model.parameters())
    for _ in range(20):
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
"""
PASSING = """\
import torch


def fit(model, inputs, targets, criterion):
    optimizer = torch.optim.LBFGS(model.parameters())

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        return loss

    for _ in range(20):
        optimizer.step(closure)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.optim.LBFGS.step"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for root in training.traces.roots:
        for event in training.traces.of(root):
            if event.kind != STEP or not isinstance(event.node, ast.Call) or event.node.args or event.node.keywords:
                continue
            _, made = training.roles.named(event.target, event.scope)
            if made is not None and (training.reading.dotted(made.func) or "") == "torch.optim.LBFGS":
                yield training.finding(
                    CODE,
                    event.node,
                    "LBFGS steps without a closure: it raises",
                    "pass the function that computes the loss",
                )
