"""Memory of a step: estimated, measured, not enough, and not growing."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.runtime.test_averaging import Norms
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, settings, weights
from trainergen.runtime import Callback, OutOfMemory, Trainer
from trainergen.runtime.exhaustion import is_out_of_memory, suggest
from trainergen.runtime.memory import SavedBytes, bytes_of, estimate, measured_peak, state_bytes


class Wide(ToyTrainer):
    """Large enough that what Python objects hold does not count."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 512), nn.GELU(), nn.Linear(512, 512), nn.GELU(), nn.Linear(512, 4))


def test_each_storage_that_backward_needs_is_counted_once() -> None:
    weight = torch.randn(100, 100, requires_grad=True)
    points = torch.randn(50, 100)
    saved = SavedBytes([weight, points])
    with saved.watching():
        hidden = points @ weight
        loss = (hidden.tanh() * hidden.tanh().view(50, 100)).sum()
    assert saved.total == 2 * 50 * 100 * 4  # two results of tanh; their views, the weights and the points are known
    loss.backward()


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9, "precision": "bfloat16"}])
def test_the_estimate_is_near_what_the_allocator_says(tmp_path: Path, changes: dict[str, Any]) -> None:
    trainer = Wide.from_config(settings(tmp_path, batch_size=64, **changes))
    batch = next(iter(trainer.dataloader))
    before, noise = weights(trainer), torch.get_rng_state()
    told = estimate(trainer, batch)
    assert equal_bits(before, weights(trainer)) and torch.equal(noise, torch.get_rng_state())
    size = sum(each.numel() for each in trainer.model.parameters()) * 4
    assert told.parameters == told.gradients == size and told.optimizer == 2 * size
    assert told.averages == (size if changes else 0) and told.batch == 64 * (2 * 4 + 8)
    assert told.as_plain()["total"] == told.total == told.held + told.gradients + told.batch + told.activations
    trainer.training_step(batch)
    above = measured_peak(lambda: trainer.training_step(batch), trainer.device)
    measured = told.held + told.batch + above
    assert 0.6 < told.total / measured < 1.5, (told, above)


def test_the_estimate_leaves_running_means_alone(tmp_path: Path) -> None:
    trainer = Norms.from_config(settings(tmp_path))
    trainer.noise = torch.zeros(())
    before = weights(trainer)
    estimate(trainer, next(iter(trainer.dataloader)))
    assert equal_bits(before, weights(trainer))


@pytest.mark.parametrize(
    ("kind", "options", "values"),
    [
        (torch.optim.SGD, {}, 0),
        (torch.optim.SGD, {"momentum": 0.9}, 1),
        (torch.optim.AdamW, {"amsgrad": True}, 3),
        (torch.optim.Adagrad, {}, 1),
    ],
)
def test_an_optimizers_state_is_known_before_its_first_step(kind: Any, options: dict[str, Any], values: int) -> None:
    parameter = nn.Parameter(torch.ones(64, 32))
    optimizer = kind([parameter], lr=0.1, **options)
    assert state_bytes(optimizer) - values * 64 * 32 * 4 in (0, 4)  # Adagrad has its state, and a counter, already
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    large = [each for state in optimizer.state.values() for each in state.values() if isinstance(each, torch.Tensor)]
    assert bytes_of(each for each in large if each.dim()) == values * 64 * 32 * 4


class Hungry(ToyTrainer):
    """Its fourth step asks for more than any machine has."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.model.training and self.step == 3:
            torch.empty(1 << 55)
        return super().compute_loss(batch)


def test_not_enough_memory_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    calls: list[int] = []

    class Keep(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            seen.append(weights(trainer))

    class Once(Hungry):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            calls.append(self.step)
            return super().compute_loss(batch)

    config = settings(tmp_path, checkpoint_every_n_steps=2)
    trainer = Once.from_config(config, callbacks=[Keep()])
    with pytest.raises(OutOfMemory, match=r"cpu is out of memory in epoch 1, step 4; last valid") as caught:
        trainer.train()
    assert calls == [0, 1, 2, 3]  # nothing is tried again
    assert equal_bits(weights(trainer), seen[-1])
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
    told = caught.value.to_json()
    assert json.loads(json.dumps(told)) == told and told["error"] == "OutOfMemory"
    assert told["details"]["batch_size"] == 16 and told["details"]["process"] > 0
    assert "memory" in told["details"]["message"]
    assert "batch_size = 8 with accumulation_steps = 2" in told["suggestion"]
    assert "recompute_modules" in told["suggestion"]
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert trainer.run_directory is not None
    manifest = json.loads((trainer.run_directory / "manifest.json").read_text())
    assert manifest["status"] == "failed" and manifest["failure"] == told
    assert told["checkpoint"] is not None and Path(told["checkpoint"]).name == "step-00000002.pt"
    smaller = dataclasses.replace(config, batch_size=8, accumulation_steps=2)
    resumed = Once.from_config(smaller, resume=told["checkpoint"])
    assert resumed.step == 2


class Evaluated(ToyTrainer):
    """Needs more than there is while it is evaluated."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if not self.model.training:
            torch.empty(1 << 48)
        return super().compute_loss(batch)


