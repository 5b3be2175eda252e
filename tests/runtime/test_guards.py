"""What ends a run before its time: a loss that climbs, a gradient out of bounds, no gradient at all, SIGTERM."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from tests.forking import Forked
from tests.runtime.test_resume import NoisyTrainer, compare
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, settings, weights
from trainergen.runtime import NonFiniteLoss, SettingError, TrainingDiverged, TrainingStuck
from trainergen.runtime.guards import NORMS, NormWatch, worsening


@pytest.mark.parametrize(
    ("losses", "count"),
    [
        ([1.0], 0),
        ([1.0, 0.5, 0.54], 0),  # within the margin of the best
        ([1.0, 0.5, 0.56, 0.57], 2),
        ([1.0, 0.5, 0.56, 0.52, 0.9], 1),  # back within it in between
        ([1.0, 0.5, 0.54, 0.58, 0.62, 0.66], 3),  # each is near the one before, and yet it climbs
        ([100.0, 1e-6, 2e-6, 0.05], 0),  # noise far below where it began
        ([100.0, 1e-6, 0.2], 1),
        ([1.0, 0.5, float("nan"), float("nan")], 2),
        ([-1.0, -2.0, -1.9, -1.7, -1.6], 2),  # a loss may be negative
        ([], 0),
    ],
)
def test_a_loss_is_held_against_its_best(losses: list[float], count: int) -> None:
    assert worsening(losses) == count


class Climbing(ToyTrainer):
    """Goes uphill from the third epoch on."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        loss = super().compute_loss(batch)
        return loss if self.epoch < 2 or not self.model.training else 20 * loss.detach() - 10 * loss


def test_a_run_that_climbs_is_stopped_and_names_what_to_go_on_from(tmp_path: Path) -> None:
    trainer = Climbing.from_config(settings(tmp_path, num_epochs=40, early_stopping_patience=None))
    with pytest.raises(TrainingDiverged, match="at its best") as caught:
        trainer.train()
    assert not isinstance(caught.value, NonFiniteLoss) and len(trainer.history) < 20
    told = caught.value.to_json()
    assert told["error"] == "TrainingDiverged" and told["epoch"] == len(trainer.history)
    assert Path(told["checkpoint"]).is_file() and len(told["details"]["losses"]) == 3
    json.dumps(told)
    assert trainer.run_directory is not None
    manifest = json.loads((trainer.run_directory / "manifest.json").read_text())
    assert manifest["status"] == "diverged" and manifest["failure"] == told


def test_a_run_that_learns_and_one_that_stands_still_are_left_alone(tmp_path: Path) -> None:
    steady = ToyTrainer.from_config(settings(tmp_path / "a", num_epochs=15, early_stopping_patience=None))
    assert len(steady.train()) == 15
    still = ToyTrainer.from_config(
        settings(tmp_path / "b", num_epochs=6, learning_rate=1e-12, weight_decay=0.0, early_stopping_patience=None)
    )
    assert len(still.train()) == 6
    never = Climbing.from_config(
        settings(tmp_path / "c", num_epochs=12, early_stopping_patience=None, divergence_evaluations=None)
    )
    assert len(never.train()) == 12


class Memorising(ToyTrainer):
    """Gets worse on what it is not trained on, and better on the rest."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        loss = super().compute_loss(batch)
        return loss if self.model.training else loss.detach() * (1 + self.epoch)


def test_a_run_that_overfits_is_left_to_early_stopping(tmp_path: Path) -> None:
    trainer = Memorising.from_config(settings(tmp_path, num_epochs=9, early_stopping_patience=None))
    trainer.train()
    assert worsening([record["validation"]["loss"] for record in trainer.history]) >= 3


class Detached(ToyTrainer):
    """Its loss has a graph, and no gradient."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        return super().compute_loss(batch) * 0.0


