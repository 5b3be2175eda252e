"""Averages of the weights: equal to their definition bit for bit, never in the way of the training, exact in resume."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.data import DataLoader

from tests.runtime.processes import Ranks
from tests.runtime.test_resume import NoisyTrainer, break_off, compare
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import Callback, CheckpointError, SettingError, Trainer, per_step
from trainergen.runtime.norm_statistics import estimate_batch_norms

STEADY = {"scheduler_patience": None, "early_stopping_patience": None}


class Net(nn.Module):
    """Running means, an integer buffer, a mask of infinities, a frozen part."""

    mask: torch.Tensor

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.into = nn.Linear(2, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(dropout)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.out = nn.Linear(8, 4)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.out(self.frozen(self.drop(self.norm(self.into(points)))))
        return result


class Norms(NoisyTrainer):
    """Trains `Net`, with a rate that changes each step."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return Net(config.dropout)

    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> LRScheduler:
        return per_step(StepLR(optimizer, 1, 0.99))


class Seen(Callback):
    """The state_dict before the first step and after each."""

    def __init__(self) -> None:
        self.states: list[dict[str, torch.Tensor]] = []

    def on_train_begin(self, trainer: Trainer[Any, Any]) -> None:
        self.states.append(copy.deepcopy(trainer.model.state_dict()))


