"""Training on several real processes: what two do is what one would have done, and one's end is the end of all."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.utils.data import DataLoader

from tests.runtime.processes import Ranks
from tests.runtime.test_resume import NoisyTrainer, SeparateGenerator, WorkerTrainer, compare
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import Callback, NonFiniteLoss, Trainer, per_step
from trainergen.runtime.history import read_history

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ranks are forked")


class Plain(ToyTrainer):
    """Steps by SGD, so that a wrong gradient is not hidden by Adam's normalisation; counts its steps' rates."""

    samples = 90

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, callbacks=[Rates()], **kwargs)
        self.rates: list[float] = []

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        train = DataLoader(quadrants(cls.samples), batch_size=config.batch_size, shuffle=config.shuffle)
        return train, DataLoader(quadrants(41, seed=1), batch_size=config.batch_size)

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), lr=0.3)

    @classmethod
    def build_scheduler(cls, optimizer: torch.optim.Optimizer, config: ToyConfig) -> LRScheduler:
        return per_step(StepLR(optimizer, 1, 0.99))


class Rates(Callback):
    """The rate after each step."""

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
        trainer.rates.append(trainer.learning_rate)  # type: ignore[attr-defined]


class Odd(Plain):
    """81 samples: in an epoch's last round the last rank has a shorter batch than the first, or none at all."""

    samples = 81


class Tokens(Plain):
    """Samples weigh 0, 1 or 2, as padded tokens would."""

    def _batch_weight(self, batch: Batch) -> torch.Tensor:
        return (batch[1] % 3).sum()

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        logits = self.model(points)
        self.scores.add(logits, labels)
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        return (losses * (labels % 3)).sum() / (labels % 3).sum()


