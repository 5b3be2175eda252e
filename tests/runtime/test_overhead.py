"""What the loop costs a step, in calls that are counted: a raw loop that clips is the measure (cProfile, no clock)."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from trainergen.runtime import BaseTrainerConfig, Callback, Trainer, reporting

Batch = tuple[torch.Tensor, torch.Tensor]
Optimizer = Callable[[Any], torch.optim.Optimizer]

FIRST, LAST = 20, 120
"""The steps between which calls are counted; two log lines fall into them."""


class Plain(Trainer[Batch, BaseTrainerConfig]):
    """What a generated trainer does."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        inputs, labels = batch
        return functional.cross_entropy(self.model(inputs), labels)


class Counted(nn.Module):
    """A tiny MLP that starts the profiler in one step and stops it in another."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
        self.profile, self.step = cProfile.Profile(), 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.step == FIRST:
            self.profile.enable()
        elif self.step == LAST:
            self.profile.disable()
        self.step += 1
        return self.net(inputs)

    def calls(self) -> float:
        return pstats.Stats(self.profile).total_calls / (LAST - FIRST)  # type: ignore[attr-defined]


def batches() -> list[Batch]:
    return [(torch.randn(32, 32), torch.randint(0, 10, (32,))) for _ in range(LAST + 1)]


def raw(optimizer_class: Optimizer) -> float:
    model = Counted()
    optimizer = optimizer_class(model.parameters())
    for inputs, labels in batches():
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.calls()


def ours(folder: Path, optimizer_class: Optimizer, **changes: Any) -> float:
    model = Counted()
    config = BaseTrainerConfig(
        num_epochs=1, device="cpu", scheduler_patience=None, model_save_directory=folder, **changes
    )
    Plain(model, batches(), optimizer_class(model.parameters()), config).train()
    return model.calls()


@pytest.fixture(autouse=True)
def _no_second_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done once a second counts with the machine's speed, not with the steps: it comes before `FIRST`."""
    monkeypatch.setattr(reporting, "STATUS_SECONDS", float("inf"))


@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.AdamW])
def test_a_step_makes_no_more_calls_than_a_raw_loop(tmp_path: Path, optimizer_class: Optimizer) -> None:
    # demanded is 1.2 times as many; the loop walks the parameters once an epoch, the raw one in every step
    assert ours(tmp_path, optimizer_class) <= raw(optimizer_class)


def test_the_count_notices_a_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listening(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            sum(abs(number) for number in range(-40, 0))

    before = ours(tmp_path, torch.optim.SGD)
    plain = Plain.__init__
    monkeypatch.setattr(Plain, "__init__", lambda self, *given: plain(self, *given, callbacks=[Listening()]))
    assert before + 80 < ours(tmp_path, torch.optim.SGD) < before + 100


@pytest.mark.parametrize("changes", [{"trackers": ("csv",)}, {"accumulation_steps": 2}, {"precision": "bfloat16"}])
def test_what_is_switched_on_costs_little_more(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert ours(tmp_path / "1", torch.optim.AdamW, **changes) <= 1.1 * ours(tmp_path / "2", torch.optim.AdamW)
