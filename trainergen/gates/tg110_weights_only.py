"""TG110: torch.load unpickles weights only."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .finding import Fix
from .loading import through_memory, written_here
from .roles import argument, constant, is_open
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .reading import Step

CODE = "TG110"
NAME = "torch.load with weights_only=True"
WHAT = (
    "torch.load says weights_only=True. Where the project asks for torch 2.6 or later, whose default that is, saying "
    "nothing is enough, and only weights_only=False is reported. Left alone is what the function itself has just saved."
)
WHY = "Unpickling runs whatever code the file names: a checkpoint from elsewhere can do anything that you can."
FAILING = """\
import torch


def restore(model, path):
    model.load_state_dict(torch.load(path, map_location="cpu"))
"""
PASSING = """\
import torch


def restore(model, path):
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
"""
FIX = "unsafe: adds weights_only=True (a file that holds more than tensors and plain containers won't load then)"
TORCH = ">=1.13"
SOURCE = "torch.load; torchfix TOR102; Sonar S6985; CWE-502"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    explicit = training.facts.torch is None or not training.asks_for((2, 6))
    for routine, step, call in training.calls("torch.load"):
        if is_open(call) or written_here(training, routine, step, call):
            continue
        if through_memory(training, routine, call):
            continue
        said = argument(call, "weights_only")
        if said is None and explicit and not _for_an_old_torch(step):
            fix = Fix("add weights_only=True", False, (training.adding_argument(call, "weights_only=True"),))
            message = (
                "torch.load runs whatever code the file names (before torch 2.6, where weights_only is not the default)"
            )
            yield training.finding(CODE, call, message, "pass weights_only=True", fix=fix)
        elif said is not None and constant(said) is False:
            fix = Fix("say weights_only=True", False, (training.replacing(said, "True"),))
            message = "weights_only=False runs whatever code the file names"
            yield training.finding(CODE, call, message, "save a state_dict and load it with weights_only=True", fix=fix)


def _for_an_old_torch(step: Step) -> bool:
    """Whether a load stands where a TypeError is met: there a torch is served that doesn't know the argument."""
    return any(
        isinstance(place.node, ast.ExceptHandler)
        and isinstance(place.node.type, ast.Name)
        and place.node.type.id == "TypeError"
        for place in step.place.path
    )
