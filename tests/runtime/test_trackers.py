"""Trackers: what they record, bit for bit; a resumed run; one that fails; what is refused before the first step."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import struct
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.runtime.toys import ToyTrainer, equal_bits, settings, weights
from trainergen.runtime import Callback, SettingError
from trainergen.runtime.history import read_history
from trainergen.runtime.trackers import known_trackers

LOCAL = ("csv", "jsonl", "tensorboard")


class Breaking(Callback):
    """Ends the process's training in the middle of an epoch, as a crash would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, trainer: Any, loss: torch.Tensor) -> None:
        if trainer.step == self.step:
            raise OSError("the machine is gone")


def trained(directory: Path, callbacks: tuple[Callback, ...] = (), **changes: Any) -> ToyTrainer:
    trainer = ToyTrainer.from_config(settings(directory, **changes), callbacks=callbacks)
    trainer.train()
    return trainer


def folder_of(trainer: ToyTrainer) -> Path:
    assert trainer.run_directory is not None
    return trainer.run_directory


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def table_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


# ------------------------------------------------------------- an event file, read by hand, by the published format


def fields(data: bytes) -> list[tuple[int, Any]]:
    """(number, value) of a protobuf message, one level deep."""
    found, position = [], 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            found.append((key >> 3, varint()))
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        found.append((key >> 3, data[position : position + size]))
        position += size
    return found


def crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial says."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def events(folder: Path) -> list[dict[str, Any]]:
    """Every event of all files, in order; frames are checked."""
    found = []
    for path in sorted((folder / "tensorboard").iterdir()):
        data, position = path.read_bytes(), 0
        while position < len(data):
            (size,) = struct.unpack_from("<Q", data, position)
            parts = [data[position : position + 8], data[position + 12 : position + 12 + size]]
            stored = struct.unpack_from("<I", data, position + 8) + struct.unpack_from("<I", data, position + 12 + size)
            for part, checksum in zip(parts, stored, strict=True):
                crc = crc32c(part)
                assert checksum == ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF
            event = dict(fields(parts[1]))
            scalars = {}
            for number, value in fields(event.get(5, b"")):
                entry = dict(fields(value))
                if 2 in entry:
                    scalars[entry[1].decode()] = struct.unpack("<f", entry[2])[0]
                assert number == 1
            found.append({"step": event.get(2, 0), "scalars": scalars, "restarts": 7 in event, "event": event})
            position += size + 16
    return found


def test_what_local_trackers_record_is_the_history(tmp_path: Path) -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    trainer = trained(tmp_path, trackers=LOCAL, log_every_n_steps=4)
    folder = folder_of(trainer)
    rows = lines_of(folder)
    steps = [row for row in rows if "step/loss" in row]
    epochs = [row for row in rows if "epoch" in row]
    assert [row["step"] for row in steps] == [4, 8, 12, 16]
    assert [row["step"] for row in epochs] == [6, 12, 18]
    for row, record in zip(epochs, trainer.history, strict=True):
        for phase in ("train", "validation"):
            assert {name: row[f"{phase}/{name}"] for name in record[phase]} == record[phase]
        assert (row["epoch"], row["learning_rate"]) == (record["epoch"], record["learning_rate"])
        assert row["samples_per_second"] > 0
    assert table_of(folder) == rows  # every digit
    recorded = [event for event in events(folder) if event["scalars"]]
    assert len(recorded) == len(rows)
    for event, row in zip(recorded, rows, strict=True):
        assert event["step"] == row.pop("step")
        assert event["scalars"] == {name: struct.unpack("<f", struct.pack("<f", row[name]))[0] for name in row}


