"""What works alone works together: averages, recomputation, compilation, precision and accumulation on several ranks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import trainergen.runtime.shards  # noqa: F401 - here once for all ranks, since they are forked
from tests.runtime.processes import Ranks
from tests.runtime.test_distributed import Plain, wait_for
from tests.runtime.test_resume import NoisyTrainer, compare
from tests.runtime.test_sharded import Stack
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, settings
from trainergen.runtime import OutOfMemory, SettingError

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="ranks are forked"),
    pytest.mark.slow,
]


class Same(Plain):
    """SGD without noise, in blocks: any number of ranks takes the same steps."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        model = Stack()
        for block in model.blocks:
            block[1] = nn.LayerNorm(15)  # running means would be another each rank
        return model

    def on_epoch_start(self) -> None:
        if self.epoch:
            self.evaluate()  # leaves whole parameters behind on each rank, which hold the average


class Noisy(NoisyTrainer):
    """AdamW, dropout, running means."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        model = Stack()
        model.out = nn.Sequential(nn.Dropout(config.dropout), model.out)
        return model


class Slow(Noisy):
    """Leaves the time to be killed in."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.step > 5:
            time.sleep(0.3)
        return super().compute_loss(batch)


Slow.__name__ = "Noisy"  # its checkpoints are the other's


def train(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any], source: Path | str = "auto") -> dict[str, Any]:
    torch.set_num_threads(1)
    trainer = kind.from_config(settings(folder, **changes), resume=source)
    began = trainer.step
    trainer.train()
    assert trainer.recorder.final is not None and trainer.averaging is not None
    values = {
        name: each.full_tensor() if hasattr(each, "full_tensor") else each
        for name, each in trainer.averaging.average.values().items()
    }
    return {
        "began": began,
        "history": trainer.history,
        "weights": torch.load(trainer.recorder.final),
        "average": values,
        "run": trainer.run_directory,
    }


def close(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], tolerance: float = 1e-6) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.allclose(value, second[name], atol=tolerance, rtol=0), name


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize("average", [{"ema_decay": 0.9}, {"swa_start_epoch": 2}])
def test_two_ranks_have_the_average_of_one(tmp_path: Path, strategy: str, average: dict[str, Any]) -> None:
    changes = {"batch_size": 8, "dropout": 0.0, "shuffle": False, "accumulation_steps": 2} | average
    one = train(Same, tmp_path / "one", changes | {"batch_size": 16})
    changes |= {"strategy": strategy, "recompute_modules": ("blocks.*",)}
    two = Ranks(2, tmp_path / "ranks", train, Same, tmp_path / "two", changes).results()
    close(one["weights"], two[0]["weights"])
    close(one["average"], two[0]["average"])
    close(two[0]["average"], two[1]["average"], 0.0)
    assert two[0]["history"][-1]["validation"] == pytest.approx(one["history"][-1]["validation"], abs=1e-5)
    assert compare(two[0]["history"]) == compare(two[1]["history"])


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_killed_in_an_epoch_everything_goes_on_to_the_bit(tmp_path: Path, strategy: str) -> None:
    changes = {
        "num_epochs": 2,
        "batch_size": 4,
        "accumulation_steps": 2,
        "precision": "bfloat16",
        "ema_decay": 0.9,
        "recompute_modules": ("blocks.*",),
        "strategy": strategy,
        "checkpoint_every_n_steps": 2,
    }
    whole = Ranks(2, tmp_path / "1", train, Noisy, tmp_path / "whole", changes).results()
    killed = Ranks(2, tmp_path / "2", train, Slow, tmp_path / "broken", changes)
    wait_for(tmp_path / "broken", 8)
    killed.processes[1].kill()
    assert 0 not in killed.wait()
    again = Ranks(2, tmp_path / "3", train, Noisy, tmp_path / "broken", changes).results()
    assert again[0]["began"] % 12 != 0 and again[0]["began"] >= 8
    assert equal_bits(whole[0]["weights"], again[0]["weights"])
    assert equal_bits(whole[0]["average"], again[0]["average"])
    assert compare(whole[0]["history"]) == compare(again[0]["history"])
    if strategy == "fsdp":  # one process reads the average that two have written in parts
        newest = sorted((again[0]["run"] / "checkpoints").glob("step-*.pt"))[-1]
        changes |= {"num_epochs": 2, "strategy": "ddp"}
        alone = Noisy.from_config(settings(tmp_path / "alone", **changes), resume=newest)
        assert alone.averaging is not None
        assert equal_bits(alone.averaging.average.values(), again[0]["average"])


def test_traced_models_on_two_ranks(tmp_path: Path) -> None:
    changes = {"batch_size": 8, "dropout": 0.0, "shuffle": False, "ema_decay": 0.9, "num_epochs": 1}
    one = train(Same, tmp_path / "one", changes | {"batch_size": 16})
    changes |= {"compile": "aot_eager", "accumulation_steps": 1}
    two = Ranks(2, tmp_path / "ranks", train, Same, tmp_path / "two", changes).results()
    close(one["weights"], two[0]["weights"])
    close(one["average"], two[0]["average"])


def refused(folder: Path) -> list[str]:
    found = []
    for changes in ({"compile": "default"}, {"channels_last": True}):
        with pytest.raises(SettingError, match="strategy fsdp") as caught:
            Same.from_config(settings(folder, strategy="fsdp", **changes))
        found.append(str(caught.value))
    return found


def test_what_can_not_be_divided_is_refused(tmp_path: Path) -> None:
    told = Ranks(2, tmp_path / "ranks", refused, tmp_path / "run").results()
    assert told[0] == told[1] and "block.compile()" in told[0][0]


class Hungry(Same):
    """Rank 1 alone has too little memory."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.step == 2 and not self.is_main:
            torch.empty(1 << 55)
        return super().compute_loss(batch)


def test_a_rank_without_memory_ends_all(tmp_path: Path) -> None:
    began = time.monotonic()
    ranks = Ranks(2, tmp_path / "ranks", train, Hungry, tmp_path / "run", {"batch_size": 8, "ema_decay": 0.9})
    assert 0 not in ranks.wait()
    assert OutOfMemory.__name__ in (tmp_path / "ranks" / "error-1.txt").read_text()
    assert time.monotonic() - began < 60  # demand 11
