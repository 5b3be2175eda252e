"""Preflight names what can't learn, passes what can, and leaves no trace."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.runtime.before.trainers import PATTERNS, Pair, Regression, quiet
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, weights
from trainergen.runtime import Trainer
from trainergen.runtime.before import preflight


class Dead(ToyTrainer):
    """Its second layer is never called."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        model = nn.Module()
        model.used, model.unused = nn.Linear(2, 4), nn.Linear(2, 4)
        return model

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        return functional.cross_entropy(self.model.used(points), labels)


class Detached(Dead):
    """One branch is cut off, another is multiplied away."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        logits = self.model.used(points) * 0.0 + self.model.unused(points).detach()
        return functional.cross_entropy(logits, labels)


class Stretched(Regression):
    """[16, 1] against [16], by torch's loss."""

    def compute_loss(self, batch: Pair) -> torch.Tensor:
        points, target = batch
        return functional.mse_loss(self.model(points), target)


class StretchedByHand(Regression):
    """The same without a loss function."""

    def compute_loss(self, batch: Pair) -> torch.Tensor:
        points, target = batch
        return ((target - self.model(points)) ** 2).mean()


class OutOfRange(ToyTrainer):
    """A class more than the head has."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        return functional.cross_entropy(self.model(points), labels + 1)


class Infinite(Regression):
    """The derivative of a root at zero."""

    def compute_loss(self, batch: Pair) -> torch.Tensor:
        points, target = batch
        return torch.sqrt((self.model(points) * 0.0).abs()).mean() + functional.mse_loss(
            self.model(points).squeeze(-1), target
        )


class Contradicted(ToyTrainer):
    """Its inputs are all the same."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        return functional.cross_entropy(self.model(points * 0.0), labels)


def found(kind: type[Trainer[Any, Any]], directory: Path, **changes: Any) -> preflight.Preflight:
    return preflight.measure(kind.from_config(quiet(directory, **changes)))


@pytest.mark.parametrize("kind", PATTERNS, ids=lambda kind: kind.__name__)
def test_what_can_learn_passes_and_is_left_as_it_was(kind: type[Trainer[Any, Any]], tmp_path: Path) -> None:
    average = None if kind.manual_step else 0.9
    alone, looked_at = (kind.from_config(quiet(tmp_path, ema_decay=average)) for _ in range(2))
    random = torch.get_rng_state()
    seen = preflight.measure(looked_at, overfit_steps=60)
    assert seen.passed, [fault.what for fault in seen.faults]
    names = {name for name, _ in looked_at.model.named_parameters()}
    assert {each.name for each in seen.gradients} == names
    assert all(math.isfinite(each.norm) and each.norm > 0 for each in seen.gradients)
    assert torch.equal(torch.get_rng_state(), random)
    assert equal_bits(weights(looked_at), weights(alone)) and looked_at.step == 0 and not (tmp_path / "saved").exists()
    torch.manual_seed(5)
    alone.train()
    torch.manual_seed(5)
    looked_at.train()
    assert equal_bits(weights(looked_at), weights(alone))
    if average is not None:
        averages = [trainer.averaging.average.values() for trainer in (looked_at, alone) if trainer.averaging]
        assert equal_bits(*averages)


def test_a_dead_parameter_is_named(tmp_path: Path) -> None:
    faults = [fault for fault in found(Dead, tmp_path).faults if not fault.mild]
    assert [fault.what.partition(":")[0] for fault in faults] == [
        "the gradient of unused.weight is missing", "the gradient of unused.bias is missing",
    ]  # fmt: skip
    assert faults[0].where == "unused.weight (Linear, [4, 2])" and "requires_grad_(False)" in faults[0].how


def test_a_detached_branch_and_one_multiplied_away(tmp_path: Path) -> None:
    said = " ".join(fault.what for fault in found(Detached, tmp_path).faults)
    assert "gradient of used.weight is zero in 3 steps" in said and "gradient of unused.bias is missing" in said
    assert "one batch can't be learnt by heart" in said


@pytest.mark.parametrize(
    ("kind", "operation"), [(Stretched, "mse_loss"), pytest.param(StretchedByHand, "__?sub", marks=pytest.mark.slow)]
)
def test_a_target_of_another_shape(kind: type[Regression], operation: str, tmp_path: Path) -> None:
    (fault,) = (each for each in found(kind, tmp_path).faults if "same shape" in each.what)
    assert "[16, 1]" in fault.what and "[16]" in fault.what and "became [16, 16]" in fault.what
    assert not fault.mild and f"{kind.__name__}.compute_loss, test_preflight.py:" in fault.where
    assert not [each for each in found(Regression, tmp_path).faults if "same shape" in each.what]
    assert operation.strip("_?") in fault.what


def test_a_step_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    (fault,) = found(OutOfRange, tmp_path).faults
    assert fault.what.startswith("the training step fails: IndexError: Target 4 is out of bounds")
    assert "test_preflight.compute_loss, line" in fault.where


def test_a_gradient_that_is_not_finite(tmp_path: Path) -> None:
    faults = found(Infinite, tmp_path, gradient_clip_norm=None).faults
    assert "the gradient of 0.weight is not finite" in [fault.what for fault in faults]


def test_a_batch_that_can_not_be_learnt(tmp_path: Path) -> None:
    faults = found(Contradicted, tmp_path).faults
    assert any("one batch can't be learnt by heart" in fault.what for fault in faults)


def test_a_frozen_model(tmp_path: Path) -> None:
    trainer = Regression.from_config(quiet(tmp_path))
    for parameter in trainer.model.parameters():
        parameter.requires_grad_(False)
    (fault,) = preflight.measure(trainer).faults
    assert "no graph" in fault.what


def test_an_empty_loader(tmp_path: Path) -> None:
    (fault,) = preflight.measure(ToyTrainer.from_config(quiet(tmp_path), dataloader=[])).faults
    assert "gives no batch" in fault.what
