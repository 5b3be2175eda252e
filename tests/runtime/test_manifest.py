"""The manifest: enough to have a run's loss curve again; code, data, machine, lineage, cost, baseline."""

from __future__ import annotations

import json
import os
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from tests.building import write_tree
from tests.forking import run_script
from tests.runtime.toys import ToyConfig, ToyTrainer, quadrants, settings
from trainergen.runtime import Callback, SettingError
from trainergen.runtime.data_facts import describe_data
from trainergen.runtime.history import CIRCUMSTANCES, append_record, read_history
from trainergen.runtime.provenance import git_state, installed_packages


def manifest_of(trainer: ToyTrainer) -> dict[str, Any]:
    assert trainer.run_directory is not None
    found: dict[str, Any] = json.loads((trainer.run_directory / "manifest.json").read_text())
    return found


def trained(directory: Path, **changes: Any) -> ToyTrainer:
    trainer = ToyTrainer.from_config(settings(directory, **changes))
    trainer.train()
    return trainer


def curve(trainer: ToyTrainer) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key not in CIRCUMSTANCES} for record in trainer.history]


# ---------------------------------------------------------------------------------------------- again


def test_the_manifest_alone_gives_the_loss_curve_again(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"seed": 7, "dropout": 0.4, "learning_rate": 0.0123456789, "accumulation_steps": 2}
    trainer = trained(tmp_path / "first", **changes, trackers=("csv",), baseline_run=tmp_path)
    told = manifest_of(trainer)
    torch.rand(5)
    config = ToyConfig.from_plain(told["config"])
    assert config == trainer.config and torch.get_num_threads() == told["environment"]["threads"]
    again = ToyTrainer.from_config(config)
    again.train()
    assert [record["train"]["loss"].hex() for record in again.history] == [
        record["train"]["loss"].hex() for record in trainer.history
    ]
    assert curve(again) == curve(trainer)
    assert manifest_of(again)["run_id"] != told["run_id"]


def test_settings_that_a_class_lacks_are_refused() -> None:
    plain = ToyConfig().as_plain()
    with pytest.raises(SettingError, match=r"learning_rat is no setting of ToyConfig; did you mean learning_rate\?"):
        ToyConfig.from_plain(plain | {"learning_rat": 1.0})
    with pytest.raises(SettingError, match="SECTION is no setting"):
        ToyConfig.from_plain(plain | {"SECTION": "x"})
    assert ToyConfig.from_plain(plain | {"learning_rate": 1}).learning_rate == 1.0


# ---------------------------------------------------------------------------------------------- what it says


def test_throughput_hours_and_cost(tmp_path: Path) -> None:
    trainer = trained(tmp_path, device_hour_price=3600.0)
    told = manifest_of(trainer)
    rate = told["throughput"]
    assert rate["samples_per_second"] == pytest.approx(rate["batches_per_second"] * 90 / 6)
    assert rate["steps_per_second"] == rate["batches_per_second"] and rate["tokens_per_second"] is None
    assert told["device_hours"] == pytest.approx(told["seconds"] / 3600) and told["gpu_hours"] == 0.0
    assert told["cost"] == pytest.approx(told["seconds"])
    assert manifest_of(trained(tmp_path / "b"))["cost"] is None


def test_a_trainer_that_counts_tokens(tmp_path: Path) -> None:
    class Tokens(ToyTrainer):
        def _batch_weight(self, batch: Any) -> int:
            return 100

    trainer = Tokens.from_config(settings(tmp_path))
    trainer.train()
    rate = manifest_of(trainer)["throughput"]
    assert rate["tokens_per_second"] == pytest.approx(100 * rate["batches_per_second"])
    assert rate["samples_per_second"] == pytest.approx(16 * rate["batches_per_second"])  # the loader's batch_size


def test_versions_and_machine(tmp_path: Path) -> None:
    told = manifest_of(trained(tmp_path, num_epochs=1))["environment"]
    assert told["torch"] == torch.__version__ and told["packages"]["pytest"] == metadata.version("pytest")
    assert told["processors"] == os.cpu_count() and told["memory_bytes"] > 1 << 28
    assert told["driver"] is None and told["devices"] == 0  # on the CPU
    normalised = {name.replace("_", "-").lower() for name in installed_packages()}
    assert {"torch", "click", "jinja2"} <= normalised


