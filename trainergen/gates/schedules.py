"""What a scheduler's step is told: one that gets the epoch or the step itself neither counts nor has a state to lose."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .naming import words_of
from .reading import text_of

if TYPE_CHECKING:
    from .events import Event

_COUNTS = {
    "epoch",
    "epochs",
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "iterations",
    "update",
    "updates",
    "i",
    "it",
}


def told_where(event: Event) -> bool:
    """Whether a scheduler's step gets the place in the training: ``scheduler.step(epoch)``, ``step(epoch + i / n)``."""
    call = event.node
    if not isinstance(call, ast.Call):
        return False
    said = call.args[0] if call.args else next((word.value for word in call.keywords if word.arg == "epoch"), None)
    if said is None or isinstance(said, ast.Call):
        return False
    return any(_counts(part) for part in ast.walk(said) if isinstance(part, (ast.Name, ast.Attribute)))


def _counts(part: ast.expr) -> bool:
    words = words_of((text_of(part) or "").rpartition(".")[2])
    return bool(words) and words[-1] in _COUNTS