def test_memory_that_an_evaluation_lacks_is_told_alone_and_in_a_run(tmp_path: Path) -> None:
    trainer = Evaluated.from_config(settings(tmp_path))
    trainer.training_step(next(iter(trainer.dataloader)))
    with pytest.raises(OutOfMemory, match=r"^cpu is out of memory in evaluation in epoch 1, step 2; ") as caught:
        trainer.evaluate()
    assert trainer.model.training and all(each.grad is not None for each in trainer.model.parameters())
    assert isinstance(caught.value.__cause__, RuntimeError)
    told = caught.value.to_json()
    assert told["details"]["batch_size"] == 16 and "memory" in told["details"]["message"]
    assert "a smaller batch in the loader that is evaluated" in told["suggestion"]
    assert "accumulation" not in told["suggestion"] and "recompute" not in told["suggestion"]
    untouched = Evaluated.from_config(settings(tmp_path))
    with pytest.raises(OutOfMemory, match=r"^cpu is out of memory in evaluation\. Try: "):  # no step: no place in a run
        untouched.evaluate()
    run = Evaluated.from_config(settings(tmp_path / "run"))
    with pytest.raises(OutOfMemory, match="in evaluation in epoch 1, step 7") as caught:
        run.train()
    assert run.run_directory is not None and all(each.grad is None for each in run.model.parameters())
    manifest = json.loads((run.run_directory / "manifest.json").read_text())
    assert manifest["failure"] == caught.value.to_json()


def test_which_errors_mean_it() -> None:
    assert is_out_of_memory(MemoryError()) and is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(OSError(12, "Cannot allocate memory"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert "batch_size" not in suggest(1, 4, ("blocks.*",)) and "recompute" not in suggest(1, 4, ("blocks.*",))
    assert "batch_size = 3 with accumulation_steps = 6" in suggest(7, 2, ())  # three batches of three hold seven


class Plain(ToyTrainer):
    """Collects nothing over an epoch."""

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def _collect_epoch_metrics(self) -> dict[str, float]:
        return {}


LIMITED = """
import json, resource, sys
from pathlib import Path
import torch
from torch import nn
from tests.runtime.toys import ToyTrainer, settings
from trainergen.runtime import OutOfMemory

class Grows(ToyTrainer):
    def compute_loss(self, batch):
        hidden = batch[0]
        if self.model.training and self.step == 2:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), resource.RLIM_INFINITY))
            for _ in range(100):
                hidden = hidden.repeat(2, 1)
        return super().compute_loss(batch)

trainer = Grows.from_config(settings(Path(sys.argv[1]), checkpoint_every_n_steps=1))
try:
    trainer.train()
except OutOfMemory as problem:
    print(json.dumps(problem.to_json()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address space is limited on Linux")
@pytest.mark.slow
def test_a_process_that_may_not_grow(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=200
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["step"], Path(told["checkpoint"]).name) == (3, "step-00000002.pt")
    run = Path(told["checkpoint"]).parent.parent
    assert json.loads((run / "manifest.json").read_text())["failure"] == told
    assert set(torch.load(told["checkpoint"])["parts"]) >= {"model", "optimizer"}


EVERYTHING = {"ema_decay": 0.9, "accumulation_steps": 2, "recompute_modules": ("?",)}


@pytest.mark.parametrize("changes", [pytest.param({}, marks=pytest.mark.slow), EVERYTHING])
def test_nothing_piles_up(tmp_path: Path, changes: dict[str, Any]) -> None:
    counts: list[tuple[int, int]] = []

    class Count(Callback):
        def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:
            if trainer.step in (40, 160):
                gc.collect()
                alive = [each for each in gc.get_objects() if type(each) is torch.Tensor]
                counts.append((len(alive), len(gc.get_objects())))
                del alive

    batches = [(torch.randn(4, 2), torch.randint(0, 4, (4,))) for _ in range(340)]
    config = settings(tmp_path, num_epochs=1, max_steps=165, log_every_n_steps=10, **changes)
    Plain.from_config(config, dataloader=batches, val_dataloader=None, callbacks=[Count()]).train()
    (tensors, objects), (tensors_then, objects_then) = counts
    assert tensors_then == tensors
    assert objects_then - objects < 60  # less than one in two steps
