"""TG135: a training loop does not swallow whatever goes wrong in a step."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG135"
NAME = "no except that hides a failed step"
WHAT = "No bare except or except Exception around a training step that goes on (pass, continue) without a word."
WHY = "Every batch may fail, of memory, shapes or NaN, and the run ends with the weights that it began with, and no error."
FAILING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        try:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        except Exception:
            continue
"""
PASSING = """\
import torch


def train(model, loader, optimizer, criterion, logger):
    for index, (inputs, targets) in enumerate(loader):
        try:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
        except torch.cuda.OutOfMemoryError:
            logger.warning("batch %d, shape %s, is too large: left out", index, tuple(inputs.shape))
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "ruff S112, E722, in the one place where they matter most"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for loop, trace, _root in training.batch_loops():
        tries = {
            id(place.node): place.node
            for event in trace
            if event.within(loop) and event.kind == "backward"
            for place in event.path
            if place.kind == "try"
        }
        for node in tries.values():
            assert isinstance(node, (ast.Try, ast.TryStar))
            for handler in node.handlers:
                if _catches_all(handler.type) and all(
                    isinstance(item, (ast.Pass, ast.Continue)) for item in handler.body
                ):
                    yield training.finding(
                        CODE,
                        handler.body[0],
                        "whatever fails in a step is passed over in silence",
                        "name the error that is meant, and log it",
                    )


def _catches_all(kind: ast.expr | None) -> bool:
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException", "RuntimeError"))
