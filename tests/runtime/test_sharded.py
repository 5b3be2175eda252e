"""Each rank with a part of the model: the same steps as one process, and checkpoints that any number of ranks reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import trainergen.runtime.shards  # noqa: F401 - here once for all ranks, since they are forked
from tests.runtime.processes import Ranks
from tests.runtime.test_distributed import Plain, manifest, slowly, wait_for
from tests.runtime.test_resume import NoisyTrainer, compare
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, settings, weights
from trainergen.runtime import CheckpointError, SettingError, Trainer
from trainergen.runtime.checkpoints import load_state, shards_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ranks are forked")


class Stack(nn.Module):
    """Blocks in a ModuleList, as transformers have them; 15 features, which no number of ranks divides."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(2, 15)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(15, 15), nn.BatchNorm1d(15)) for _ in range(2))
        self.out = nn.Linear(15, 4)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        hidden = self.into(points)
        for block in self.blocks:
            hidden = hidden + torch.tanh(block(hidden))
        result: torch.Tensor = self.out(hidden)
        return result


class Blocks(NoisyTrainer):
    """AdamW with its state, noise, running means."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return Stack()


def train(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any], source: Path | str = "auto") -> dict[str, Any]:
    torch.set_num_threads(1)
    trainer = kind.from_config(settings(folder, **changes), resume=source)
    trainer.train()
    assert trainer.recorder.final is not None and trainer.run_directory is not None
    held = sum(getattr(each, "to_local", lambda each=each: each)().numel() for each in trainer.model.parameters())
    return {
        "history": trainer.history,
        "held": held,
        "weights": torch.load(trainer.recorder.final),
        "run": trainer.run_directory,
    }


@pytest.mark.parametrize("changes", [{}, {"accumulation_steps": 4, "batch_size": 4, "gradient_clip_norm": 0.05}])
def test_parts_take_the_steps_of_the_whole(tmp_path: Path, changes: dict[str, Any]) -> None:
    changes = {"batch_size": 8, "dropout": 0.0, "shuffle": False} | changes
    one = train(Plain, tmp_path / "one", changes | {"batch_size": 2 * changes["batch_size"]})
    two = Ranks(2, tmp_path / "ranks", train, Plain, tmp_path / "two", changes | {"strategy": "fsdp"}).results()
    assert two[0]["held"] + two[1]["held"] == one["held"] and two[1]["held"] < 0.7 * one["held"]
    assert one["weights"].keys() == two[0]["weights"].keys()  # plain names, whole tensors
    for name, value in one["weights"].items():
        assert torch.allclose(value, two[0]["weights"][name], atol=1e-6, rtol=0), name
    assert compare(two[0]["history"]) == compare(two[1]["history"])
    assert two[0]["history"][-1]["train"] == pytest.approx(one["history"][-1]["train"], abs=1e-5)


@pytest.mark.slow
def test_a_killed_run_of_parts_goes_on_to_the_bit(tmp_path: Path) -> None:
    changes = {"num_epochs": 3, "batch_size": 8, "strategy": "fsdp", "checkpoint_every_n_steps": 2}
    whole = Ranks(2, tmp_path / "1", train, Blocks, tmp_path / "whole", changes).results()
    killed = Ranks(2, tmp_path / "2", slowly, Blocks, tmp_path / "broken", changes)
    wait_for(tmp_path / "broken", 8)
    killed.processes[1].kill()
    assert 0 not in killed.wait()
    again = Ranks(2, tmp_path / "3", train, Blocks, tmp_path / "broken", changes).results()
    assert equal_bits(whole[0]["weights"], again[0]["weights"])
    assert compare(whole[0]["history"]) == compare(again[0]["history"])
    assert len(manifest(tmp_path / "broken")["resumed_from"]) == 1
    checkpoints = set((again[0]["run"] / "checkpoints").glob("step-*.pt"))
    (source,) = (Path(each).stem for each in manifest(tmp_path / "broken")["resumed_from"])
    assert len({path.stem for path in checkpoints} - {source}) == 3  # and what was resumed from, which rotation leaves
    named = {shards_of(path, load_state(path)) for path in checkpoints}
    assert named == set((again[0]["run"] / "checkpoints").glob("step-*.shards"))


def read(source: Path, folder: Path, changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    torch.set_num_threads(1)
    trainer: Trainer[Any, Any] = Blocks.from_config(settings(folder, **changes), resume=source)
    moments = {}
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    for parameter, state in trainer.optimizer.state.items():
        moments[names[id(parameter)]] = state["exp_avg"]
    found: tuple[dict[str, Any], ...] = (weights(trainer), moments)
    first, second = [
        {name: value.full_tensor() if hasattr(value, "full_tensor") else value for name, value in each.items()}
        for each in found
    ]
    return first, second


@pytest.mark.slow
def test_what_two_ranks_wrote_one_and_three_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    changes = {"num_epochs": 1, "batch_size": 4, "strategy": "fsdp"}
    two = Ranks(2, tmp_path / "1", train, Blocks, tmp_path / "two", changes).results()
    (written,) = (two[0]["run"] / "checkpoints").glob("step-*.pt")
    alone, alone_moments = read(written, tmp_path / "alone", changes | {"num_epochs": 2})
    assert equal_bits(alone, two[0]["weights"])
    assert len(alone_moments) == len(list(Stack().parameters()))
    for strategy in ("fsdp", "ddp"):
        ranks = Ranks(3, tmp_path / strategy, read, written, tmp_path / "three", changes | {"strategy": strategy})
        for values, moments in ranks.results():
            assert equal_bits(values, alone) and equal_bits(moments, alone_moments)
    whole = Ranks(2, tmp_path / "4", train, Blocks, tmp_path / "ddp-run", changes | {"strategy": "ddp"}).results()
    refused = Ranks(2, tmp_path / "5", read, whole[0]["run"], tmp_path / "x", changes | {"num_epochs": 2})
    assert refused.wait() == [1, 1]
    assert "resume it with strategy ddp" in (tmp_path / "5" / "error-1.txt").read_text()
    (written.with_suffix(".shards") / ".metadata").unlink()
    with pytest.raises(CheckpointError, match=r"step-.*\.shards are missing"):
        read(written, tmp_path / "alone", changes)


class Beside(Plain):
    """A head that is not inside the model."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head = nn.Linear(4, 4)

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(self.head(self.model(batch[0])), batch[1])


def refuse(folder: Path) -> list[str]:
    found = []
    config = settings(folder, strategy="fsdp")
    with pytest.raises(ValueError, match=r"trains self\.model alone, but Linear has parameters") as caught:
        Beside.from_config(config).train()
    found.append(str(caught.value))
    with pytest.raises(SettingError, match="use bfloat16"):
        Plain.from_config(settings(folder, strategy="fsdp", precision="float16"))
    model = Plain.build_model(config)
    with pytest.raises(SettingError, match="before its optimizer is built"):
        Plain(model, [], Plain.build_optimizer(model, config), config)
    return found


def test_what_parts_can_not_do_is_refused(tmp_path: Path) -> None:
    assert len(Ranks(2, tmp_path / "ranks", refuse, tmp_path / "run").results()) == 2
