"""Summary, profile, overfitting, the dry run and the fast one: what they tell is so, and nothing stays."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from tests.runtime.before.trainers import PATTERNS, Regression, Structured, quiet
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, weights
from trainergen.runtime import SettingError, Trainer
from trainergen.runtime.before import dry_run, fast_dev_run, overfit_batches, profile, summary
from trainergen.runtime.before.parts.answers import Request


class Shared(ToyTrainer):
    """One layer called twice, one weight in two layers, one layer frozen, one never called."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        model = nn.Module()
        model.twice, model.tied, model.norm = nn.Linear(2, 2), nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2)
        model.tied.weight = model.twice.weight
        model.head, model.unused = nn.Linear(2, 4).requires_grad_(False), nn.Identity()
        return model

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        model = self.model
        hidden = model.norm(model.tied(model.twice(model.twice(points))))
        return functional.cross_entropy(model.head(hidden), labels)


def test_a_summary_counts_shared_layers_once(tmp_path: Path) -> None:
    trainer = Shared.from_config(quiet(tmp_path))
    found = summary.measure(trainer)
    layers = {each.name: each for each in found.layers}
    assert found.trainable == sum(each.numel() for each in trainer.model.parameters() if each.requires_grad) == 10
    assert found.frozen == 12 and found.buffers == 5
    assert layers["twice"].calls == 2 and layers["tied"].trainable == 0 and layers["norm"].trainable == 4
    assert layers["head"].inputs == ((16, 2),) and layers["head"].outputs == ((16, 4),)
    assert layers["unused"].calls == 0 and layers["twice"].size == 24
    assert found.observed is not None and found.observed.memory.gradients == 40
    assert not trainer.model.head._forward_hooks and trainer.step == 0  # type: ignore[union-attr,operator]
    said = summary.run(Request(Shared, quiet(tmp_path))).text()
    assert "10 trainable values, 12 frozen, 5 in buffers" in said and "not called" in said and "Linear x2" in said


def test_a_summary_of_a_model_that_fails_shows_how_far_it_came(tmp_path: Path) -> None:
    class Misfit(ToyTrainer):
        @classmethod
        def build_model(cls, config: ToyConfig) -> nn.Module:
            return nn.Sequential(nn.Linear(2, 8), nn.Linear(9, 4))

    answer = summary.run(Request(Misfit, quiet(tmp_path)))
    assert answer.exit_code == 1 and "mat1 and mat2" in answer.faults[0].what
    assert "layer 1 (Linear), which takes [16, 8]" in answer.faults[0].where


@pytest.mark.parametrize("kind", PATTERNS, ids=lambda kind: kind.__name__)
def test_every_pattern_has_a_summary(kind: type[Trainer[Any, Any]], tmp_path: Path) -> None:
    found = summary.measure(kind.from_config(quiet(tmp_path)))
    assert found.problem == "" and all(each.calls for each in found.layers if each.trainable)


