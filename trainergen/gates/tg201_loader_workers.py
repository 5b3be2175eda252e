"""TG201 (advice): a loader prepares batches beside the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .loaders import loaders
from .roles import argument, constant, is_open
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG201"
NAME = "num_workers for a loader"
WHAT = "A DataLoader over a data set of one's own says num_workers; 0 may be right, and is said then."
WHY = "By default the training process loads each batch itself, and the device waits for it. Worth it where loading costs."
FAILING = """\
from torch.utils.data import DataLoader


def build(dataset):
    return DataLoader(dataset, batch_size=32, shuffle=True)
"""
PASSING = """\
from torch.utils.data import DataLoader


def build(dataset):
    return DataLoader(dataset, batch_size=32, shuffle=True, num_workers=4)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "PyTorch performance tuning guide; torchfix TOR401; Sonar S6983"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for loader in loaders(training):
        if is_open(loader.call) or argument(loader.call, "num_workers", 5) is not None:
            continue
        made = training.roles.made(argument(loader.call, "dataset", 0) or loader.call, loader.routine)[1]
        dotted = training.reading.dotted(made.func) if made is not None else ""
        if constant(argument(loader.call, "batch_size", 1)) is not None and dotted != "torch.utils.data.TensorDataset":
            yield training.finding(
                CODE, loader.call, "batches are loaded by the training process itself", "say num_workers"
            )