def test_a_resumed_run_tells_its_sessions(tmp_path: Path) -> None:
    class Breaking(Callback):
        def on_step_end(self, trainer: Any, loss: torch.Tensor) -> None:
            if trainer.step == 11:
                raise OSError("the machine is gone")

    config = settings(tmp_path, checkpoint_every_n_steps=4)
    broken = ToyTrainer.from_config(config, callbacks=[Breaking()])
    with pytest.raises(OSError, match="gone"):
        broken.train()
    first = manifest_of(broken)
    assert first["status"] == "failed" and first["error"] == "OSError: the machine is gone"
    resumed = ToyTrainer.from_config(settings(tmp_path, learning_rate=0.02), resume="auto")
    resumed.train()
    told = manifest_of(resumed)
    assert (told["run_id"], told["started_at"]) == (first["run_id"], first["started_at"])
    assert (told["status"], told["error"], told["config"]["learning_rate"]) == ("finished", None, 0.02)
    assert told["resumed_from"] == ["checkpoints/step-00000008.pt"]
    steps = [(each["resumed_from"], each["first_step"], each["last_step"]) for each in told["sessions"]]
    assert steps == [(None, 1, 11), ("checkpoints/step-00000008.pt", 9, 18)]
    assert told["seconds"] > first["seconds"]
    assert [record["epoch"] for record in read_history(resumed.run_directory or tmp_path)] == [1, 2, 3]
    # From an old checkpoint a new run begins, and says whose child it is.
    child = ToyTrainer.from_config(config)
    assert resumed.run_directory is not None
    oldest = min((resumed.run_directory / "checkpoints").glob("step-*.pt"))
    child.resume(oldest)
    child.train()
    parent = manifest_of(child)["parent"]
    assert parent == {"run_id": told["run_id"], "run_name": told["run_name"], "checkpoint": oldest.name}
    assert told["parent"] is None


def test_a_baseline_is_compared_with(tmp_path: Path) -> None:
    baseline = trained(tmp_path / "a", learning_rate=0.0001)
    assert baseline.run_directory is not None
    better = trained(tmp_path / "b", baseline_run=baseline.run_directory)
    told = manifest_of(better)["baseline"]
    assert told["run_id"] == manifest_of(baseline)["run_id"] and told["monitor"] == "validation.loss"
    assert told["baseline"] == min(record["validation"]["loss"] for record in baseline.history)
    assert told["value"] == better.early_stopping.best
    assert told["difference"] == told["value"] - told["baseline"] < 0 and told["better"] is True
    by_accuracy = {"scheduler_monitor": "validation.accuracy", "scheduler_mode": "max", "learning_rate": 0.00001}
    worse = manifest_of(trained(tmp_path / "c", baseline_run=better.run_directory, **by_accuracy))["baseline"]
    assert worse["baseline"] == max(record["validation"]["accuracy"] for record in better.history)
    assert worse["difference"] < 0 and worse["better"] is False
    missing = manifest_of(trained(tmp_path / "d", num_epochs=1, baseline_run=tmp_path / "none"))
    assert missing["status"] == "finished" and missing["baseline"]["better"] is None
    assert "No such file" in missing["baseline"]["problem"]


# ---------------------------------------------------------------------------------------------- code


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.com"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write_tree(tmp_path, {"code/model.py": "x = 1\n", "code/.gitignore": "saved\n"})
    folder = tmp_path / "code"
    git(folder, "init", "-q", "-b", "work")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_code_is_told_by_commit_and_by_a_hash_of_what_differs(checkout: Path) -> None:
    clean = git_state(checkout)
    assert clean == {"commit": git(checkout, "rev-parse", "HEAD"), "branch": "work", "dirty_diff": None, "untracked": 0}
    seen = set()
    for change in ({"model.py": "x = 2\n"}, {"new.py": "y = 1\n"}, {"new.py": "y = 2\n"}):
        write_tree(checkout, change)
        state = git_state(checkout / ".")
        assert state is not None and state == git_state(checkout)
        seen.add(state["dirty_diff"])
    assert len(seen) == 3 and None not in seen  # an untracked file's content counts
    write_tree(checkout, {"saved/big.bin": "ignored"})
    assert git_state(checkout) == state
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "second")
    again = git_state(checkout)
    assert again is not None and again["dirty_diff"] is None and again["commit"] != clean["commit"]