def test_a_profile_counts_operations_and_writes_a_trace(tmp_path: Path) -> None:
    class Expensive(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            for _ in range(3):
                torch.linalg.svd(torch.ones(90, 90))
            return super().compute_loss(batch)

    trainer, trace = Expensive.from_config(quiet(tmp_path)), tmp_path / "traces" / "trace.json"
    found = profile.measure(trainer, steps=4, trace=trace)
    assert {each.name: each.calls for each in found.operations}["aten::_linalg_svd"] == 12
    seconds = [each.seconds for each in found.operations]
    assert (
        len(seconds) == 10
        and seconds == sorted(seconds, reverse=True)
        and sum(each.share for each in found.operations) <= 1
    )
    names = {event.get("name") for event in json.loads(trace.read_text())["traceEvents"]}
    assert {"aten::addmm", profile.LOADING} <= names and trainer.step == 0
    said = profile.run(Request(Expensive, quiet(tmp_path), max_steps=1)).text()
    assert "1 steps on cpu" in said and len(list((tmp_path / "saved" / "profiles").glob("expensive_*.json"))) == 1


def test_fixed_batches_are_learnt_to_the_floor(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(quiet(tmp_path, learning_rate=0.03))
    before = weights(trainer)
    found = overfit_batches.measure(trainer, 2)
    assert found.verdict == "reached" and found.batches == 2 and found.floor == 0
    assert found.losses[-1] <= 0.05 * found.losses[0] and found.steps == 2 * len(found.losses)
    assert equal_bits(weights(trainer), before) and not (tmp_path / "saved").exists()


def test_the_floor_of_smoothed_labels_is_known(tmp_path: Path) -> None:
    class Smoothed(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            return functional.cross_entropy(self.model(batch[0]), batch[1], label_smoothing=0.2)

    found = overfit_batches.measure(Smoothed.from_config(quiet(tmp_path, learning_rate=0.03, batch_size=4)), 1)
    assert found.floor == pytest.approx(-(0.85 * math.log(0.85) + 3 * 0.05 * math.log(0.05)))
    assert found.verdict == "reached" and found.losses[-1] > 0.5


@pytest.mark.slow
def test_contradicting_targets_get_stuck_and_a_hot_rate_diverges(tmp_path: Path) -> None:
    class Contradicted(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            return functional.cross_entropy(self.model(batch[0] * 0.0), batch[1])

    class Hot(Regression):
        @classmethod
        def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
            return torch.optim.SGD(model.parameters(), lr=1e6)

    stuck = overfit_batches.run(Request(Contradicted, quiet(tmp_path), number=2, max_steps=80))
    assert stuck.exit_code == 1 and "got stuck above its floor" in stuck.title
    assert overfit_batches.measure(Hot.from_config(quiet(tmp_path, gradient_clip_norm=None)), 1).verdict == "diverged"
    few = overfit_batches.run(Request(ToyTrainer, quiet(tmp_path), number=2, max_steps=12))
    assert few.exit_code == 0 and "still falls" in few.title


@pytest.mark.parametrize("kind", PATTERNS, ids=lambda kind: kind.__name__)
def test_a_dry_run_of_every_pattern_leaves_nothing(kind: type[Trainer[Any, Any]], tmp_path: Path) -> None:
    answer = dry_run.run(Request(kind, quiet(tmp_path), max_steps=3))
    assert answer.exit_code == 0 and "3 steps, train loss" in answer.title
    assert not (tmp_path / "saved").exists()


def test_a_dry_run_tells_batch_first_loss_and_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trainergen")
    trainer = ToyTrainer.from_config(quiet(tmp_path))
    found = dry_run.measure(trainer)
    assert found.batch[0].startswith("[0]: float32[16, 2], -") and found.batch[2] == "[1]: int64[16], 0 to 3"
    call = found.observed.leading
    assert call is not None and call.classes == 4 and call.expected == pytest.approx(math.log(4))
    assert call.value == pytest.approx(found.observed.loss) and call.input_shape == (16, 4)
    memory = found.observed.memory
    assert memory.parameters == memory.gradients == 148 * 4 and memory.optimizer == 2 * 148 * 4
    assert memory.activations > 2 * 16 * 16 * 4 and memory.total / 2 < found.observed.peak < 2 * memory.total
    assert [each["step"] for each in found.history] == [6, 10] or found.history[-1]["step"] == 10
    assert any("logging: " in line for line in found.logging) and "dry run: 10 steps" in caplog.text


def test_a_first_loss_that_is_not_ln_c_is_said(tmp_path: Path) -> None:
    class Loud(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            return functional.cross_entropy(self.model(batch[0]) * 50.0, batch[1])

    (said,) = (
        each for each in dry_run.measure(Loud.from_config(quiet(tmp_path)), steps=1).faults if "begins" in each.what
    )
    assert "ln 4 = 1.386" in said.what and said.mild
    calm = dry_run.measure(Structured.from_config(quiet(tmp_path)), steps=1).faults
    assert not [each for each in calm if "begins" in each.what]


def test_a_folder_that_can_not_be_and_a_logger_without_ears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "saved").write_text("a file")
    monkeypatch.setattr(logging.getLogger("trainergen"), "propagate", False)
    answer = dry_run.run(Request(ToyTrainer, quiet(tmp_path), max_steps=1))
    assert answer.exit_code == 1
    assert any("saved can't be written to" in fault.what for fault in answer.faults)
    assert any("has no handler" in fault.what and fault.mild for fault in answer.faults)


@pytest.mark.parametrize("kind", PATTERNS, ids=lambda kind: kind.__name__)
def test_a_fast_dev_run_goes_through_everything(kind: type[Trainer[Any, Any]], tmp_path: Path) -> None:
    found = fast_dev_run.measure(kind, quiet(tmp_path))
    assert [stage.name for stage in found.stages] == [
        "build", "train", "validate", "checkpoint", "weights", "resume", "plot",
    ]  # fmt: skip
    assert found.difference == 0 and "from epoch 1, step 1" in found.stages[5].result
    assert not (tmp_path / "saved").exists()


def test_a_fast_dev_run_finds_what_fails_late(tmp_path: Path) -> None:
    class Forgetful(ToyTrainer):
        def on_train_end(self) -> None:
            raise RuntimeError("nowhere to put it")

    class Drifting(ToyTrainer):
        drift = 0

        @classmethod
        def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Batch], Iterable[Batch] | None]:
            return DataLoader(quadrants(32), batch_size=16), None

        def compute_loss(self, batch: Batch) -> torch.Tensor:
            type(self).drift += 1  # a state that no checkpoint has
            return super().compute_loss(batch) * self.drift

    with pytest.raises(RuntimeError, match="nowhere to put it") as caught:
        fast_dev_run.measure(Forgetful, quiet(tmp_path))
    assert any("stage 'train'; before it worked: build" in note for note in caught.value.__notes__)
    answer = fast_dev_run.run(Request(Drifting, quiet(tmp_path)))
    assert "is not the uninterrupted one" in answer.faults[0].what


def test_several_processes_are_refused(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(quiet(tmp_path))
    trainer.distribution = object()  # type: ignore[assignment]
    with pytest.raises(SettingError, match="runs on one process"):
        overfit_batches.measure(trainer, 1)
