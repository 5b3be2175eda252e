"""The long probes on a bare loop: what a kept graph, a list that grows, and a wrong mean look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.proof.test_probes import batch, session
from trainergen.families.torch.proof_endurance import split
from trainergen.runtime.probes import accumulation, memory

DEMANDS = [
    {"path": ["x"], "variable": "x", "kind": "tensor", "dtype": "float32", "dims": ["batch", 4]},
    {"path": ["y"], "variable": "y", "kind": "tensor", "dtype": "int64", "dims": ["batch"]},
]


def kept(detached: bool, release: int) -> Any:
    """A loss that puts something away each time, and forgets it every `release` times."""
    losses: list[torch.Tensor] = []

    def loss(module: nn.Module, given: Any) -> torch.Tensor:
        found = functional.cross_entropy(module(given["x"]), given["y"])
        losses.append(found.detach() if detached else found)
        if len(losses) >= release:
            losses.clear()
        return found

    return loss


@pytest.mark.parametrize(
    ("detached", "release", "kind"),
    [(True, 3, None), (False, 3, None), (False, 1000, "graph"), (True, 1000, "tensors")],
)
def test_what_piles_up_is_told_and_what_is_let_go_is_not(detached: bool, release: int, kind: str | None) -> None:
    model = session(nn.Linear(4, 3), loss=kept(detached, release))
    found = memory.measure(model, batch(), seed=0)
    assert [fault.kind for fault in found.faults] == ([] if kind is None else [kind]), found


class Accumulating:
    """A bare loop that steps on a window; `weigh` tells how much of it each part is."""

    def __init__(self, model: nn.Module, weigh: bool) -> None:
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.clip_norm = 0.5
        self.weigh = weigh

    def window(self, batches: Sequence[Mapping[str, torch.Tensor]]) -> float:
        self.optimizer.zero_grad()
        total = sum(len(each["y"]) for each in batches)
        for each in batches:
            loss = functional.cross_entropy(self.model(each["x"]), each["y"])
            (loss * (len(each["y"]) / total if self.weigh else 1 / len(batches))).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        return float(loss.detach())


@pytest.mark.parametrize(("weigh", "normed"), [(True, False), (False, False), (False, True)])
def test_a_window_is_the_large_batch_unless_the_model_knows_better(weigh: bool, normed: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8) if normed else nn.Tanh(), nn.Linear(8, 3))
    parts = split(batch(), DEMANDS)
    assert parts is not None and [size for _, size in parts] == [12, 4]
    right = session(model)
    found = accumulation.measure(
        Accumulating(model, weigh), batch(), parts, lambda given: right.gradients(given)[1], seed=0  # type: ignore[arg-type]
    )
    assert found.measured != normed
    assert bool(found.faults) == (not weigh and not normed), found


def test_a_batch_with_a_part_that_has_no_samples_is_not_parted() -> None:
    whole = {**batch(), "prior": torch.zeros(3)}
    assert split(whole, [*DEMANDS, {"path": ["prior"], "dims": [3], "variable": "prior"}]) is None
    assert split({"x": torch.zeros(2, 4)}, DEMANDS[:1]) is None