def test_the_event_file_says_what_it_is(tmp_path: Path) -> None:
    folder = folder_of(trained(tmp_path, trackers=("tensorboard",), num_epochs=1))
    first, second = events(folder)[:2]
    assert first["event"][3] == b"brain.Event:2" and not first["restarts"]
    value = dict(fields(dict(fields(second["event"][5]))[1]))
    assert value[1] == b"config/text_summary"
    assert b"learning_rate = 0.01" in dict(fields(value[8]))[8]
    assert dict(fields(dict(fields(value[9]))[1]))[1] == b"text"


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_reads_it(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = trained(tmp_path, trackers=("tensorboard",))
    read = EventAccumulator(str(folder_of(trainer) / "tensorboard"))
    read.Reload()
    values = [(scalar.step, scalar.value) for scalar in read.Scalars("validation/loss")]
    assert values == [(each["step"], pytest.approx(each["validation"]["loss"])) for each in trainer.history]


def test_a_run_is_the_same_with_trackers_and_without(tmp_path: Path) -> None:
    names = tuple(name for name in known_trackers() if name in LOCAL)
    without = trained(tmp_path / "a")
    tracked = trained(tmp_path / "b", trackers=names, log_every_n_steps=1)
    assert equal_bits(weights(without), weights(tracked))


def test_a_resumed_run_records_each_step_once(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"trackers": LOCAL, "log_every_n_steps": 1, "checkpoint_every_n_steps": 4}
    whole = trained(tmp_path / "whole", **changes)
    broken = ToyTrainer.from_config(settings(tmp_path / "broken", **changes), callbacks=[Breaking(11)])
    with pytest.raises(OSError, match="gone"):
        broken.train()
    folder = folder_of(broken)
    assert max(row["step"] for row in lines_of(folder)) == 10  # what comes after the checkpoint of step 8 is dropped
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "step/l')  # a kill cuts a line, and a row
    with (folder / "metrics.csv").open("a") as file:
        file.write("11,0.")
    resumed = ToyTrainer.from_config(settings(tmp_path / "broken", **changes), resume="auto")
    resumed.train()
    assert resumed.run_directory == folder
    kept = ("step", "step/loss", "train/loss", "validation/loss", "epoch")
    expected = [{name: row[name] for name in kept if name in row} for row in lines_of(folder_of(whole))]
    assert [{name: row[name] for name in kept if name in row} for row in lines_of(folder)] == expected
    assert [{name: row[name] for name in kept if name in row} for row in table_of(folder)] == expected
    (again,) = [event for event in events(folder) if event["restarts"]]
    assert again["step"] == 9  # TensorBoard hides what was recorded from there on before


def test_an_epoch_that_ends_on_a_checkpointed_step_is_recorded_once(tmp_path: Path) -> None:
    class AtTheEnd(Callback):
        def on_epoch_end(self, trainer: Any, record: dict[str, Any]) -> None:
            if record["epoch"] == 2:
                raise OSError("between the record and its checkpoint")

    changes: dict[str, Any] = {"trackers": ("jsonl",), "checkpoint_every_n_steps": 6}
    trainer = ToyTrainer.from_config(settings(tmp_path, **changes))
    trainer.callbacks.append(AtTheEnd())
    with pytest.raises(OSError, match="between"):
        trainer.train()
    assert [row["epoch"] for row in lines_of(folder_of(trainer))] == [1, 2]
    ToyTrainer.from_config(settings(tmp_path, **changes), resume="auto").train()
    assert [row["epoch"] for row in lines_of(folder_of(trainer))] == [1, 2, 3]


def test_a_tracker_that_fails_is_warned_of_once_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Destroying(Callback):
        def on_epoch_start(self, trainer: Any) -> None:
            if trainer.epoch == 1:
                path = trainer.run_directory / "metrics.csv"
                path.unlink()
                path.mkdir()

    (tmp_path / "run" / "metrics.jsonl").mkdir(parents=True)  # fails when it begins; the other one in the middle
    config = settings(tmp_path, trackers=("csv", "jsonl"), num_epochs=4, log_every_n_steps=1)
    trainer = ToyTrainer.from_config(config, run_directory=tmp_path / "run", callbacks=[Destroying()])
    trainer.train()
    assert len(trainer.history) == 4 and len(read_history(tmp_path / "run")) == 4
    failures = [record.getMessage() for record in caplog.records if "tracker" in record.getMessage()]
    assert [message.split(" failed")[0] for message in failures] == ["the tracker jsonl", "the tracker csv"]
    assert equal_bits(weights(trainer), weights(trained(tmp_path / "other", num_epochs=4)))


def test_a_dry_run_and_a_failed_run(tmp_path: Path) -> None:
    config = settings(tmp_path, trackers=LOCAL)
    ToyTrainer.from_config(config, dry_run_steps=3).train()
    assert not any(tmp_path.iterdir())
    broken = ToyTrainer.from_config(config, callbacks=[Breaking(8)])
    with pytest.raises(OSError, match="gone"):
        broken.train()
    assert [row["epoch"] for row in lines_of(folder_of(broken))] == [1]


def test_what_can_not_be_recorded_is_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match=r"trackers has no 'tensorbord'; did you mean tensorboard\?"):
        settings(tmp_path, trackers=("csv", "tensorbord"))
    with pytest.raises(SettingError, match="trackers names one twice"):
        settings(tmp_path, trackers=("csv", "csv"))
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SettingError, match=r"has wandb, which needs wandb, not installed here: pip install wandb"):
        ToyTrainer.from_config(settings(tmp_path, trackers=("csv", "wandb")))
    assert not any(tmp_path.iterdir())


