"""What settings make of a model before its training, and the count of its operations."""

from __future__ import annotations

import cProfile
import json
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, settings, weights
from trainergen.runtime import (
    BaseTrainerConfig,
    CheckpointCorrupt,
    CheckpointError,
    ConfigError,
    EmptyDataset,
    InvalidConfig,
    NonFiniteLoss,
    Trainer,
    TrainingError,
)
from trainergen.runtime.flops import peak_flops, peak_of


class Pictures(ToyTrainer):
    """Convolutions of two and of three dimensions."""

    seen: list[tuple[bool, ...]]

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        flat = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        deep = nn.Sequential(nn.Conv3d(2, 8, 3), nn.AdaptiveAvgPool3d(1))
        return nn.ModuleDict({"flat": flat, "deep": deep, "head": nn.Linear(16, 4)})

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        generator = torch.Generator().manual_seed(0)
        batches = [
            {
                "flat": torch.randn(4, 3, 8, 8, generator=generator),
                "nested": [torch.randn(4, 2, 6, 6, 6, generator=generator)],
                "labels": torch.randint(0, 4, (4,), generator=generator),
            }
            for _ in range(5)
        ]
        return batches, batches[:2]

    def compute_loss(self, batch: Any) -> torch.Tensor:
        flat, deep = batch["flat"], batch["nested"][0]
        self.seen.append(
            (
                flat.is_contiguous(memory_format=torch.channels_last),
                deep.is_contiguous(memory_format=torch.channels_last_3d),
            )
        )
        model: Any = self.model
        hidden = torch.cat([model["flat"](flat).flatten(1), model["deep"](deep).flatten(1)], 1)
        return nn.functional.cross_entropy(model["head"](hidden), batch["labels"])

    def _collect_epoch_metrics(self) -> dict[str, float]:
        return {}


def test_channels_last_is_where_things_lie_not_what_they_are(tmp_path: Path) -> None:
    runs = []
    for changed in (False, True):
        Pictures.seen = []
        trainer = Pictures.from_config(settings(tmp_path / str(changed), channels_last=changed))
        first = weights(trainer)
        history = trainer.train()
        assert set(Pictures.seen) == {(changed, changed)}  # training and validation
        runs.append((first, history, trainer))
    assert equal_bits(runs[0][0], runs[1][0])
    model: Any = runs[1][2].model
    assert model["flat"][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model["deep"][0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    for plain, changed in zip(runs[0][1], runs[1][1], strict=True):
        assert plain["train"]["loss"] == pytest.approx(changed["train"]["loss"], rel=1e-3)
    path = runs[1][2].recorder.newest_checkpoint()
    config = settings(tmp_path / "True", channels_last=True, num_epochs=4)
    again = Pictures.from_config(config, resume=path)
    assert equal_bits(weights(again), weights(runs[1][2]))
    assert again.train()[-1]["epoch"] == 4


def test_all_of_it_is_read_from_an_ini_file(tmp_path: Path) -> None:
    file = tmp_path / "config.ini"
    file.write_text(
        "[train_toy]\nema_decay = 0.99\nswa_start_epoch = none\ncompile =\nmatmul_precision = high\n"
        "recompute_modules = blocks.*, decoder.?\nchannels_last = yes\nmeasure_flops = on\ndevice_peak_flops = 1e12\n"
    )
    config = ToyConfig.load(file)
    assert (config.ema_decay, config.swa_start_epoch, config.compile) == (0.99, None, None)
    assert config.recompute_modules == ("blocks.*", "decoder.?") and config.channels_last and config.measure_flops
    assert (config.matmul_precision, config.device_peak_flops) == ("high", 1e12)
    assert ToyConfig.from_plain(json.loads(json.dumps(config.as_plain()))) == config
    file.write_text("[train_toy]\ncompile = fastest\n")
    with pytest.raises(ConfigError, match="'fastest' is none of") as caught:
        ToyConfig.load(file)
    told = caught.value.to_json()
    assert (
        isinstance(caught.value, InvalidConfig) and told["details"]["key"] == "compile" and told["details"]["line"] == 2
    )


def test_errors_are_data_and_still_what_they_were(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=1))
    trainer.train()
    with pytest.raises(EmptyDataset) as empty:
        trainer.evaluate([])
    assert isinstance(empty.value, ValueError) and isinstance(empty.value, TrainingError)
    assert empty.value.to_json()["checkpoint"] == str(trainer.recorder.newest_checkpoint())
    path = trainer.recorder.newest_checkpoint()
    assert path is not None
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointCorrupt, match="can't be read") as corrupt:
        ToyTrainer.from_config(settings(tmp_path), resume=path)
    assert isinstance(corrupt.value, CheckpointError) and corrupt.value.details == {"file": str(path)}
    assert "newest checkpoint that can be read" in corrupt.value.to_json()["suggestion"]


@pytest.mark.parametrize("value", ["high", "medium"])
def test_the_precision_of_products_is_the_processs(tmp_path: Path, value: Literal["high", "medium"]) -> None:
    before = torch.get_float32_matmul_precision()
    try:
        ToyTrainer.from_config(settings(tmp_path, matmul_precision=value))
        assert torch.get_float32_matmul_precision() == value
        ToyTrainer.from_config(settings(tmp_path))
        assert torch.get_float32_matmul_precision() == value  # None leaves it
    finally:
        torch.set_float32_matmul_precision(before)


