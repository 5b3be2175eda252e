"""What a run leaves on the disk: folder, manifest, history, checkpoints, weights, plots; and what a dry run leaves."""

from __future__ import annotations

import errno
import importlib.util
import json
import logging
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.building import read_tree
from tests.runtime.toys import Batch, ToyTrainer, equal_bits, settings, weights
from trainergen.runtime import CheckpointError, Trainer, atomic, plots
from trainergen.runtime.history import append_record, read_history
from trainergen.runtime.run_folder import snake_case


class Saving(ToyTrainer):
    """As a generated trainer does."""

    def on_train_end(self) -> None:
        super().on_train_end()
        self.save_weights()


@pytest.mark.parametrize("trainer_class", [ToyTrainer, pytest.param(Saving, marks=pytest.mark.slow)])
def test_a_finished_run(tmp_path: Path, trainer_class: type[ToyTrainer]) -> None:
    trainer = trainer_class.from_config(settings(tmp_path, num_epochs=5, keep_last_checkpoints=2))
    assert not any(tmp_path.iterdir())  # building one writes nothing
    trainer.train()
    (run,) = (tmp_path / "runs").iterdir()
    snake = "toy" if trainer_class is ToyTrainer else "saving"
    assert re.fullmatch(rf"{snake}_\d{{8}}-\d{{6}}", run.name) and trainer.run_directory == run
    manifest = json.loads((run / "manifest.json").read_text())
    assert (manifest["trainer"], manifest["status"]) == (trainer_class.__name__, "finished")
    assert manifest["config"]["learning_rate"] == 0.01 and manifest["error"] is None
    checkpoints = manifest["checkpoints"]
    assert checkpoints["all"] == ["checkpoints/step-00000024.pt", "checkpoints/step-00000030.pt"]
    assert checkpoints["latest"] == checkpoints["all"][-1]
    best = min(record["validation"]["loss"] for record in trainer.history)
    assert re.fullmatch(
        rf"checkpoints/{snake}_\d{{8}}-\d{{6}}_loss{re.escape(format(best, '.4g'))}\.pt", checkpoints["final"]
    )
    assert manifest["best"] == best
    final = torch.load(run / checkpoints["final"], weights_only=True)
    assert equal_bits(final, weights(trainer))
    trainer.model.load_state_dict(torch.load(run / checkpoints["best"], weights_only=True))
    assert trainer.evaluate()["loss"] == pytest.approx(best, rel=1e-6)
    assert json.loads((run / "status.json").read_text())["status"] == "finished"
    assert [record["epoch"] for record in read_history(run)] == [1, 2, 3, 4, 5]
    assert {path.name for path in (run / "plots").iterdir()} == {
        f"{name}.png" for name in ("loss", "accuracy", "f1", "gradient_norm", "learning_rate")
    }
    assert len(list((run / "checkpoints").iterdir())) == 4  # two resumable, best, final: saved once


@pytest.mark.slow
def test_names_that_are_taken(tmp_path: Path) -> None:
    runs = [ToyTrainer.from_config(settings(tmp_path, num_epochs=1), run_name="mine") for _ in range(3)]
    for trainer in runs:
        trainer.train()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["mine", "mine-2", "mine-3"]
    again = ToyTrainer.from_config(settings(tmp_path), run_directory=tmp_path / "runs" / "mine")
    with pytest.raises(FileExistsError, match="holds a run already"):
        again.train()


