"""The learning-rate range test and the batch-size search, held to what is known beforehand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tests.runtime.before.trainers import PATTERNS, Adversarial, Pair, Regression, Structured, quiet
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, weights
from trainergen.runtime import Trainer
from trainergen.runtime.before import find_batch_size, find_lr
from trainergen.runtime.before.parts import memory_limit
from trainergen.runtime.before.parts.answers import Request


class Parabola(Regression):
    """Gradient descent on w^2 with curvature 20: above a rate of 0.1 each step is larger than the one before."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)
        return model

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Pair], Iterable[Pair] | None]:
        data = TensorDataset(torch.ones(8, 1), torch.zeros(8))
        return DataLoader(data, batch_size=4), None

    @classmethod
    def build_optimizer(cls, model: nn.Module, config: ToyConfig) -> torch.optim.Optimizer:
        groups = [
            {"params": [model.weight]},
            {"params": [nn.Parameter(torch.zeros(1))], "lr": config.learning_rate / 2},
        ]
        return torch.optim.SGD(groups, lr=config.learning_rate)

    def compute_loss(self, batch: Pair) -> torch.Tensor:
        return 10.0 * functional.mse_loss(self.model(batch[0]).squeeze(-1), batch[1])


def test_rates_above_where_steps_explode_are_never_suggested(tmp_path: Path) -> None:
    trainer = Parabola.from_config(quiet(tmp_path, gradient_clip_norm=None))
    found = find_lr.measure(trainer, steps=80)
    assert found.exploded is not None and 0.1 < found.exploded < 10
    assert found.suggestion is not None and found.steepest is not None
    assert 1e-3 < found.suggestion < 0.1 and found.steepest < 0.1
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 80
    ratios = [later / earlier for earlier, later in zip(found.rates, found.rates[1:], strict=False)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios)) and found.rates[0] == find_lr.LOWEST
    assert found.present == 0.01 and [group["lr"] for group in trainer.optimizer.param_groups] == [0.01, 0.005]


def test_a_loss_that_becomes_infinite_ends_the_sweep(tmp_path: Path) -> None:
    class Overflowing(Parabola):
        def compute_loss(self, batch: Pair) -> torch.Tensor:
            loss = super().compute_loss(batch)
            return loss if loss.item() < 20 else loss * torch.inf  # as soon as one step has been too large

    found = find_lr.measure(Overflowing.from_config(quiet(tmp_path, gradient_clip_norm=None)), steps=40)
    assert found.exploded is not None and found.suggestion is not None and found.suggestion < 0.5
    assert not (tmp_path / "saved").exists()  # the batch that did it is not kept either


@pytest.mark.parametrize("kind", [ToyTrainer, Structured, Adversarial], ids=lambda kind: kind.__name__)
def test_a_sweep_leaves_the_trainer_as_it_was(kind: type[Trainer[Any, Any]], tmp_path: Path) -> None:
    alone, swept = (kind.from_config(quiet(tmp_path, scheduler_patience=0)) for _ in range(2))
    random = torch.get_rng_state()
    found = find_lr.measure(swept, steps=12)
    assert torch.equal(torch.get_rng_state(), random)
    assert 3 <= len(found.rates) <= 12 and swept.step == 0 and swept.learning_rate == 0.01
    for trainer in (alone, swept):
        torch.manual_seed(3)
        trainer.train()
    assert equal_bits(weights(swept), weights(alone))


def test_a_loss_that_no_rate_lowers(tmp_path: Path) -> None:
    class Flat(Regression):
        def compute_loss(self, batch: Pair) -> torch.Tensor:
            return self.model(batch[0]).mean() * 0.0 + 1.0

    assert find_lr.measure(Flat.from_config(quiet(tmp_path)), steps=20).suggestion is None
    answer = find_lr.run(Request(Flat, quiet(tmp_path), max_steps=20))
    assert (
        answer.exit_code == 1 and "no learning rate lowers the loss" in answer.text() and "--preflight" in answer.text()
    )


def test_the_rate_is_suggested_by_its_rule() -> None:
    rates = tuple(10.0**power for power in range(-6, 1))
    assert find_lr.suggest(rates, (2.0, 1.99, 1.9, 1.2, 1.0, 1.5, 9.0)) == (pytest.approx(1e-3), pytest.approx(1e-3))
    assert find_lr.suggest(rates, (2.0, 1.99, 1.99, 1.98, 2.0, 3.0, 9.0)) == (None, None)
    assert find_lr.suggest(rates[:2], (2.0, 1.0)) == (None, None)