class Counted(ToyTrainer):
    """One product: 2 * 4 * 8 operations a sample forward, as many for the weights, none for the input."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.ModuleList([nn.Linear(2, 8), nn.Linear(8, 4)])

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        layers: Any = self.model
        return nn.functional.cross_entropy(layers[1](layers[0](batch[0]).relu()), batch[1])

    def _collect_epoch_metrics(self) -> dict[str, float]:
        return {}


def manifest(trainer: Trainer[Any, Any]) -> dict[str, Any]:
    assert trainer.run_directory is not None
    found: dict[str, Any] = json.loads((trainer.run_directory / "manifest.json").read_text())
    return found


@pytest.mark.parametrize("changes", [{}, {"recompute_modules": ("0", "1"), "accumulation_steps": 2}])
def test_operations_are_those_of_the_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = settings(tmp_path, measure_flops=True, device_peak_flops=1e9, **changes)
    trainer = Counted.from_config(config)
    trainer.train()
    a_sample = 2 * (2 * 8 * 2 + 8 * 4 * 3)  # forward and weights' gradients; of the second layer also the input's
    assert trainer.recorder.pace.flops_a_weight == a_sample
    told = manifest(trainer)["throughput"]
    assert told["flops_per_second"] == pytest.approx(told["samples_per_second"] * a_sample)
    assert told["mfu"] == pytest.approx(told["flops_per_second"] / 1e9)
    plain = Counted.from_config(settings(tmp_path / "plain", **changes))
    plain.train()
    assert equal_bits(weights(plain), weights(trainer))
    assert manifest(plain)["throughput"]["flops_per_second"] is None and manifest(plain)["throughput"]["mfu"] is None


def test_peaks_are_looked_up_by_name() -> None:
    assert peak_of("NVIDIA H100 80GB HBM3", "bfloat16", "highest") == 989.4e12
    assert peak_of("NVIDIA H100 PCIe", "bfloat16", "highest") == 756e12
    assert peak_of("NVIDIA A100-SXM4-40GB", "float32", "highest") == 19.5e12
    assert peak_of("NVIDIA A100-SXM4-40GB", "float32", "high") == 156e12
    assert peak_of("Tesla T4", "float32", "high") == 8.1e12  # it has no TF32
    assert peak_of("Tesla V100-SXM2-16GB", "bfloat16", "high") is None
    assert peak_of("NVIDIA A10G", "float16", "highest") != peak_of("NVIDIA A10", "float16", "highest")
    assert peak_of("something new", "bfloat16", "highest") is None
    assert peak_flops(torch.device("cpu"), "float32") is None


def test_eight_overflows_in_a_row_end_a_run_and_seven_do_not(tmp_path: Path) -> None:
    class Overflows(ToyTrainer):
        until = 8

        def compute_loss(self, batch: Batch) -> torch.Tensor:
            logits = self.model(batch[0])
            if logits.requires_grad and self.step < self.until:
                logits.register_hook(lambda gradient: gradient * torch.inf)
            self.scores.add(logits, batch[1])
            return nn.functional.cross_entropy(logits, batch[1])

    before: list[dict[str, torch.Tensor]] = []
    trainer = Overflows.from_config(settings(tmp_path / "8", precision="float16", accumulation_steps=2))
    before.append(weights(trainer))
    with pytest.raises(NonFiniteLoss, match="8 steps in a row overflowed under float16"):
        trainer.train()
    assert equal_bits(before[0], weights(trainer))
    Overflows.until = 7
    trainer = Overflows.from_config(settings(tmp_path / "7", precision="float16"))
    trainer.train()
    assert trainer.precision.skipped_steps == 0 and not equal_bits(before[0], weights(trainer))


class Classifier(Trainer[Batch, BaseTrainerConfig]):
    def compute_loss(self, batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])


def test_python_calls_a_step(tmp_path: Path) -> None:
    """Hardly more than those of the loop that one would write, with clipping in both: at most 1.2 is asked for."""
    data = [(torch.randn(8, 32), torch.randint(0, 10, (8,))) for _ in range(60)]

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))

    def raw(batches: list[Batch]) -> None:
        network = model()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        for points, labels in batches:
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(network(points), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()

    def ours(batches: list[Batch]) -> None:
        network = model()
        config = BaseTrainerConfig(
            device="cpu", num_epochs=1, log_every_n_steps=0, scheduler_patience=None, model_save_directory=tmp_path
        )
        Classifier(network, batches, torch.optim.SGD(network.parameters(), lr=0.01), config).train()

    def calls(loop: Callable[[list[Batch]], None]) -> float:
        loop(data[:5])
        counts = []
        for length in (20, 60):
            profile = cProfile.Profile()
            profile.runcall(loop, data[:length])
            counts.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
        return (counts[1] - counts[0]) / 40

    assert calls(ours) <= 1.1 * calls(raw)
