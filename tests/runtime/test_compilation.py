"""A compiled model: the same names, nearly the same numbers, and a run that goes on where nothing can be compiled."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.runtime.test_resume import NoisyTrainer, break_off, compare
from tests.runtime.toys import ToyConfig, equal_bits, settings, weights
from trainergen.runtime import SettingError


class Compiled(NoisyTrainer):
    """With a part that another method runs, and running means."""

    @classmethod
    def build_model(cls, config: ToyConfig) -> nn.Module:
        return nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(16, 4)
        )


@pytest.mark.slow
def test_traced_it_takes_the_same_steps_under_the_same_names(tmp_path: Path) -> None:
    import torch._dynamo.utils as dynamo

    plain = Compiled.from_config(settings(tmp_path / "plain", num_epochs=2, dropout=0.0))
    plain.train()
    dynamo.counters.clear()
    config = settings(tmp_path / "traced", num_epochs=2, dropout=0.0, compile="aot_eager", ema_decay=0.9)
    traced = Compiled.from_config(config)
    traced.train()
    assert dynamo.counters["stats"]["unique_graphs"] >= 2  # training and evaluation
    assert list(traced.model.state_dict()) == list(plain.model.state_dict())
    for name, value in weights(plain).items():
        assert torch.allclose(value, weights(traced)[name], atol=1e-6), name
    assert traced.run_directory is not None and plain.run_directory is not None
    assert "compile" not in json.loads((traced.run_directory / "manifest.json").read_text())
    best = torch.load(traced.run_directory / "checkpoints" / "best.pt")
    assert list(best) == list(plain.model.state_dict())


@pytest.mark.slow
def test_resumed_it_is_the_uninterrupted_run(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"num_epochs": 2, "compile": "aot_eager", "checkpoint_every_n_steps": 2, "ema_decay": 0.9}
    whole = Compiled.from_config(settings(tmp_path / "whole", **changes))
    whole.train()
    broken = Compiled.from_config(settings(tmp_path / "broken", **changes))
    break_off(broken, (1, 9))
    resumed = Compiled.from_config(settings(tmp_path / "broken", **changes), resume="auto")
    assert resumed.step == 8
    resumed.train()
    assert equal_bits(weights(whole), weights(resumed)) and compare(whole.history) == compare(resumed.history)


CHILD = """
import json, logging, sys, tempfile
from pathlib import Path
from tests.runtime.test_compilation import Compiled
from tests.runtime.toys import settings
logging.basicConfig(level=logging.WARNING)
folder = Path(sys.argv[1])
history = {}
for mode in (None, "default"):
    trainer = Compiled.from_config(settings(folder / str(mode), num_epochs=1, dropout=0.0, compile=mode))
    history[str(mode)] = trainer.train()[0]["train"]["loss"]
manifest = json.loads((trainer.run_directory / "manifest.json").read_text())
print(json.dumps({"history": history, "compile": manifest.get("compile"), "keys": list(trainer.model.state_dict())}))
"""


def child(folder: Path, **environment: str) -> tuple[dict[str, Any], str]:
    root = Path(__file__).resolve().parents[2]
    inherited = os.environ | {"PYTHONPATH": str(root), "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache")} | environment
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, env=inherited, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.slow
def test_without_a_compiler_it_trains_uncompiled_and_says_so_once(tmp_path: Path) -> None:
    said, errors = child(tmp_path, CXX="no-such-compiler", PATH=str(tmp_path))
    assert said["history"]["default"] == said["history"]["None"]
    assert errors.count("the model runs uncompiled") == 1
    assert said["compile"]["mode"] == "default" and said["compile"]["fallback"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")
def test_with_a_compiler_it_is_compiled(tmp_path: Path) -> None:
    said, errors = child(tmp_path, TORCHINDUCTOR_COMPILE_THREADS="1")  # no pool of processes for a few graphs
    assert said["history"]["default"] == pytest.approx(said["history"]["None"], rel=1e-4)
    assert "uncompiled" not in errors and said["compile"] is None
    assert said["keys"][0] == "0.weight"
    assert any((tmp_path / "cache").rglob("*.so"))


def test_an_error_of_the_model_is_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 4)

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            if points.shape[1] != 3:
                raise ArithmeticError("two numbers, not three")
            result: torch.Tensor = self.layer(points)
            return result

    with caplog.at_level(logging.WARNING), pytest.raises(ArithmeticError, match="two numbers, not three"):
        Compiled.from_config(settings(tmp_path, compile="aot_eager"), model=Fails()).train()


def test_a_mode_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="compile must be one of default"):
        settings(tmp_path, compile="fast")
