"""status.json and the progress line: what they say while a run goes on, after it, and when the disk refuses."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from tests.runtime.toys import ToyTrainer, settings
from trainergen.runtime import Callback, TrainingDiverged, reporting
from trainergen.runtime.epoch_means import EpochMeans
from trainergen.runtime.progress import clock
from trainergen.runtime.tracking import Tracking


class Reading(Callback):
    """Keeps what status.json says after each step."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_step_end(self, trainer: Any, loss: torch.Tensor) -> None:
        self.seen.append(json.loads((trainer.run_directory / "status.json").read_text()))


def test_the_status_follows_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "STATUS_SECONDS", 0.0)  # after every step
    reading = Reading()
    trainer = ToyTrainer.from_config(settings(tmp_path, accumulation_steps=2))
    trainer.callbacks.append(reading)
    trainer._step_listeners.append(reading.on_step_end)  # behind what writes the status
    trainer.train()
    assert [each["step"] for each in reading.seen] == list(range(1, 10))
    assert [each["steps_into_epoch"] for each in reading.seen] == [1, 2, 3] * 3
    assert {(each["steps"], each["steps_an_epoch"], each["epochs"]) for each in reading.seen} == {(9, 3, 3)}
    assert [each["epoch"] for each in reading.seen] == [0] * 3 + [1] * 3 + [2] * 3
    assert {each["status"] for each in reading.seen} == {"running"} and all(each["loss"] > 0 for each in reading.seen)
    assert all(each["steps_per_second"] > 0 and each["eta_seconds"] > 0 for each in reading.seen[4:8])
    assert reading.seen[-1]["eta_seconds"] == 0  # no step is left
    assert reading.seen[0]["checkpoint"] is None and reading.seen[3]["checkpoint"] == "checkpoints/step-00000003.pt"
    assert reading.seen[4]["last_record"] == trainer.history[0]
    assert reading.seen[0]["memory"]["process_bytes"] > 10_000_000
    assert reading.seen[0]["process"] == os.getpid()
    assert trainer.run_directory is not None
    last = json.loads((trainer.run_directory / "status.json").read_text())
    assert (last["status"], last["step"], last["eta_seconds"], last["error"]) == ("finished", 9, None, None)
    assert last["best"] == trainer.early_stopping.best and last["stop_reason"] == "3 epochs done"
    assert last["samples_per_second"] > 0 and last["checkpoint"] == "checkpoints/step-00000009.pt"


def test_a_failure_is_in_the_status(tmp_path: Path) -> None:
    class Diverging(ToyTrainer):
        def compute_loss(self, batch: Any) -> torch.Tensor:
            return super().compute_loss(batch) * (float("inf") if self.step == 8 else 1.0)

    trainer = Diverging.from_config(settings(tmp_path))
    with pytest.raises(TrainingDiverged) as caught:
        trainer.train()
    assert trainer.run_directory is not None
    status = json.loads((trainer.run_directory / "status.json").read_text())
    assert (status["status"], status["step"]) == ("diverged", 8)
    assert status["error"] == caught.value.to_json() and status["error"]["error"] == "NonFiniteLoss"


def test_a_loader_without_length_is_known_after_its_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless:
        def __init__(self, loader: Any) -> None:
            self.loader = loader

        def __iter__(self) -> Any:
            return iter(self.loader)

    monkeypatch.setattr(reporting, "STATUS_SECONDS", 0.0)
    config = settings(tmp_path)
    train, validation = ToyTrainer.build_dataloaders(config)
    reading = Reading()
    trainer = ToyTrainer.from_config(config, dataloader=Endless(train), val_dataloader=validation)
    trainer._step_listeners.append(reading.on_step_end)
    trainer.train()
    assert [each["steps"] for each in reading.seen] == [None] * 6 + [18] * 12


def test_a_disk_that_refuses_the_status_is_no_reason_to_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run" / "status.json" / "in the way").mkdir(parents=True)
    trainer = ToyTrainer.from_config(settings(tmp_path), run_directory=tmp_path / "run")
    trainer.train()
    assert len(trainer.history) == 3
    assert caplog.text.count("the run goes on unwatched") == 1
    assert not list((tmp_path / "run").glob(".status*"))  # nothing half written is left


class Waits(TorchFunctionMode):
    """Counts what would wait for a GPU: the reading of a tensor's value."""

    NAMES = ("item", "tolist", "__float__", "__bool__", "__int__", "__format__", "numpy", "cpu")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += getattr(func, "__name__", "") in self.NAMES
        return func(*args, **(kwargs or {}))


def test_a_log_interval_waits_for_the_device_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="trainergen")
    trainer = ToyTrainer.from_config(settings(tmp_path))
    trainer.means = EpochMeans(torch.device("cpu"), on_host=False)
    log, tracking = reporting.StepLog(2), Tracking(("csv", "jsonl"), 2)
    waits: list[int] = []
    for step in range(1, 7):
        trainer.step = step
        loss = torch.tensor(1.0 / step)
        with Waits() as mode:
            trainer.means.add(loss, {}, 4, step)
            log.on_step_end(trainer, loss)
            tracking._open = {"csv": Silent()}
            tracking.on_step_end(trainer, loss)
        waits.append(mode.count)
    assert waits == [0, 1, 0, 1, 0, 1]
    assert "step 6: loss 0.1667" in caplog.text
    trainer.step = 8
    trainer.means.add(torch.tensor(float("nan")), {}, 4, 7)
    trainer.means.add(torch.tensor(1.0), {}, 4, 8)
    with pytest.raises(TrainingDiverged, match="step 7"):
        log.on_step_end(trainer, torch.tensor(1.0))


class Silent:
    """A tracker that records nothing."""

    def log(self, step: int, values: Any) -> None:
        assert values["step/loss"] == pytest.approx(1.0 / step)


def test_the_progress_line_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "LINE_SECONDS", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        ToyTrainer.from_config(settings(tmp_path, num_epochs=2, progress_description="toy")).train()
        terminal.flush()
        os.set_blocking(ours, False)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except BlockingIOError:
                break
        monkeypatch.undo()
    os.close(ours)
    lines = re.findall(r"\r([^\r\x1b]+)\x1b\[K", seen.decode())
    assert len(lines) == 12
    assert re.fullmatch(r"toy  epoch 1/2  step 1/6  loss \d\.\d+  ETA \d+:\d\d  \d+ MB", lines[0])
    assert re.fullmatch(r"toy  epoch 2/2  step 4/6  [\d.e+]+ steps/s  loss [\d.]+  ETA \d+:\d\d  \d+ MB", lines[9])
    assert seen.decode().count("\r\x1b[K") == 2  # gone after each epoch


def test_no_progress_where_nobody_sits(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ToyTrainer.from_config(settings(tmp_path, num_epochs=1)).train()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0:00"), (59.6, "1:00"), (83, "1:23"), (7509, "2:05:09")])
def test_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
