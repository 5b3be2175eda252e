"""The loop itself, on real steps."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, StepLR
from torch.utils.data import DataLoader

from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import BaseTrainerConfig, Callback, Trainer, TrainingDiverged, WarmupCosine, per_step


def test_a_run_learns_and_its_history_says_so(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=15, learning_rate=0.03, dropout=0.0))
    history = trainer.train()
    assert [record["epoch"] for record in history] == list(range(1, 16))
    assert list(history[0]) == [
        "epoch",
        "step",
        "train",
        "validation",
        "learning_rate",
        "seconds",
        "loader_wait_share",
        "memory",
    ]
    assert history[-1]["step"] == 15 * 6
    assert history[-1]["validation"]["loss"] < 0.5 < history[0]["validation"]["loss"]
    assert history[-1]["validation"]["accuracy"] > 0.85 and history[-1]["validation"]["f1"] > 0.8
    assert set(history[0]["train"]) == {"loss", "accuracy", "f1", "gradient_norm"}


def test_it_takes_the_steps_that_a_plain_loop_takes(tmp_path: Path) -> None:
    config = settings(
        tmp_path, num_epochs=2, shuffle=False, dropout=0.0, scheduler_patience=None, gradient_clip_norm=0.1
    )
    trainer = ToyTrainer.from_config(config)
    torch.manual_seed(config.seed)
    model = ToyTrainer.build_model(config)
    optimizer = ToyTrainer.build_optimizer(model, config)
    losses = []
    for _ in range(2):
        for points, labels in ToyTrainer.build_dataloaders(config)[0]:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(points), labels)
            loss.backward()
            nn.utils.clip_grad_norm_([each for group in optimizer.param_groups for each in group["params"]], 0.1)
            optimizer.step()
            losses.append((loss.item(), len(labels)))
    history = trainer.train()
    assert equal_bits(weights(trainer), model.state_dict())
    last = losses[6:]  # 5 batches of 16 and one of 10: the mean counts samples
    assert history[1]["train"]["loss"] == pytest.approx(sum(v * n for v, n in last) / 90, rel=1e-12)


class WeightedTrainer(ToyTrainer):
    """Samples weigh 0, 1 or 2, as padded tokens would."""

    def _batch_weight(self, batch: Batch) -> torch.Tensor:
        return (batch[1] % 3).sum()

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        losses = nn.functional.cross_entropy(self.model(points), labels, reduction="none")
        return (losses * (labels % 3)).sum() / (labels % 3).sum()


@pytest.mark.parametrize("trainer_class", [ToyTrainer, WeightedTrainer])
def test_accumulation_equals_the_big_batch(tmp_path: Path, trainer_class: type[ToyTrainer]) -> None:
    results = []
    for batch_size, accumulation in ((32, 1), (8, 4)):  # 90 samples: the last window is 26 = 8 + 8 + 8 + 2
        config = settings(
            tmp_path, num_epochs=2, batch_size=batch_size, accumulation_steps=accumulation, shuffle=False, dropout=0.0
        )
        model = trainer_class.build_model(config)
        torch.manual_seed(0)
        for parameter in model.parameters():
            nn.init.normal_(parameter)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        trainer = trainer_class.from_config(config, model=model, optimizer=optimizer)
        history = trainer.train()
        results.append((weights(trainer), trainer.step, history[-1]["train"]["loss"]))
    (first, first_steps, first_loss), (second, second_steps, second_loss) = results
    assert first_steps == second_steps == 6
    assert first_loss == pytest.approx(second_loss, rel=1e-5)
    for name in first:
        assert torch.allclose(first[name], second[name], atol=1e-6, rtol=0), name


class BadBatch(ToyTrainer):
    """One loss is NaN, from a gradient that is not."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        loss = super().compute_loss(batch)
        return loss * math.nan if self.model.training and self.step == 7 else loss


def test_a_loss_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    before: dict[int, dict[str, torch.Tensor]] = {}

    class Keep(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            before[trainer.step] = weights(trainer)

    trainer = BadBatch.from_config(settings(tmp_path), callbacks=[Keep()])
    with pytest.raises(TrainingDiverged, match="epoch 2, step 8") as caught:
        trainer.train()
    assert (caught.value.epoch, caught.value.step) == (2, 8)
    assert caught.value.checkpoint is not None and caught.value.checkpoint.is_file()
    assert equal_bits(weights(trainer), before[7])


def test_a_gradient_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    class BadGradient(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            return super().compute_loss(batch) + torch.sqrt(self.model[0].weight.sum() * 0.0)

    trainer = BadGradient.from_config(settings(tmp_path))
    before = weights(trainer)
    with pytest.raises(TrainingDiverged, match="gradient norm"):
        trainer.train()
    assert equal_bits(weights(trainer), before)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda self, batch: self.model(batch[0]), r"scalar tensor, got shape \(16, 4\)"),
        (lambda self, batch: self.model(batch[0]).sum().item(), "scalar tensor, got float"),
        (lambda self, batch: self.model(batch[0]).sum().detach(), "no graph"),
    ],
)
def test_what_is_no_loss_is_refused(tmp_path: Path, loss: Any, message: str) -> None:
    trainer_class = type("Wrong", (ToyTrainer,), {"compute_loss": loss})
    with pytest.raises((TypeError, ValueError), match=message):
        trainer_class.from_config(settings(tmp_path)).train()


def test_an_epoch_without_batches_is_an_error(tmp_path: Path) -> None:
    used_up = iter(ToyTrainer.build_dataloaders(settings(tmp_path))[0])
    trainer = ToyTrainer.from_config(settings(tmp_path), dataloader=used_up)
    with pytest.raises(ValueError, match="no batch in epoch 2"):
        trainer.train()
    trainer = ToyTrainer.from_config(settings(tmp_path), val_dataloader=[])
    with pytest.raises(ValueError, match="validation loader gave no batch"):
        trainer.train()


def test_what_is_not_built_says_how(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="implement build_model"):
        Trainer.from_config(BaseTrainerConfig(device="cpu"))
    with pytest.raises(NotImplementedError, match="has no data yet: implement build_dataloaders"):
        Trainer.from_config(BaseTrainerConfig(device="cpu"), model=nn.Linear(1, 1))


def test_evaluation_changes_nothing(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path))
    trainer.model[1].eval()
    before, random_state = weights(trainer), torch.get_rng_state()
    first = trainer.evaluate()
    second = trainer.evaluate(DataLoader(quadrants(40, seed=1), batch_size=7, shuffle=True))
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)  # weighted, whatever the batches
    assert equal_bits(before, weights(trainer))
    assert torch.equal(random_state, torch.get_rng_state())
    assert [module.training for module in trainer.model] == [True, False, True, True]
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_frozen_submodules_stay_in_eval_mode(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Frozen(ToyTrainer):
        def on_train_begin(self) -> None:
            super().on_train_begin()
            self.model[2].eval()

        def compute_loss(self, batch: Batch) -> torch.Tensor:
            if torch.is_grad_enabled():
                seen.append(self.model[2].training)
            return super().compute_loss(batch)

    Frozen.from_config(settings(tmp_path)).train()
    assert seen == [False] * 18


def test_limits(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, max_steps=8))
    history = trainer.train()
    assert trainer.step == 8 and [record["step"] for record in history] == [6, 8]
    assert history[-1]["validation"] is not None
    assert trainer.stop_reason == "8 steps done"

    class Enough(ToyTrainer):
        def on_epoch_end(self, train_metrics: dict[str, float], eval_metrics: dict[str, float] | None) -> bool:
            return self.epoch == 2

    assert len(Enough.from_config(settings(tmp_path, num_epochs=9)).train()) == 2


def test_early_stopping_and_validation_interval(tmp_path: Path) -> None:
    config = settings(
        tmp_path, num_epochs=30, learning_rate=1e-12, early_stopping_patience=2, validation_interval_epochs=3
    )
    config.early_stopping_min_delta = 0.01
    trainer = ToyTrainer.from_config(config)
    history = trainer.train()
    assert [record["epoch"] for record in history if record["validation"]] == [3, 6, 9]
    assert trainer.stop_reason == "stopped early: no better validation.loss for 2 validations"


def test_without_validation_the_training_loss_is_monitored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = settings(tmp_path)
    trainer = ToyTrainer.from_config(config, dataloader=ToyTrainer.build_dataloaders(config)[0])
    assert "train.loss is monitored instead of validation.loss" in caplog.text
    history = trainer.train()
    assert trainer.early_stopping.best == min(record["train"]["loss"] for record in history)


def test_a_monitor_that_does_not_exist_names_the_near_one(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, scheduler_monitor="validation.acuracy"))
    with pytest.raises(ValueError, match=r"did you mean validation.accuracy\?"):
        trainer.train()