def test_a_run_without_any_gradient_is_dead(tmp_path: Path) -> None:
    with pytest.raises(TrainingStuck, match="no parameter got a gradient in 3 epochs"):
        Detached.from_config(settings(tmp_path, num_epochs=9, early_stopping_patience=None)).train()


def test_a_gradient_norm_above_its_limit_stops_before_the_step(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, gradient_norm_limit=1e-6, gradient_clip_norm=None))
    before = weights(trainer)
    with pytest.raises(TrainingDiverged, match="above gradient_norm_limit 1e-06"):
        trainer.train()
    assert equal_bits(before, weights(trainer))
    with pytest.raises(SettingError, match="gradient_norm_limit"):
        settings(tmp_path, gradient_norm_limit=0.0)


def test_a_spike_among_gradient_norms_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = NormWatch(None)
    assert not any(watch.exceeds(1.0 + number % 3, number) for number in range(NORMS))
    assert not caplog.records
    assert not watch.exceeds(150.0, 200) and "150, 75 times" not in caplog.text
    assert not watch.exceeds(1000.0, 201) and "step 201: gradient norm 1000, 500 times the median" in caplog.text
    assert not watch.exceeds(5000.0, 202) and len(caplog.records) == 1


class Poisoned(ToyTrainer):
    def compute_loss(self, batch: Batch) -> torch.Tensor:
        loss = super().compute_loss(batch)
        return loss * float("nan") if self.step == 7 else loss


def test_the_batch_that_made_a_loss_not_finite_is_kept(tmp_path: Path) -> None:
    trainer = Poisoned.from_config(settings(tmp_path))
    with pytest.raises(NonFiniteLoss) as caught:
        trainer.train()
    points, labels = torch.load(caught.value.details["batch"], weights_only=True)
    assert points.shape == (16, 2) and labels.dtype == torch.int64


class LongCycle(ToyTrainer):
    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> Any:
        return OneCycleLR(optimizer, 0.02, total_steps=1000)


def test_what_a_run_is_too_short_for_is_said_before_it_begins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    LongCycle.from_config(settings(tmp_path, num_epochs=1, checkpoint_every_n_steps=500)).train()
    assert "checkpoint_every_n_steps is 500, but the run has 6 steps" in caplog.text
    assert "OneCycleLR is planned for 1000 steps, but the run has 6" in caplog.text
    caplog.clear()
    ToyTrainer.from_config(settings(tmp_path, num_epochs=1, checkpoint_every_n_steps=2)).train()
    assert "but the run has" not in caplog.text


class Slow(NoisyTrainer):
    def compute_loss(self, batch: Batch) -> torch.Tensor:
        time.sleep(0.01)
        return super().compute_loss(batch)


def train_slowly(folder: Path) -> None:
    Slow.__name__ = "NoisyTrainer"
    config = settings(folder, num_epochs=400, early_stopping_patience=None, log_every_n_epochs=0)
    Slow.from_config(config).train()


def test_sigterm_ends_the_run_at_a_step_that_is_resumed_to_the_bit(tmp_path: Path) -> None:
    process = Forked(train_slowly, tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/*/checkpoints/step-*.pt")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    (run,) = tmp_path.glob("runs/*")
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "interrupted" and manifest["checkpoints"]["latest"]
    status = json.loads((run / "status.json").read_text())
    assert manifest["checkpoints"]["latest"] == f"checkpoints/step-{status['step']:08d}.pt"
    resumed = NoisyTrainer.from_config(settings(tmp_path, num_epochs=400, early_stopping_patience=None), resume="auto")
    assert resumed.step == status["step"] and resumed.run_directory == run
    resumed.config.num_epochs = resumed.epoch + 2
    history = resumed.train()
    whole = NoisyTrainer.from_config(settings(tmp_path / "w", num_epochs=len(history), early_stopping_patience=None))
    assert compare(whole.train()) == compare(history)
    assert equal_bits(weights(whole), weights(resumed))