def test_nothing_of_the_repository_is_run_or_changed(checkout: Path, tmp_path: Path) -> None:
    write_tree(tmp_path, {"evil": f"#!/bin/sh\ntouch {tmp_path}/ran\n", "code/model.py": "x = 3\n"})
    (tmp_path / "evil").chmod(0o755)
    for key in ("core.fsmonitor", "diff.external"):
        git(checkout, "config", key, str(tmp_path / "evil"))
    index = (checkout / ".git" / "index").stat().st_mtime_ns
    assert git_state(checkout) is not None
    assert not (tmp_path / "ran").exists()
    assert (checkout / ".git" / "index").stat().st_mtime_ns == index


def test_without_git_without_a_repository_and_with_a_slow_one(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, {"plain/x.py": "", "slow/git": "#!/bin/sh\nexec sleep 600\n"})
    (tmp_path / "slow" / "git").chmod(0o755)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert git_state(tmp_path / "plain") is None
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{tmp_path / 'slow'}:{path}")
    assert git_state(checkout, seconds=0.2) is None  # and this test ends before ten minutes
    monkeypatch.setenv("PATH", str(tmp_path / "plain"))
    assert git_state(checkout) is None
    told = manifest_of(trained(tmp_path / "out", num_epochs=1))
    assert told["git"] is None and told["status"] == "finished"


@pytest.mark.slow
def test_the_trainers_own_checkout_is_asked(checkout: Path, tmp_path: Path) -> None:
    write_tree(
        checkout,
        {"own_trainer.py": f"""
                import sys
                from pathlib import Path
                from tests.runtime.toys import ToyTrainer, settings
                class Own(ToyTrainer): ...
                Own.from_config(settings(Path({str(tmp_path / "out")!r}), num_epochs=1)).train()
            """},
    )
    done = run_script(tmp_path, str(checkout / "own_trainer.py"))
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("runs/*/manifest.json")
    told = json.loads(path.read_text())
    assert told["git"]["commit"] == git(checkout, "rev-parse", "HEAD") and told["git"]["dirty_diff"] is not None
    assert told["sessions"][0]["commit"] == told["git"]["commit"]


# ---------------------------------------------------------------------------------------------- data


class Named(Dataset[int]):
    name, version = "squares", 3

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> int:
        raise AssertionError("no sample is taken to describe the data")


def test_data_is_described_without_taking_a_sample() -> None:
    assert describe_data(None) is None
    assert describe_data(DataLoader(Named(), batch_size=5)) == {
        "name": "squares", "version": "3", "samples": 12, "batches": 3, "checksum": None,
    }  # fmt: skip
    assert describe_data([1, 2]) == {
        "name": "list", "version": None, "samples": None, "batches": 2, "checksum": None,
    }  # fmt: skip


def test_equal_data_has_the_same_checksum_and_other_data_another() -> None:
    def checksum(data: Dataset[Any]) -> str:
        found = describe_data(DataLoader(data))
        assert found is not None and found["checksum"].startswith("sha256:")
        return str(found["checksum"])

    whole = quadrants(20)
    assert checksum(whole) == checksum(quadrants(20)) == checksum(TensorDataset(*whole.tensors))
    one_bit = TensorDataset(whole.tensors[0].clone(), whole.tensors[1])
    one_bit.tensors[0][3, 1] = torch.nextafter(one_bit.tensors[0][3, 1], torch.tensor(9.0))
    turned = TensorDataset(whole.tensors[0].t().contiguous().t(), whole.tensors[1])  # equal values, another layout
    assert checksum(turned) == checksum(whole)
    others = {
        checksum(one_bit),
        checksum(Subset(whole, range(10))),
        checksum(Subset(whole, range(9, -1, -1))),
        checksum(ConcatDataset([whole, quadrants(4)])),
        checksum(TensorDataset(whole.tensors[0].bfloat16(), whole.tensors[1])),
        checksum(whole),
    }
    assert len(others) == 6


# ---------------------------------------------------------------------------------------------- history and plots


def test_a_history_cut_at_any_byte_is_the_records_before(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    records = [{"epoch": number, "train": {"loss": 1 / number, "name": "größer"}} for number in (1, 2, 3)]
    ends = []
    for record in records:
        append_record(path, record)
        ends.append(path.stat().st_size)
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        assert read_history(path) == records[: sum(end <= cut for end in ends)]