@pytest.mark.parametrize(
    ("error", "status"), [(ArithmeticError, "failed"), (KeyboardInterrupt, "interrupted"), (None, "diverged")]
)
def test_a_run_that_ends_badly_says_how(tmp_path: Path, error: type[BaseException] | None, status: str) -> None:
    class Ending(ToyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            if self.step == 8 and error is not None:
                raise error("here")
            return super().compute_loss(batch) * (float("inf") if self.step == 8 else 1.0)

    with pytest.raises(error or RuntimeError):
        Ending.from_config(settings(tmp_path)).train()
    (run,) = (tmp_path / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == status and manifest["error"] and len(read_history(run)) == 1
    assert (run / "plots" / "loss.png").is_file()


def test_a_dry_run_takes_real_steps_and_leaves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Elsewhere(ToyTrainer):
        def on_train_end(self) -> None:
            self.saved = self.save_weights(tmp_path / "weights")
            assert self.saved.is_file()

    trainer = Elsewhere.from_config(settings(tmp_path, checkpoint_every_n_steps=3), dry_run_steps=10)
    before = weights(trainer)
    with caplog.at_level(logging.INFO, logger="trainergen"):
        trainer.train()
    assert trainer.step == 10 and not equal_bits(before, weights(trainer))
    assert not any(tmp_path.iterdir()) and not trainer.saved.exists()
    assert "dry run: 10 steps" in caplog.text


def test_a_save_is_whole_or_does_not_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pt"
    atomic.write_tensors(path, {"w": torch.ones(100_000)})
    before = read_tree(tmp_path)
    with pytest.raises(CheckpointError, match="can't be loaded safely"):
        atomic.write_tensors(path, {"w": Unsafe()})
    assert read_tree(tmp_path) == before

    real_write = atomic._HashingWriter.write

    def full(self: Any, data: bytes) -> int:
        if len(data) > 50_000:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real_write(self, data)

    monkeypatch.setattr(atomic._HashingWriter, "write", full)
    with pytest.raises((OSError, RuntimeError)):
        atomic.write_tensors(path, {"w": torch.zeros(100_000)})
    assert read_tree(tmp_path) == before

    def lossy(self: Any, data: bytes) -> int:  # a disk that loses what it was given
        self.digest.update(data)
        return self._file.write(bytes(len(data)))

    monkeypatch.setattr(atomic._HashingWriter, "write", lossy)
    with pytest.raises(CheckpointError, match="other bytes than were written"):
        atomic.write_tensors(path, {"w": torch.zeros(100_000)})
    assert read_tree(tmp_path) == before


class Unsafe:
    """A class that weights_only loading refuses."""


def test_history_survives_a_cut_line_and_numbers_json_lacks(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append_record(path, {"epoch": 1, "train": {"loss": 1.0, "auc": float("nan")}})
    with path.open("a") as file:
        file.write('{"epoch": 2, "tra')
    assert read_history(tmp_path) == [{"epoch": 1, "train": {"loss": 1.0, "auc": None}}]


@pytest.mark.slow
def test_replot(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path))
    trainer.train()
    run = trainer.run_directory
    assert run is not None
    (run / "plots" / "loss.png").unlink()
    path = Trainer.replot_metric(run / "history.jsonl")
    assert path == run / "plots" / "loss.png" and path.read_bytes().startswith(b"\x89PNG")
    other = ToyTrainer.replot_metric(run, "validation.accuracy", output_path=tmp_path / "a" / "b.png")
    assert other.is_file()
    with pytest.raises(KeyError, match="no record has the metric 'los'; there are: loss"):
        ToyTrainer.replot_metric(run, "los")
    curves = plots.series(trainer.history, "loss")
    assert curves["validation"] == ([1, 2, 3], [record["validation"]["loss"] for record in trainer.history])


def test_plots_show_the_history_as_it_is_linear_logarithmic_and_smoothed(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=8, validation_interval_epochs=2))
    trainer.train()
    raw = [json.loads(line) for line in (trainer.recorder.open() / "history.jsonl").read_text().splitlines()]
    names = plots.metric_names(trainer.history)
    assert names == ["loss", "accuracy", "gradient_norm", "f1", "learning_rate"]
    for name in names:
        expected: dict[str, tuple[list[float], list[float]]] = {}
        for label in ("train", "validation") if name != "learning_rate" else ("learning rate",):
            pairs = [
                (record["epoch"], record["learning_rate"] if label == "learning rate" else record[label][name])
                for record in raw
                if label == "learning rate" or name in (record[label] or {})
            ]
            if pairs:
                values = [value for _, value in pairs]
                smooth = [
                    sum(values[max(0, at - 4) : at + 1]) / len(values[max(0, at - 4) : at + 1])
                    for at in range(len(values))
                ]
                expected[label] = ([epoch for epoch, _ in pairs], values)
                expected[f"{label}, mean of 5"] = ([epoch for epoch, _ in pairs], smooth)
        linear, logarithmic = plots.draw_metric(trainer.history, name).axes
        assert (linear.get_yscale(), logarithmic.get_yscale()) == ("linear", "log")
        for axes in (linear, logarithmic):
            drawn = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}
            assert drawn.keys() == expected.keys()
            for label, (epochs, values) in expected.items():
                assert drawn[label][0] == epochs and drawn[label][1] == pytest.approx(values, rel=1e-12)
    assert plots.rolling_mean([1.0, math.nan, 3.0], 2) == [1.0, 1.0, 3.0]


def test_without_matplotlib_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plots._warn_once.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for number in range(2):
        ToyTrainer.from_config(settings(tmp_path / str(number), num_epochs=1)).train()
    assert caplog.text.count("matplotlib is not installed") == 1
    assert not list(tmp_path.rglob("plots"))


@pytest.mark.parametrize(
    ("name", "snake"),
    [("SimilarityModel", "similarity_model"), ("MLPClassifier", "mlp_classifier"), ("LSTM2", "lstm2"), ("A", "a")],
)
def test_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake
