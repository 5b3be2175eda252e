"""Settings that say "yes" beside each other in docs/memory.md: with both, a run is what it is with the second alone."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.runtime.processes import Ranks
from tests.runtime.test_resume import Interrupted, NoisyTrainer, break_off, compare
from tests.runtime.toys import Batch, ToyConfig, equal_bits, settings, weights

TOGETHER: dict[str, dict[str, Any]] = {
    "accumulation": {"accumulation_steps": 4},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "ema": {"ema_decay": 0.9},
    "swa": {"swa_start_epoch": 2},
    "recompute": {"recompute_modules": ("0",)},
    "compile": {"compile": "aot_eager"},
}


class Pictures(NoisyTrainer):
    """A small convolutional net on points drawn as pictures; no dropout, so that its numbers can be compared."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(
            nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.GELU()),
            nn.Flatten(),
            nn.Linear(8 * 16, 4),
        )

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.stop_in == (self.epoch, self.step):
            raise Interrupted
        points, labels = batch
        pictures = points[:, :, None, None].expand(-1, -1, 4, 4) * torch.linspace(-1, 1, 16).reshape(4, 4)
        logits = self.model(pictures.contiguous(memory_format=torch.channels_last))
        self.scores.add(logits, labels)
        return nn.functional.cross_entropy(logits.float(), labels)


def losses(folder: Path, changes: dict[str, Any]) -> list[float]:
    trainer = Pictures.from_config(settings(folder, dropout=0.0, num_epochs=3, **changes))
    return [record[part]["loss"] for record in trainer.train() for part in ("train", "validation")]


PAIRS = [
    *(("channels_last", True, other) for other in TOGETHER),
    *(("compile", "aot_eager", other) for other in TOGETHER if other not in ("recompute", "compile")),
    *(("swa_start_epoch", 2, other) for other in ("bfloat16", "float16")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value", "other"), PAIRS)
def test_with_both_a_run_is_nearly_what_it_is_with_one(tmp_path: Path, name: str, value: Any, other: str) -> None:
    alone = losses(tmp_path / "alone", TOGETHER[other])
    both = losses(tmp_path / "both", TOGETHER[other] | {name: value})
    loose = other in ("bfloat16", "float16")
    assert both == pytest.approx(alone, rel=0.1 if loose else 1e-3)
    assert both[-1] < both[1]  # and it learns


def test_a_run_in_channels_last_goes_on_inside_an_epoch_to_the_bit(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"num_epochs": 3, "channels_last": True, "checkpoint_every_n_steps": 2, "dropout": 0.0}
    whole = Pictures.from_config(settings(tmp_path / "whole", **changes))
    whole.train()
    broken = Pictures.from_config(settings(tmp_path / "broken", **changes))
    break_off(broken, (1, 9))
    resumed = Pictures.from_config(settings(tmp_path / "broken", **changes), resume="auto")
    assert resumed.step == 8
    resumed.train()
    assert compare(resumed.history) == compare(whole.history)
    assert equal_bits(weights(resumed), weights(whole))


class Plain(Pictures):
    """Steps by SGD: AdamW makes a whole step of the rounding in a gradient that is zero, a bias' before a batch norm."""

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), lr=0.1)


def on_rank(folder: Path, changes: dict[str, Any], stop_at: tuple[int, int] | None = None) -> dict[str, Any]:
    torch.set_num_threads(1)
    changes = {"dropout": 0.0, "num_epochs": 2, "batch_size": 8, "checkpoint_every_n_steps": 2} | changes
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*strides do not match.*")  # DDP would copy each gradient
        trainer = Plain.from_config(settings(folder, **changes), resume="auto")
        if stop_at is not None:
            break_off(trainer, stop_at)
            return {}
        trainer.train()
    kernel = trainer.model.get_parameter("0.0.weight")
    return {
        "losses": [record[part]["loss"] for record in trainer.history for part in ("train", "validation")],
        "history": trainer.history,
        "weights": weights(trainer),
        "innermost": [kernel.stride(1), kernel.grad.stride(1) if kernel.grad is not None else None],
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ranks are forked")
@pytest.mark.parametrize("other", [{}, {"swa_start_epoch": 1, "accumulation_steps": 4}])
def test_ranks_in_channels_last_do_what_they_do_without(tmp_path: Path, other: dict[str, Any]) -> None:
    alone = Ranks(2, tmp_path / "1", on_rank, tmp_path / "alone", other).results()
    other = other | {"channels_last": True}
    both = Ranks(2, tmp_path / "2", on_rank, tmp_path / "both", other).results()
    assert both[0]["losses"] == both[1]["losses"] == pytest.approx(alone[0]["losses"], rel=1e-5)
    assert [each["innermost"] for each in both] == [[1, 1]] * 2 and alone[0]["innermost"] == [9, 9]
    assert equal_bits(both[0]["weights"], both[1]["weights"])
    if len(other) == 1:
        Ranks(2, tmp_path / "3", on_rank, tmp_path / "broken", other, (1, 9)).results()
        again = Ranks(2, tmp_path / "4", on_rank, tmp_path / "broken", other).results()
        assert compare(again[0]["history"]) == compare(both[0]["history"])
        assert equal_bits(again[1]["weights"], both[0]["weights"])