class Wide(ToyTrainer):
    """A sample takes 4 KiB more in each of its layers: what a batch needs can be told beforehand."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 1024, bias=False), nn.Tanh(), nn.Linear(1024, 4, bias=False))

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Batch], Iterable[Batch] | None]:
        return DataLoader(quadrants(4000), batch_size=config.batch_size), None


@pytest.mark.slow
def test_the_largest_size_below_a_tiny_limit(tmp_path: Path) -> None:
    trainer = Wide.from_config(quiet(tmp_path))
    limit = 400_000
    found = find_batch_size.measure(trainer, memory_limit=limit)
    assert found.ended_by == "memory" and found.limit == limit and 10 < found.largest < 60
    tried = {each.size: each for each in found.trials}
    assert tried[found.largest].fits and (tried[found.largest].peak or limit) <= limit
    assert not tried[found.largest + 1].fits
    # what is expected not to fit is not tried: the kernel would end the process
    assert all((each.peak or 0) <= 1.2 * limit for each in found.trials if each.tried)
    assert any(not each.tried for each in found.trials)
    assert found.scaling == "square root"
    assert found.scaled_rate == pytest.approx(0.01 * (found.largest / 16) ** 0.5)
    assert trainer.config.batch_size == 16 and trainer.learning_rate == 0.01 and trainer.step == 0


def cublas_refuses() -> None:
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


@pytest.mark.slow
@pytest.mark.parametrize("refuse", [lambda: torch.empty(1 << 60), cublas_refuses], ids=["allocator", "cublas"])
def test_an_allocator_that_refuses_is_understood(tmp_path: Path, refuse: Callable[[], object]) -> None:
    class Refusing(Regression):
        def compute_loss(self, batch: Pair) -> torch.Tensor:
            if len(batch[0]) > 11:
                refuse()
            return super().compute_loss(batch)

    found = find_batch_size.measure(Refusing.from_config(quiet(tmp_path)), memory_limit=1 << 40)
    assert (found.largest, found.ended_by) == (11, "memory")


@pytest.mark.parametrize("kind", PATTERNS, ids=lambda kind: kind.__name__)
@pytest.mark.slow
def test_the_data_may_end_first(kind: type[Trainer[Any, Any]], tmp_path: Path) -> None:
    trainer = kind.from_config(quiet(tmp_path))
    found = find_batch_size.measure(trainer)
    assert found.ended_by == "data" and found.largest == len(trainer.dataloader.dataset)  # type: ignore[attr-defined]
    assert all(each.fits for each in found.trials)


@pytest.mark.slow
def test_a_loader_of_the_projects_own_is_built_anew(tmp_path: Path) -> None:
    class Listed(ToyTrainer):
        @classmethod
        def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Batch], Iterable[Batch] | None]:
            points, labels = quadrants(20).tensors
            return list(zip(points.split(config.batch_size), labels.split(config.batch_size), strict=True)), None

    class Fixed(Listed):
        @classmethod
        def build_dataloaders(cls, config: ToyConfig) -> tuple[Iterable[Batch], Iterable[Batch] | None]:
            return [quadrants(20).tensors], None  # type: ignore[list-item]

    assert find_batch_size.measure(Listed.from_config(quiet(tmp_path))).largest == 20
    with pytest.raises(ValueError, match=r"Fixed\.build_dataloaders does not heed config\.batch_size"):
        find_batch_size.measure(Fixed.from_config(quiet(tmp_path)))


def test_what_it_says_about_the_rate(tmp_path: Path) -> None:
    said = find_batch_size.run(Request(Parabola, quiet(tmp_path))).text()
    assert "batch size 8 fits, the data has no more samples" in said
    assert "0.01 at 16 is 0.005 at 8 (linear scaling)" in said and "nothing was changed" in said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /sys/fs/cgroup")
def test_what_is_left_by_machine_cgroup_and_own_limit(tmp_path: Path) -> None:
    group = tmp_path / "fs" / "job" / "step"
    group.mkdir(parents=True)
    own = tmp_path / "cgroup"
    own.write_text("0::/job/step\n")
    for folder, limit, used, cached in ((group, "max", 500, 0), (group.parent, "9000", 4000, 1000)):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\n")
    assert memory_limit._cgroup(tmp_path / "fs", own) == 6000
    own.write_text("4:cpu,cpuacct:/x\n3:memory:/job\n")
    old = tmp_path / "fs" / "memory" / "job"
    old.mkdir(parents=True)
    (old / "memory.limit_in_bytes").write_text("7000\n")
    (old / "memory.usage_in_bytes").write_text("2000\n")
    assert memory_limit._cgroup(tmp_path / "fs", own) == 5000
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
        "sys.path.insert(0, sys.argv[1]); import memory_limit; print(memory_limit.available_bytes())"
    )
    folder = str(Path(memory_limit.__file__).parent)
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 1 << 30