class Unused(Plain):
    """A branch that some batches take; a second forward pass by another method."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return Branches()

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        points, labels = batch
        assert isinstance(self.model, Branches)
        logits = self.model(points) + self.model.again(points, self.step % 2 == 0)
        self.scores.add(logits, labels)
        return nn.functional.cross_entropy(logits, labels)


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.never = nn.Linear(2, 4), nn.Linear(2, 4), nn.Linear(2, 4)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.first(points)
        return result

    def again(self, points: torch.Tensor, branch: bool) -> torch.Tensor:
        result: torch.Tensor = self.second(points) if branch else self.first(-points)
        return result


def outcome(trainer: Any) -> dict[str, Any]:
    return {
        "weights": weights(trainer),
        "history": trainer.history,
        "step": trainer.step,
        "directory": trainer.run_directory,
        "main": trainer.is_main,
        "rates": getattr(trainer, "rates", None),
    }


def train(kind: type[ToyTrainer], folder: Path, **changes: Any) -> dict[str, Any]:
    torch.set_num_threads(1)
    trainer = kind.from_config(settings(folder, **changes), resume="auto")
    trainer.train()
    return outcome(trainer)


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Plain, {}),
        (Odd, {}),
        (Tokens, {}),
        (Unused, {}),
        (Plain, {"accumulation_steps": 4, "batch_size": 4}),
        (Tokens, {"accumulation_steps": 2, "batch_size": 8, "gradient_clip_norm": 0.05}),
    ],
)
def test_ranks_do_what_one_process_does_with_the_bigger_batch(
    tmp_path: Path, kind: type[Plain], changes: dict[str, Any], world_size: int
) -> None:
    changes = {"batch_size": 8, "dropout": 0.0, "shuffle": False} | changes
    bigger = changes | {"batch_size": changes["batch_size"] * world_size}
    one = train(kind, tmp_path / "one", **bigger)
    several = Ranks(world_size, tmp_path / "ranks", train_on_rank, kind, tmp_path / "several", changes).results()
    for each in several:
        for name, value in one["weights"].items():
            assert torch.allclose(value, each["weights"][name], atol=1e-6, rtol=0), name
        assert equal_bits(each["weights"], several[0]["weights"])
        assert each["step"] == one["step"] and each["rates"] == pytest.approx(one["rates"])
        assert compare(each["history"]) == compare(several[0]["history"])
    for whole, parts in zip(one["history"], several[0]["history"], strict=True):
        for phase in ("train", "validation"):
            assert parts[phase] == pytest.approx(whole[phase], abs=1e-6), phase


def train_on_rank(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    return train(kind, folder, **changes)


class Failing(NoisyTrainer):
    """Something happens on one rank, at the start of step 9 (the third of epoch 2)."""

    event = ""
    victim = 1

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        loss = super().compute_loss(batch)
        assert self.distribution is not None
        if self.event and self.step == 8 and self.distribution.rank == self.victim and self.model.training:
            if self.event == "raise":
                raise ArithmeticError("user code")
            if self.event == "nan":
                return loss * torch.nan
            os.kill(os.getpid(), getattr(signal, self.event))
        return loss


def fail(event: str, victim: int, folder: Path, changes: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    trainer = Failing.from_config(settings(folder, **changes), resume="auto")
    trainer.event, trainer.victim = event, victim
    before: list[dict[str, torch.Tensor]] = []

    class Keep(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            before.append(weights(trainer))

    trainer._step_listeners.append(Keep().on_step_end)
    try:
        trainer.train()
    except NonFiniteLoss:
        assert equal_bits(before[-1], weights(trainer)) and len(before) == 8
        raise


def manifest(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("runs/*/manifest.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def go_on(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any]) -> dict[str, Any]:
    torch.manual_seed(99)
    return train(kind, folder, **changes)


@pytest.mark.parametrize("victim", [0, 1])
def test_sigterm_of_one_rank_ends_all_at_one_step_and_the_resumed_run_is_the_same_to_the_bit(
    tmp_path: Path, victim: int
) -> None:
    changes = {"num_epochs": 4, "batch_size": 8}
    whole = Ranks(2, tmp_path / "1", train_on_rank, Failing, tmp_path / "whole", changes)
    ended = Ranks(2, tmp_path / "2", fail, "SIGTERM", victim, tmp_path / "broken", changes)
    assert ended.wait() == [128 + signal.SIGTERM] * 2
    assert manifest(tmp_path / "broken")["status"] == "interrupted"
    (checkpoint,) = tmp_path.glob("broken/runs/*/checkpoints/step-00000009.pt")
    assert torch.load(checkpoint)["step"] == 9
    resumed = Ranks(2, tmp_path / "3", go_on, Failing, tmp_path / "broken", changes).results()
    for one, other in zip(whole.results(), resumed, strict=True):
        assert equal_bits(one["weights"], other["weights"])
        assert compare(one["history"]) == compare(other["history"])
    assert manifest(tmp_path / "broken")["status"] == "finished"
    (run,) = (tmp_path / "broken" / "runs").iterdir()
    assert compare(read_history(run)) == compare(resumed[0]["history"])


@pytest.mark.parametrize(
    ("kind", "world_size", "changes"),
    [
        (NoisyTrainer, 3, {"checkpoint_every_n_steps": 2}),
        (NoisyTrainer, 2, {"checkpoint_every_n_steps": 1, "accumulation_steps": 2, "precision": "float16"}),
        (SeparateGenerator, 2, {"checkpoint_every_n_steps": 2}),
        pytest.param(WorkerTrainer, 2, {"checkpoint_every_n_steps": 2}, marks=pytest.mark.slow),
    ],
)
def test_resume_is_exact_after_a_kill(
    tmp_path: Path, kind: type[NoisyTrainer], world_size: int, changes: dict[str, Any]
) -> None:
    changes = changes | {"num_epochs": 4, "batch_size": 4}
    whole = Ranks(world_size, tmp_path / "1", train_on_rank, kind, tmp_path / "whole", changes).results()
    for number in range(2):  # a second resume as well
        killed = Ranks(world_size, tmp_path / f"killed-{number}", slowly, kind, tmp_path / "broken", changes)
        wait_for(tmp_path / "broken", 5 + 4 * number)
        killed.processes[number].kill()
        assert 0 not in killed.wait() and None not in [process.exitcode for process in killed.processes]
    resumed = Ranks(world_size, tmp_path / "3", go_on, kind, tmp_path / "broken", changes).results()
    for one, other in zip(whole, resumed, strict=True):
        assert equal_bits(one["weights"], other["weights"])
        assert compare(one["history"]) == compare(other["history"])
    assert len(manifest(tmp_path / "broken")["resumed_from"]) == 2


def slowly(kind: type[ToyTrainer], folder: Path, changes: dict[str, Any]) -> None:
    class Slow(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            time.sleep(0.05)

    torch.set_num_threads(1)
    kind.from_config(settings(folder, **changes), resume="auto", callbacks=[Slow()]).train()


def wait_for(folder: Path, step: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(int(path.stem[5:]) >= step for path in folder.glob("runs/*/checkpoints/step-*.pt")):
            return
        time.sleep(0.01)
    raise AssertionError(f"no checkpoint of step {step} below {folder}")


def test_a_failed_rank_ends_the_others_and_is_named(tmp_path: Path) -> None:
    ended = Ranks(3, tmp_path / "1", fail, "raise", 1, tmp_path / "run", {"batch_size": 4})
    assert ended.wait(60) == [1, 1, 1]
    data = manifest(tmp_path / "run")
    assert data["status"] == "failed" and "rank 1 failed: ArithmeticError: user code" in data["error"]
    assert "ArithmeticError" in (tmp_path / "1" / "error-1.txt").read_text()


def test_a_killed_rank_ends_the_others(tmp_path: Path) -> None:
    ended = Ranks(2, tmp_path / "1", fail, "SIGKILL", 1, tmp_path / "run", {"batch_size": 8})
    assert ended.wait(60) == [1, -signal.SIGKILL]
    assert manifest(tmp_path / "run")["status"] == "failed"


def test_a_loss_that_is_not_finite_on_one_rank_stops_all_before_the_step(tmp_path: Path) -> None:
    ended = Ranks(2, tmp_path / "1", fail, "nan", 1, tmp_path / "run", {"batch_size": 8})
    assert ended.wait() == [1, 1]
    errors = [(tmp_path / "1" / f"error-{rank}.txt").read_text() for rank in (0, 1)]
    assert "the loss is not finite on another rank in epoch 2, step 9" in errors[0]
    assert "the loss is nan in epoch 2, step 9" in errors[1]
    assert manifest(tmp_path / "run")["status"] == "diverged"
    (batch,) = tmp_path.glob("run/runs/*/bad-batch-*")
    assert batch.name == "bad-batch-step-00000009-rank-1.pt"