class Each(Norms):
    """Writes down its weights after every real step, the last of a short window too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.seen = Seen()
        super().__init__(*args, callbacks=[self.seen], **kwargs)
        self._after_step.insert(0, lambda: self.seen.states.append(copy.deepcopy(self.model.state_dict())))


def averaged(trainer: Trainer[Any, Any]) -> dict[str, torch.Tensor]:
    assert trainer.averaging is not None
    return {name: value.clone() for name, value in trainer.averaging.average.values().items()}


@pytest.mark.parametrize("changes", [{}, {"accumulation_steps": 4, "precision": "float16"}])
def test_the_moving_average_is_its_definition(tmp_path: Path, changes: dict[str, Any]) -> None:
    trainer = Each.from_config(settings(tmp_path, ema_decay=0.5, **changes))
    trainer.train()
    first, *after = trainer.seen.states
    assert len(after) == (18 if not changes else 6)  # 6 batches an epoch: windows of 4 and 2
    expected = {name: value.clone() for name, value in first.items()}
    for number, state in enumerate(after):
        decay = min(0.5, (1 + number) / (10 + number))
        for name, value in state.items():
            if value.is_floating_point() and name != "mask" and "frozen" not in name:
                expected[name] = torch.lerp(expected[name], value, 1 - decay)
            else:
                expected[name] = value
    found = averaged(trainer)
    assert set(expected) - set(found) == {"frozen.weight", "frozen.bias"}  # nothing is kept of what is not trained
    assert equal_bits(found, {name: expected[name] for name in found})
    assert trainer.run_directory is not None and trainer.recorder.final is not None
    final = torch.load(trainer.recorder.final)
    assert equal_bits(final, expected)
    assert not torch.equal(final["out.weight"], after[-1]["out.weight"])


def test_validation_has_the_average_and_training_does_not_notice(tmp_path: Path) -> None:
    plain = Norms.from_config(settings(tmp_path / "plain", **STEADY))
    plain.train()
    trainer = Norms.from_config(settings(tmp_path / "ema", ema_decay=0.9, **STEADY))
    trainer.train()
    assert equal_bits(weights(plain), weights(trainer))
    assert [each["train"] for each in plain.history] == [each["train"] for each in trainer.history]
    own = weights(trainer)
    inside = trainer.evaluate()
    assert inside == trainer.history[-1]["validation"] != plain.history[-1]["validation"]
    assert equal_bits(own, weights(trainer))
    with trainer.averaged_weights():
        trainer.averaging = None
        assert trainer.evaluate() == inside
    assert equal_bits(own, weights(trainer))
    best = min(range(3), key=lambda index: trainer.history[index]["validation"]["loss"])
    assert trainer.run_directory is not None
    checkpoint = torch.load(sorted((trainer.run_directory / "checkpoints").glob("step-*.pt"))[best])
    saved = torch.load(trainer.run_directory / "checkpoints" / "best.pt")
    for name, value in checkpoint["averaging"]["values"].items():
        assert torch.equal(saved[name], value), name


def test_training_weights_come_back_after_a_failed_evaluation(tmp_path: Path) -> None:
    trainer = Norms.from_config(settings(tmp_path, ema_decay=0.9))
    trainer.train()
    own = weights(trainer)
    with pytest.raises(ValueError, match="no batch"):
        trainer.evaluate([])
    assert equal_bits(own, weights(trainer))


CASES = [
    pytest.param({"ema_decay": 0.9}, marks=pytest.mark.slow),
    {"ema_decay": 0.9, "accumulation_steps": 2, "precision": "float16"},
    pytest.param({"ema_decay": 0.9, "accumulation_steps": 4, "precision": "bfloat16"}, marks=pytest.mark.slow),
    {"swa_start_epoch": 2},
]


@pytest.mark.parametrize("changes", CASES)
def test_resumed_in_an_epoch_the_average_is_the_uninterrupted_one(tmp_path: Path, changes: dict[str, Any]) -> None:
    changes = changes | {"num_epochs": 3}
    whole = Norms.from_config(settings(tmp_path / "whole", **changes))
    whole.train()
    changes["checkpoint_every_n_steps"] = 1
    broken = Norms.from_config(settings(tmp_path / "broken", **changes))
    break_off(broken, (2, {1: 14, 2: 7, 4: 5}[changes.get("accumulation_steps", 1)]))
    torch.manual_seed(99)
    resumed = Norms.from_config(settings(tmp_path / "broken", **changes), resume="auto")
    assert resumed.step > resumed.history[-1]["step"]  # in the middle of an epoch
    resumed.train()
    assert equal_bits(weights(whole), weights(resumed)) and equal_bits(averaged(whole), averaged(resumed))
    assert compare(whole.history) == compare(resumed.history)
    assert whole.recorder.final is not None and resumed.recorder.final is not None
    assert equal_bits(torch.load(whole.recorder.final), torch.load(resumed.recorder.final))


def test_what_overflowed_is_no_step_of_the_average(tmp_path: Path) -> None:
    class Overflows(Norms):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            factor = torch.inf if self.model.training and self.step in (2, 3) else 1.0
            hidden = self.model(batch[0])
            if hidden.requires_grad:
                hidden.register_hook(lambda gradient: gradient * factor)
            return nn.functional.cross_entropy(hidden, batch[1])

        def _collect_epoch_metrics(self) -> dict[str, float]:
            return {}

    trainer = Overflows.from_config(settings(tmp_path, ema_decay=0.9, precision="float16"))
    trainer.train()
    assert trainer.averaging is not None
    assert (trainer.step, trainer.averaging.average.count) == (18, 16)


def average_on_rank(folder: Path, changes: dict[str, Any]) -> dict[str, torch.Tensor]:
    torch.set_num_threads(1)
    trainer = Norms.from_config(settings(folder, **changes))
    trainer.train()
    assert trainer.recorder.final is not None
    found: dict[str, torch.Tensor] = torch.load(trainer.recorder.final)
    with trainer.averaged_weights():
        return found | {f"own.{name}": value.clone() for name, value in trainer.model.named_buffers()}


@pytest.mark.skipif(sys.platform == "win32", reason="ranks are forked")
@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp", marks=pytest.mark.slow)])
def test_batch_norms_of_an_average_have_seen_what_all_ranks_have(tmp_path: Path, strategy: str) -> None:
    changes = {"num_epochs": 2, "swa_start_epoch": 1, "batch_size": 20, "shuffle": False, "dropout": 0.0} | STEADY
    ranks = Ranks(2, tmp_path / "1", average_on_rank, tmp_path / "two", changes | {"strategy": strategy}).results()
    alone = Norms.from_config(settings(tmp_path / "one", **changes))
    names = alone.model.state_dict().keys()
    alone.model.load_state_dict({name: ranks[0][name] for name in names})
    alone.noise = 0.0
    estimate_batch_norms(alone)
    expected = alone.model.norm
    assert isinstance(expected, nn.BatchNorm1d) and expected.num_batches_tracked == 5  # the second rank's third is none
    for found in ranks:
        for prefix in ("", "own."):
            for name, value in expected.named_buffers():
                assert torch.allclose(found[f"{prefix}norm.{name}"], value, rtol=0, atol=1e-6), name
    assert alone.model.training and expected.momentum == 0.1


def test_the_equal_average_is_torchs_own(tmp_path: Path) -> None:
    class Watched(Norms):
        def on_epoch_end(self, train_metrics: dict[str, float], eval_metrics: dict[str, float] | None) -> bool:
            if self.epoch >= 2:
                if not hasattr(self, "reference"):
                    self.reference = [AveragedModel(copy.deepcopy(self.model))]
                self.reference[0].update_parameters(self.model)
            return False

    config = settings(tmp_path, num_epochs=4, swa_start_epoch=2, shuffle=False, dropout=0.0, **STEADY)
    trainer = Watched.from_config(config)
    trainer.train()
    reference = trainer.reference[0]
    loader = DataLoader(quadrants(90), batch_size=16)
    update_bn([points for points, _ in loader], reference)
    assert trainer.recorder.final is not None and trainer.run_directory is not None
    final = torch.load(trainer.recorder.final)
    for name, value in reference.module.state_dict().items():  # torch rounds the share to float32 before it multiplies
        assert torch.allclose(final[name], value, rtol=1e-6, atol=1e-7), name
    with trainer.averaged_weights():
        model = trainer.model.eval()
        loss = nn.functional.cross_entropy(model(quadrants(40, seed=1).tensors[0]), quadrants(40, seed=1).tensors[1])
    said = json.loads((trainer.run_directory / "manifest.json").read_text())["average"]
    assert (said["kind"], said["epochs"]) == ("swa", 3)
    assert said["validation"]["loss"] == pytest.approx(loss.item() * (1 + 0.01 * float(trainer.noise)), rel=1e-5)


def test_an_average_that_never_began_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = Norms.from_config(settings(tmp_path, max_steps=4, swa_start_epoch=3))
    trainer.train()
    assert "no epoch came as far as swa_start_epoch 3" in caplog.text
    assert trainer.recorder.final is not None and equal_bits(torch.load(trainer.recorder.final), weights(trainer))


def test_checkpoints_from_before_there_were_averages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    earlier = ToyTrainer.from_config(settings(tmp_path, num_epochs=2))
    earlier.train()
    assert earlier.run_directory is not None
    path = sorted((earlier.run_directory / "checkpoints").glob("step-*.pt"))[-1]
    state = torch.load(path)
    del state["averaging"]
    for name in ("ema_decay", "swa_start_epoch", "compile", "recompute_modules", "channels_last", "measure_flops"):
        del state["config"][name]
    torch.save(state, path)
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=3), resume=path)
    assert "resumed with another" in caplog.text and caplog.text.count("resumed with another") == 1  # num_epochs alone
    assert trainer.train()[-1]["epoch"] == 3
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=3, ema_decay=0.9), resume=path)
    assert "has no ema of the weights" in caplog.text
    assert equal_bits(averaged(trainer), weights(trainer))  # it begins with what was resumed


def test_an_average_of_another_model_is_refused(tmp_path: Path) -> None:
    config = settings(tmp_path, num_epochs=1, ema_decay=0.9)
    trainer = ToyTrainer.from_config(config)
    trainer.train()
    assert trainer.averaging is not None
    state = trainer.averaging.state_dict(values=True)
    state["values"]["0.weight"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r"average of 0\.weight has shape \(3,\), the model's has \(16, 2\)"):
        trainer.averaging.load_state_dict(state)
    state["values"] = {"gone": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="no such tensor"):
        trainer.averaging.load_state_dict(state)


def test_a_part_that_is_thawed_later_begins_where_it_is(tmp_path: Path) -> None:
    class Thaws(Norms):
        def on_epoch_start(self) -> None:
            super().on_epoch_start()
            if self.epoch == 1:
                self.model.frozen.requires_grad_(True)
                self.optimizer.add_param_group({"params": list(self.model.frozen.parameters())})
                self.start = weights(self)["frozen.weight"]
                self._steps: list[torch.Tensor] = []
                self._after_step.insert(0, lambda: self._steps.append(weights(self)["frozen.weight"]))

    trainer = Thaws.from_config(settings(tmp_path, num_epochs=2, ema_decay=0.9, dropout=0.0))
    trainer.train()
    expected = trainer.start
    for number, value in enumerate(trainer._steps, start=6):
        expected = torch.lerp(expected, value, 1 - min(0.9, (1 + number) / (10 + number)))
    assert torch.equal(averaged(trainer)["frozen.weight"], expected)


def test_half_precision_weights_are_averaged_in_float32(tmp_path: Path) -> None:
    config = settings(tmp_path, ema_decay=0.999, dropout=0.0, num_epochs=2)
    trainer = ToyTrainer.from_config(config, model=ToyTrainer.build_model(config).to(torch.bfloat16))
    trainer.dataloader = [(points.bfloat16(), labels) for points, labels in trainer.dataloader]  # type: ignore[assignment]
    trainer.feed = type(trainer.feed)(trainer.dataloader)
    trainer.val_dataloader = None
    trainer.monitor.path = "train.loss"
    trainer.train()
    assert {value.dtype for value in averaged(trainer).values()} == {torch.float32}
    assert trainer.recorder.final is not None
    assert {value.dtype for value in torch.load(trainer.recorder.final).values()} == {torch.bfloat16}


def test_the_average_of_accumulated_steps_is_that_of_the_big_batch(tmp_path: Path) -> None:
    class Plain(ToyTrainer):
        @classmethod
        def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
            return torch.optim.SGD(model.parameters(), lr=0.1)

        @classmethod
        def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> LRScheduler:
            return per_step(StepLR(optimizer, 1, 0.9))

    found = []
    for batch_size, accumulation in ((32, 1), (8, 4)):  # 90 samples: the last window is 26 = 8 + 8 + 8 + 2
        config = settings(tmp_path, ema_decay=0.9, num_epochs=2, shuffle=False, dropout=0.0)
        config.batch_size, config.accumulation_steps = batch_size, accumulation
        trainer = Plain.from_config(config)
        trainer.train()
        found.append((averaged(trainer), trainer.learning_rate, trainer.step))
    (first, *rest), (second, *other) = found
    assert rest == other == [pytest.approx(0.1 * 0.9**6), 6]
    for name in first:
        assert torch.allclose(first[name], second[name], atol=1e-6, rtol=0), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ema_decay": 1.0}, "ema_decay must be above 0 and below 1"),
        ({"swa_start_epoch": 0}, "swa_start_epoch must be at least 1"),
        ({"swa_start_epoch": 4}, "at most 3, got 4"),
        ({"ema_decay": 0.9, "swa_start_epoch": 2}, "two averages of the same weights"),
    ],
)
def test_what_can_not_be_averaged_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        settings(tmp_path, **changes)
    said = caught.value.to_json()
    assert said["error"] == "SettingError" and said["details"] == {"field": caught.value.field}
