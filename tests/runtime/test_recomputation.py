"""Recomputed modules: the same run to the bit, less memory, and patterns that say what they do not fit."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.runtime.test_resume import NoisyTrainer, compare
from tests.runtime.toys import Batch, ToyConfig, equal_bits, settings, weights
from trainergen.runtime import SettingError
from trainergen.runtime.memory import estimate
from trainergen.runtime.recomputation import Recomputed, recompute


class Codebook(nn.Module):
    """Its buffer changes in forward, and what it gives depends on it: seen twice, the second time would be another."""

    code: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("code", torch.zeros(16))
        self.register_buffer("replaced", torch.zeros(()))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        result = hidden * torch.sigmoid(hidden + self.code)
        if self.training:
            with torch.no_grad():
                self.code.mul_(0.5).add_(hidden.mean(0))
                self.replaced = self.replaced + 1
        return result


class Block(nn.Module):
    """Everything that a second pass could do otherwise."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.GELU(), nn.Dropout(dropout))
        self.code = Codebook()
        self.back = nn.Linear(64, 16)

    def forward(self, hidden: torch.Tensor, *, scale: float = 1.0) -> torch.Tensor:
        result: torch.Tensor = hidden + scale * self.code(self.back(self.inner(hidden)))
        return result


class Deep(nn.Module):
    """Two blocks in a list."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.into = nn.Linear(2, 16)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(2))
        self.out = nn.Linear(16, 4)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        hidden = self.into(points)
        for block in self.blocks:
            hidden = block(hidden, scale=0.5)
        result: torch.Tensor = self.out(hidden)
        return result


class DeepTrainer(NoisyTrainer):
    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return Deep(config.dropout)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"accumulation_steps": 2, "precision": "bfloat16", "ema_decay": 0.9},
        pytest.param({"precision": "float16"}, marks=pytest.mark.slow),
    ],
)
def test_the_run_is_the_same_to_the_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    runs = []
    for patterns in ((), ("blocks.*",), ("blocks.0", "blocks.?.inner")):
        config = settings(tmp_path / str(len(runs)), num_epochs=2, recompute_modules=patterns, **changes)
        trainer = DeepTrainer.from_config(config)
        trainer.train()
        runs.append(trainer)
    assert runs[1].preparation.recomputed == ["blocks.0", "blocks.1"]  # of nested ones the outermost
    assert runs[2].preparation.recomputed == ["blocks.0", "blocks.1.inner"]
    for trainer in runs[1:]:
        assert equal_bits(weights(runs[0]), weights(trainer))
        assert compare(runs[0].history) == compare(trainer.history)
        assert torch.equal(runs[0].model.blocks[1].code.replaced, trainer.model.blocks[1].code.replaced)


def test_less_is_kept_for_backward(tmp_path: Path) -> None:
    kept = []
    for patterns in ((), ("blocks.*",)):
        trainer = DeepTrainer.from_config(settings(tmp_path, batch_size=64, recompute_modules=patterns))
        trainer.noise = torch.zeros(())
        kept.append(estimate(trainer, next(iter(trainer.dataloader))).activations)
    assert kept[1] < 0.7 * kept[0]  # of two blocks' insides one is there at a time


def test_a_copy_runs_itself_not_the_original() -> None:
    model = Deep(0.0)
    recompute(model, ("blocks.*",))
    recompute(model, ("blocks.*",))  # a second trainer on it changes nothing
    assert isinstance(vars(model.blocks[0])["forward"], Recomputed)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        with torch.no_grad():
            twin.blocks[0].back.weight.zero_()
            twin.blocks[0].back.bias.zero_()
            twin.blocks[1].back.weight.zero_()
            twin.blocks[1].back.bias.zero_()
        points = torch.randn(8, 2)
        assert torch.equal(twin(points), twin.out(twin.into(points)))
        assert list(twin.state_dict()) == list(Deep(0.0).state_dict())


def test_a_graph_can_be_gone_through_twice() -> None:
    torch.manual_seed(0)
    model, points = Deep(0.3), torch.randn(8, 2)
    twin = copy.deepcopy(model)
    recompute(twin, ("blocks.*",))
    for each in (model, twin):
        torch.manual_seed(1)
        loss = each(points).square().mean()
        loss.backward(retain_graph=True)
        loss.backward()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None and torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (("block.*",), r"'block\.\*' fits no module of Deep; did you mean blocks\.\*\?"),
        (("blocks.*", "encoder.*"), r"'encoder\.\*' fits no module"),
        (("blocks",), r"'blocks' has no forward of its own: say 'blocks\.\*'"),
        (("blocks.0.innr",), r"did you mean blocks\.0\.inner"),
    ],
)
def test_a_pattern_that_fits_nothing(tmp_path: Path, patterns: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        DeepTrainer.from_config(settings(tmp_path, recompute_modules=patterns))


def test_what_can_not_be_recomputed(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is a tuple of patterns"):
        settings(tmp_path, recompute_modules="blocks.*")
    with pytest.raises(SettingError, match="recompute_modules and compile"):
        settings(tmp_path, recompute_modules=("blocks.*",), compile="default")
    model = nn.Sequential(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)))
    with pytest.raises(SettingError, match="scripted module"):
        recompute(model, ("0",))


def test_nothing_changes_where_no_gradient_is_asked_for(tmp_path: Path) -> None:
    class Looks(DeepTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            if not torch.is_grad_enabled():
                seen.append(self.model.blocks[0](torch.zeros(2, 16)).requires_grad)
            return super().compute_loss(batch)

    seen: list[bool] = []
    trainer = Looks.from_config(settings(tmp_path, recompute_modules=("blocks.*",), num_epochs=1))
    trainer.train()
    assert seen and not any(seen)
