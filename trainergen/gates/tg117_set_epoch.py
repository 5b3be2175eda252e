"""TG117: a distributed sampler is told the epoch."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD, SET_EPOCH
from .loaders import purpose_of
from .naming import says
from .roles import argument, constant
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG117"
NAME = "set_epoch() on a DistributedSampler"
WHAT = "A file that makes a shuffling DistributedSampler and trains over epochs calls its set_epoch(epoch) in each."
WHY = "The sampler's order comes from its seed and the epoch: without set_epoch every epoch has the same order of data."
FAILING = """\
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler


def fit(model, dataset, optimizer, criterion, epochs):
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
"""
PASSING = """\
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler


def fit(model, dataset, optimizer, criterion, epochs):
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for inputs, targets in loader:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "torch.utils.data.distributed.DistributedSampler, the warning"


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    routines = training.reading.routines
    if any(event.kind == SET_EPOCH for routine in routines for event in training.traces.own(routine)):
        return
    if any(training.framework(owner) for owner in training.reading.classes.values()):
        return
    if not _over_epochs(training):
        return
    for routine in routines:
        for step in routine.calls():
            call = step.node
            assert isinstance(call, ast.Call)
            if not (training.reading.dotted(call.func) or "").endswith("DistributedSampler"):
                continue
            if constant(argument(call, "shuffle", 3)) is False:
                continue
            names = [
                name for name, bindings in routine.bindings.items() if any(each.value is call for each in bindings)
            ]
            dataset = ast.unparse(call.args[0]) if call.args else ""
            if any(purpose_of(name) == "held out" for name in (*names, dataset)):
                continue
            name = names[0] if names else "sampler"
            yield training.finding(
                CODE,
                call,
                "nothing calls set_epoch(): every epoch has the same order",
                f"call {name}.set_epoch(epoch) at the top of each epoch",
            )


def _over_epochs(training: Training) -> bool:
    """Whether the file trains in a loop within a loop, or in one over epochs."""
    for root in training.traces.roots:
        for event in training.traces.of(root):
            if event.kind == BACKWARD and len(event.loops) > 1:
                return True
        for step in root.steps:
            for place in step.place.path:
                if (
                    place.kind == "loop"
                    and isinstance(place.node, ast.For)
                    and says(ast.unparse(place.node.target), "epoch")
                ):
                    return True
    return False
