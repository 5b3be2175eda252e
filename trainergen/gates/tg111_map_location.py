"""TG111: torch.load says where the tensors go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .finding import Fix
from .loading import of_a_data_set, through_memory, without_tensors, written_as_numbers, written_here
from .roles import argument, is_open
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG111"
NAME = "torch.load with map_location"
WHAT = (
    "torch.load says map_location: the device in use, or the CPU. Left alone is what the function itself has just saved, "
    "what goes to a gradient scaler, a scheduler or random generators, whose states hold no tensors of a device, and the "
    "samples of a data set."
)
WHY = (
    "Without it every tensor goes back to the device that it was saved from: a checkpoint of a GPU run can't be loaded "
    "on a machine without one, and with several processes all of them load onto GPU 0."
)
FAILING = """\
import torch


def restore(model, path):
    model.load_state_dict(torch.load(path, weights_only=True))
"""
PASSING = """\
import torch


def restore(model, path, device):
    model.load_state_dict(torch.load(path, map_location=device, weights_only=True))
"""
FIX = 'unsafe: adds map_location="cpu" (a model that takes the values copies them to its own device)'
TORCH = ">=1.0"
SOURCE = "torch.load, the note on map_location"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for routine, step, call in training.calls("torch.load"):
        if is_open(call) or argument(call, "map_location", 1) is not None:
            continue
        if not (
            written_here(training, routine, step, call)
            or through_memory(training, routine, call)
            or without_tensors(training, routine, call)
            or written_as_numbers(training, call)
            or of_a_data_set(routine, call)
        ):
            fix = Fix('add map_location="cpu"', False, (training.adding_argument(call, 'map_location="cpu"'),))
            message = "torch.load puts each tensor on the device that it was saved from"
            hint = "pass map_location: the device in use, or the CPU"
            yield training.finding(CODE, call, message, hint, fix=fix)