def test_numbers_that_json_lacks(tmp_path: Path) -> None:
    class Odd(ToyTrainer):
        def _collect_epoch_metrics(self) -> dict[str, float]:
            return {"undefined": math.nan, "huge": math.inf, "large": 1e300}

    trainer = Odd.from_config(settings(tmp_path, trackers=LOCAL, num_epochs=1))
    trainer.train()
    (row,) = lines_of(folder_of(trainer))
    assert (row["train/undefined"], row["train/huge"], row["train/large"]) == (None, None, 1e300)
    (row,) = table_of(folder_of(trainer))
    assert math.isnan(row["train/undefined"]) and row["train/huge"] == math.inf and row["train/large"] == 1e300
    scalars = events(folder_of(trainer))[-1]["scalars"]
    assert math.isnan(scalars["train/undefined"]) and scalars["train/large"] == math.inf


# ------------------------------------------------------------- trackers of others


def leveldb_log(data: bytes) -> list[bytes]:
    """The records of a .wandb file: LevelDB's log format after a header of 7 bytes."""
    found, position, begun = [], 7, b""
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        size, kind = struct.unpack_from("<HB", data, position + 4)
        part = data[position + 7 : position + 7 + size]
        position += 7 + size
        begun = part if kind in (1, 2) else begun + part
        if kind in (1, 4):
            found.append(begun)
    return found


def test_wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    trainer = trained(tmp_path, trackers=("wandb",), log_every_n_steps=4)
    (path,) = folder_of(trainer).glob("wandb/offline-run-*/*.wandb")
    logged: dict[int, dict[str, Any]] = {}
    ended = None
    deadline = time.monotonic() + 60  # its own process writes the end of the file
    while ended is None and time.monotonic() < deadline:
        for data in leveldb_log(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "history":
                row = {"/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
                logged.setdefault(record.history.step.num, {}).update(row)
            ended = record.exit.exit_code if kind == "exit" else None
    assert ended == 0
    manifest = json.loads((folder_of(trainer) / "manifest.json").read_text())
    assert path.name == f"run-{manifest['run_id']}.wandb"
    for each in trainer.history:
        assert logged[each["step"]]["validation/loss"] == each["validation"]["loss"]
    assert "step/loss" in logged[4]
    assert equal_bits(weights(trainer), weights(trained(tmp_path / "without")))


def test_mlflow_in_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package)
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    changes: dict[str, Any] = {"trackers": ("mlflow",), "log_every_n_steps": 1, "checkpoint_every_n_steps": 4}
    broken = ToyTrainer.from_config(settings(tmp_path / "out", **changes), callbacks=[Breaking(11)])
    with pytest.raises(OSError, match="gone"):
        broken.train()
    resumed = ToyTrainer.from_config(settings(tmp_path / "out", **changes), resume="auto")
    resumed.train()
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'out' / 'runs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ToyTrainer")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["learning_rate"] == "0.01"
    for metric, expected in (
        ("step/loss", list(range(1, 19))),
        ("validation/loss", [record["step"] for record in resumed.history]),
    ):
        assert [each.step for each in client.get_metric_history(run.info.run_id, metric)] == expected
    values = [each.value for each in client.get_metric_history(run.info.run_id, "validation/loss")]
    assert values == [record["validation"]["loss"] for record in resumed.history]
    assert equal_bits(weights(resumed), weights(trained(tmp_path / "without")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "without"]  # nothing into the working folder
