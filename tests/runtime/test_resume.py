"""Resume is exact: the weights equal the uninterrupted run's bit for bit, whatever interrupted it."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR, OneCycleLR
from torch.utils.data import DataLoader

from tests.forking import Forked
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import CheckpointError, Trainer, WarmupCosine
from trainergen.runtime.history import CIRCUMSTANCES, read_history


class Interrupted(Exception):
    """What the test raises in the middle of a run."""


class NoisyTrainer(ToyTrainer):
    """Draws random numbers wherever a trainer may: hooks, data, dropout."""

    stop_in: tuple[int, int] | None = None  # epoch and step

    def on_train_begin(self) -> None:
        super().on_train_begin()
        torch.rand(3)

    def on_epoch_start(self) -> None:
        self.noise = torch.rand(()) + random.random()

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.stop_in == (self.epoch, self.step):
            raise Interrupted
        return super().compute_loss(batch) * (1 + 0.01 * self.noise)


def break_off(trainer: NoisyTrainer, stop_in: tuple[int, int]) -> None:
    """Train until it is interrupted in that epoch and step."""
    trainer.stop_in = stop_in
    with pytest.raises(Interrupted):
        trainer.train()


class OneCycleTrainer(NoisyTrainer):
    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> Any:
        return OneCycleLR(optimizer, 0.02, total_steps=100)


class CosineTrainer(NoisyTrainer):
    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> Any:
        return CosineAnnealingLR(optimizer, 5)


class WarmupTrainer(NoisyTrainer):
    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> Any:
        return WarmupCosine(optimizer)


class SeparateGenerator(NoisyTrainer):
    """A loader with a generator of its own, augmentation in the data set, a second optimizer and scheduler."""

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        generator = torch.Generator().manual_seed(5)
        loader = DataLoader(
            quadrants(90), batch_size=16, shuffle=True, generator=generator, collate_fn=jitter, num_workers=cls.workers
        )
        return loader, DataLoader(quadrants(40, seed=1), batch_size=16)

    workers = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head = nn.Linear(1, 1)
        self.second = torch.optim.Adam(self.head.parameters(), lr=0.1)
        self.second_scheduler = MultiStepLR(self.second, [2, 4])

    def on_epoch_end(self, train_metrics: dict[str, float], eval_metrics: dict[str, float] | None) -> bool:
        self.second.zero_grad()
        self.head(torch.rand(4, 1)).sum().backward()
        self.second.step()
        self.second_scheduler.step()
        return False


class WorkerTrainer(SeparateGenerator):
    workers = 2


def jitter(samples: list[Batch]) -> Batch:
    points = torch.stack([sample[0] for sample in samples])
    return points + 0.1 * torch.randn_like(points), torch.stack([sample[1] for sample in samples])


def compare(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key not in CIRCUMSTANCES} for record in history]


CASES = [
    (NoisyTrainer, {}),
    (NoisyTrainer, {"accumulation_steps": 2, "precision": "float16"}),
    (OneCycleTrainer, {}),
    pytest.param(CosineTrainer, {}, marks=pytest.mark.slow),
    pytest.param(WarmupTrainer, {"gradient_clip_norm": None}, marks=pytest.mark.slow),
    (SeparateGenerator, {}),
    pytest.param(WorkerTrainer, {}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("trainer_class", "changes"), CASES)
@pytest.mark.parametrize("inside", [False, True])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, trainer_class: type[NoisyTrainer], changes: dict[str, Any], inside: bool
) -> None:
    changes = changes | {"num_epochs": 5}
    if inside:
        changes["checkpoint_every_n_steps"] = 2
    whole = trainer_class.from_config(settings(tmp_path / "whole", **changes))
    whole.train()

    steps_an_epoch = 3 if "accumulation_steps" in changes else 6
    broken = trainer_class.from_config(settings(tmp_path / "broken", **changes))
    break_off(broken, (3, 3 * steps_an_epoch + (2 if inside else 1)))

    torch.manual_seed(99)
    resumed = trainer_class.from_config(settings(tmp_path / "broken", **changes), resume="auto")
    assert resumed.run_directory == broken.run_directory
    assert resumed.step == (3 * steps_an_epoch + 2 if inside and steps_an_epoch == 6 else resumed.step)
    resumed.train()

    assert equal_bits(weights(whole), weights(resumed))
    assert compare(whole.history) == compare(resumed.history)
    assert resumed.run_directory is not None
    assert compare(read_history(resumed.run_directory)) == compare(whole.history)
    if isinstance(whole, SeparateGenerator) and isinstance(resumed, SeparateGenerator):
        assert equal_bits(whole.head.state_dict(), resumed.head.state_dict())
        assert whole.second.param_groups[0]["lr"] == resumed.second.param_groups[0]["lr"]


def test_a_second_resume_and_a_damaged_checkpoint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = settings(tmp_path / "whole", num_epochs=5)
    whole = NoisyTrainer.from_config(config)
    whole.train()
    for epoch in (2, 4):
        broken = NoisyTrainer.from_config(settings(tmp_path / "broken", num_epochs=5), resume="auto")
        break_off(broken, (epoch, epoch * 6 + 1))
    assert broken.run_directory is not None
    newest = sorted((broken.run_directory / "checkpoints").glob("step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:500])
    resumed = NoisyTrainer.from_config(settings(tmp_path / "broken", num_epochs=5), resume="auto")
    assert "trying the one before" in caplog.text and resumed.epoch == 3
    resumed.train()
    assert equal_bits(weights(whole), weights(resumed))
    manifest = json.loads((broken.run_directory / "manifest.json").read_text())
    assert manifest["status"] == "finished" and len(manifest["resumed_from"]) == 2


def test_resume_by_path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = ToyTrainer.from_config(settings(tmp_path, num_epochs=3))
    first.train()
    assert first.run_directory is not None
    longer = ToyTrainer.from_config(settings(tmp_path, num_epochs=4), resume=first.run_directory)
    assert "resumed with another num_epochs: 4 instead of 3" in caplog.text
    assert len(longer.train()) == 4 and longer.run_directory == first.run_directory
    oldest = sorted((first.run_directory / "checkpoints").glob("step-*.pt"))[0]
    branched = ToyTrainer.from_config(settings(tmp_path, num_epochs=4), resume=oldest)
    assert branched.epoch == 2 and len(branched.train()) == 4
    assert branched.run_directory != first.run_directory  # later checkpoints there are not written over
    assert equal_bits(weights(branched), weights(longer))
    again = ToyTrainer.from_config(settings(tmp_path, num_epochs=4), resume=first.run_directory / "manifest.json")
    assert len(again.train()) == 4 and "nothing left to train" in caplog.text


def test_auto_takes_the_newest_unfinished_run_of_this_trainer_or_begins_one(tmp_path: Path) -> None:
    finished = ToyTrainer.from_config(settings(tmp_path, num_epochs=1), resume="auto")
    finished.train()
    other = NoisyTrainer.from_config(settings(tmp_path))
    break_off(other, (1, 7))
    fresh = ToyTrainer.from_config(settings(tmp_path), resume="auto")
    assert fresh.run_directory is None and fresh.step == 0


def test_what_can_not_be_resumed_is_refused(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=1))
    trainer.train()
    assert trainer.run_directory is not None
    with pytest.raises(CheckpointError, match="no such run"):
        ToyTrainer.from_config(settings(tmp_path), resume=tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="no state to resume from"):
        ToyTrainer.from_config(settings(tmp_path), resume=trainer.run_directory / "checkpoints" / "best.pt")
    with pytest.raises(CheckpointError, match="of ToyTrainer, but this is format 1 of NoisyTrainer"):
        NoisyTrainer.from_config(settings(tmp_path), resume=trainer.run_directory)
    model = nn.Sequential(nn.Linear(2, 3))
    with pytest.raises(CheckpointError, match="the checkpoint's model does not fit"):
        ToyTrainer.from_config(settings(tmp_path), model=model, resume=trainer.run_directory)


def go_on(folder: Path) -> None:
    config = settings(folder, num_epochs=400, early_stopping_patience=None)
    NoisyTrainer.from_config(config, resume="auto").train()


@pytest.mark.slow
def test_a_kill_at_any_moment_is_survived(tmp_path: Path) -> None:
    reached = 0
    for delay in (0.0, 0.013):
        process = Forked(go_on, tmp_path)
        deadline = time.monotonic() + 60
        while process.wait(0) is None and time.monotonic() < deadline:
            histories = list(tmp_path.glob("runs/*/history.jsonl"))
            if histories and len(read_history(histories[0])) >= reached + 2:
                break
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reached = len(read_history(next(tmp_path.glob("runs/*/history.jsonl"))))
        assert reached > 0
    (run,) = tmp_path.glob("runs/*")
    torch.manual_seed(1)
    resumed = NoisyTrainer.from_config(settings(tmp_path, num_epochs=400, early_stopping_patience=None), resume="auto")
    assert reached - 1 <= resumed.epoch <= reached  # at most the epoch that was being written is lost
    resumed.config.num_epochs = resumed.epoch + 1
    history = resumed.train()
    assert [record["epoch"] for record in read_history(run)] == list(range(1, len(history) + 1))
    whole = NoisyTrainer.from_config(settings(tmp_path / "w", num_epochs=len(history), early_stopping_patience=None))
    whole.train()
    assert equal_bits(weights(whole), weights(resumed))
    assert not list((run / "checkpoints").glob(".*.tmp"))


def test_a_run_that_another_process_trains_is_left_alone(tmp_path: Path) -> None:
    first: Trainer[Any, Any] = NoisyTrainer.from_config(settings(tmp_path))
    seen: list[Any] = []

    class Nested(NoisyTrainer):
        def on_epoch_end(self, train_metrics: dict[str, float], eval_metrics: dict[str, float] | None) -> bool:
            if self.epoch == 2:
                seen.append(Nested.from_config(settings(tmp_path), resume="auto").run_directory)
            return False

    first = Nested.from_config(settings(tmp_path))
    first.train()
    assert seen == [None]