def rates(config: ToyConfig, scheduler: Any) -> tuple[list[float], list[float]]:
    """The rate after every optimizer step, and that of every epoch's record."""
    found: list[float] = []

    class Rates(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            found.append(trainer.learning_rate)

    model = ToyTrainer.build_model(config)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    options = {"optimizer": optimizer, "scheduler": scheduler(optimizer), "callbacks": [Rates()]}
    history = ToyTrainer.from_config(config, model=model, **options).train()
    return found, [record["learning_rate"] for record in history]


def test_schedulers_step_in_their_own_rhythm(tmp_path: Path) -> None:
    config = settings(tmp_path, accumulation_steps=2)  # 6 batches: 3 steps an epoch
    steps, epochs = rates(config, lambda optimizer: StepLR(optimizer, 1, 0.5))
    assert epochs == [1.0, 0.5, 0.25] and steps == [1.0] * 3 + [0.5] * 3 + [0.25] * 3
    steps, _ = rates(config, lambda optimizer: per_step(StepLR(optimizer, 1, 0.5)))
    assert steps == [0.5**step for step in range(1, 10)]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    plain = OneCycleLR(optimizer, 1.0, total_steps=10)
    expected = []
    for _ in range(9):
        optimizer.step()
        plain.step()
        expected.append(optimizer.param_groups[0]["lr"])
    steps, _ = rates(config, lambda optimizer: OneCycleLR(optimizer, 1.0, total_steps=10))
    assert steps == expected
    steps, _ = rates(config, lambda optimizer: WarmupCosine(optimizer, warmup_fraction=1 / 3, final_fraction=0.1))
    assert steps[:2] == pytest.approx([2 / 3, 1.0])
    assert steps[2] == pytest.approx(1.0) and steps[-1] == pytest.approx(0.1) and steps[5] == pytest.approx(0.55)


def test_a_plateau_is_noticed_once_a_validation(tmp_path: Path) -> None:
    config = settings(tmp_path, num_epochs=6, learning_rate=1e-6, scheduler_patience=0, validation_interval_epochs=2)
    config.scheduler_threshold = 0.5
    history = ToyTrainer.from_config(config).train()
    assert [record["learning_rate"] / 1e-6 for record in history] == pytest.approx([1, 1, 1, 1, 0.5, 0.5])


class LBFGSTrainer(ToyTrainer):
    """Steps itself."""

    manual_step: ClassVar[bool] = True

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def _train_batch(self, batch: Batch) -> torch.Tensor:
        def closure() -> torch.Tensor:
            self.optimizer.zero_grad()
            loss = self._forward_batch(batch)
            self._backward(loss)
            return loss

        return self.optimizer.step(closure).detach()


def test_a_trainer_that_steps_itself(tmp_path: Path) -> None:
    config = settings(tmp_path, dropout=0.0, scheduler_patience=None, batch_size=90, accumulation_steps=3)
    trainer = LBFGSTrainer.from_config(config)
    history = trainer.train()
    assert trainer.step == 3 and history[-1]["train"]["loss"] < 0.7 * history[0]["train"]["loss"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_runs_forward_in_it_and_keeps_the_weights(tmp_path: Path, precision: Any) -> None:
    seen: list[torch.dtype] = []

    class Watching(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            seen.append(self.model[0](batch[0]).dtype)
            return super().compute_loss(batch)

    trainer = Watching.from_config(settings(tmp_path, precision=precision, num_epochs=5, dropout=0.0))
    history = trainer.train()
    assert set(seen) == {getattr(torch, precision)}
    assert {value.dtype for value in weights(trainer).values()} == {torch.float32}
    assert history[-1]["train"]["loss"] < history[0]["train"]["loss"]


def test_metrics_that_are_undefined_in_a_batch_do_not_count_there(tmp_path: Path) -> None:
    class Sometimes(ToyTrainer):
        def _collect_batch_metrics(self) -> dict[str, float | torch.Tensor]:
            return {"odd": torch.tensor(math.nan if self.step % 2 else 3.0), "never": math.nan}

    record = Sometimes.from_config(settings(tmp_path, num_epochs=1)).train()[0]
    assert record["train"]["odd"] == 3.0 and math.isnan(record["train"]["never"])

    class Vector(ToyTrainer):
        def _collect_batch_metrics(self) -> dict[str, float | torch.Tensor]:
            return {"each": torch.zeros(4)}

    with pytest.raises(ValueError, match=r"metric 'each' must be a number or a 0-d tensor, got shape \(4,\)"):
        Vector.from_config(settings(tmp_path)).train()


def test_few_frames_between_train_and_compute_loss(tmp_path: Path) -> None:
    import traceback

    class Failing(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            raise ArithmeticError("user code")

    with pytest.raises(ArithmeticError) as caught:
        Failing.from_config(settings(tmp_path)).train()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert len(names[names.index("train") : names.index("compute_loss") + 1]) <= 8


def test_log_lines_come_as_often_as_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="trainergen"):
        ToyTrainer.from_config(settings(tmp_path, log_every_n_steps=4, log_every_n_epochs=2)).train()
    lines = [record.getMessage() for record in caplog.records]
    assert sum(", step " in line and "learning rate" in line for line in lines) == 4  # steps 4, 8, 12, 16
    assert [line[:9] for line in lines if line.startswith("epoch 2/3")] == ["epoch 2/3"]
    assert not any(line.startswith("epoch 3/3") for line in lines)


def test_loaders_may_be_any_iterable(tmp_path: Path) -> None:
    batches: Iterable[Batch] = list(ToyTrainer.build_dataloaders(settings(tmp_path))[0])
    assert ToyTrainer.from_config(settings(tmp_path), dataloader=batches).train()[-1]["step"] == 18
