"""What is kept, what is refused and what is said of a checkpoint: rotation, damage, other data, a disk that refuses."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import CheckpointCorrupt, CheckpointError
from trainergen.runtime.atomic import read_tensors, write_tensors
from trainergen.runtime.checkpoints import LIST, CheckpointStore, checksums, load_state, shards_of


class Stopping(ToyTrainer):
    """Fails at a step, as the user's code may."""

    stop_at: int | None = None

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.step == self.stop_at and self.model.training:
            raise ArithmeticError
        return super().compute_loss(batch)


def stopped(folder: Path, at: int, **changes: Any) -> Path:
    """The folder of a run that failed at a step."""
    trainer = Stopping.from_config(settings(folder, **changes), resume="auto")
    trainer.stop_at = at
    with pytest.raises(ArithmeticError):
        trainer.train()
    return trainer.recorder.open()


# ---------------------------------------------------------------------------------------------- rotation


def test_the_best_the_latest_and_what_was_resumed_from_are_never_rotated_away(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"num_epochs": 4, "keep_last_checkpoints": 2, "checkpoint_every_n_steps": 1}
    run = stopped(tmp_path, 9, **changes)
    seen: list[list[str]] = []

    class Looking(Stopping):
        def on_epoch_start(self) -> None:
            store = CheckpointStore(run / "checkpoints", None)
            seen.append([path.name for path in store.resumable()])
            assert not self.epoch or (run / "checkpoints" / "best.pt").is_file()

    Looking.__name__ = "Stopping"
    resumed = Looking.from_config(settings(tmp_path, **changes), resume="auto")
    resumed.train()
    assert resumed.run_directory == run
    source = "step-00000009.pt"
    assert seen[0] == ["step-00000008.pt", source]
    assert seen[1:] == [[source, f"step-{step - 1:08d}.pt", f"step-{step:08d}.pt"] for step in (12, 18)]
    (again,) = [Stopping.from_config(settings(tmp_path, **changes), resume=run)]
    assert again.step == 24


def test_the_newest_is_the_one_of_the_highest_step(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep_last=2)
    state = {"parts": {}, "format": 1}
    for step in (99_999_998, 99_999_999, 100_000_000):
        store.save_state(step, state | {"step": step})
    (tmp_path / "step-of-mine.pt").write_bytes(b"")
    assert [path.stem for path in store.resumable()] == ["step-99999999", "step-100000000"]
    assert store.load_newest()[1]["step"] == 100_000_000


def save_parts(store: CheckpointStore, step: int, content: bytes) -> Path:
    """A checkpoint of a divided model whose one rank has `content`."""
    folder = store.prepare_shards(step)
    (folder / "__0_0.distcp").write_bytes(content)
    (folder / LIST).write_bytes(b"list")
    sharded = {"folder": folder.name, "files": checksums(folder, 0)}
    store.save_state(step, {"parts": {}, "format": 1, "step": step, "sharded": sharded})
    return folder


def test_a_step_that_is_saved_again_can_be_resumed_from_all_the_while(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep_last=1)
    first = save_parts(store, 5, b"first")
    half = store.prepare_shards(5)  # and killed here
    assert half != first and store.load_newest()[1]["sharded"]["folder"] == first.name
    store.clean()
    assert list(tmp_path.glob("*.shards")) == [first]
    second = save_parts(store, 5, b"second")
    assert list(tmp_path.glob("*.shards")) == [second] and store.load_newest()[1]["sharded"]["folder"] == second.name
    last = save_parts(store, 7, b"third")
    assert list(tmp_path.glob("*.shards")) == [last]
    store.prepare_shards(8)  # and killed here
    half = store.prepare_shards(8)  # or refused, and tried again
    assert set(tmp_path.glob("*.shards")) == {last, half}
    store.clean()
    assert list(tmp_path.glob("*.shards")) == [last]


def test_what_was_killed_in_its_first_divided_save_leaves_nothing_of_it(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "begun"
    store = CheckpointStore(run / "checkpoints", keep_last=None)
    (store.prepare_shards(2) / "__0_0.distcp").write_bytes(b"half")
    manifest = {"trainer": "ToyTrainer", "status": "running", "started_at": "2026"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert not ToyTrainer.from_config(settings(tmp_path)).resume("auto")
    assert not list(store.directory.iterdir())


# ---------------------------------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "__0_0.distcp").write_bytes(b"secons"), "the checksum of .*__0_0.distcp"),
        (lambda folder: (folder / "__0_0.distcp").write_bytes(b"sec"), "the checksum of .*__0_0.distcp"),
        (lambda folder: (folder / "__0_0.distcp").unlink(), "__0_0.distcp: No such file"),
        (lambda folder: (folder / LIST).write_bytes(b"tsil"), "the checksum of .*.metadata"),
        (lambda folder: (folder / LIST).unlink(), "the parts of the model in .* are missing"),
    ],
)
def test_a_damaged_part_of_a_model_is_passed_over(tmp_path: Path, damage: Callable[[Path], object], said: str) -> None:
    store = CheckpointStore(tmp_path, keep_last=None)
    save_parts(store, 1, b"first")
    damage(save_parts(store, 2, b"second"))
    with pytest.raises(CheckpointCorrupt, match=said):
        load_state(tmp_path / "step-00000002.pt")
    assert store.load_newest()[1]["step"] == 1


def test_parts_that_an_earlier_version_wrote_are_read(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep_last=None)
    folder = save_parts(store, 1, b"first")
    store.save_state(1, {"parts": {}, "format": 1, "sharded": True})
    path, state = store.load_newest()
    assert shards_of(path, state) == folder


@pytest.mark.parametrize("seed", range(3))
def test_no_flipped_bit_is_taken_for_a_weight(tmp_path: Path, seed: int) -> None:
    path, generator = tmp_path / "state.pt", torch.Generator().manual_seed(seed)
    state = {"weights": torch.randn(500, generator=generator), "step": 7}
    write_tensors(path, state)
    whole = path.read_bytes()
    refused = 0
    for _ in range(60):
        place, bit = (int(torch.randint(0, limit, (), generator=generator)) for limit in (len(whole), 8))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        try:
            found = read_tensors(path)
        except CheckpointCorrupt as problem:
            assert problem.details == {"file": str(path)}
            refused += 1
        else:  # it fell between the parts, where nothing is
            assert torch.equal(found["weights"], state["weights"]) and found["step"] == 7
    assert refused > 30


def test_a_run_with_no_checkpoint_left_is_begun_anew_without_a_question(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = stopped(tmp_path / "broken", 13)
    for path in CheckpointStore(run / "checkpoints", None).resumable():
        path.write_bytes(path.read_bytes()[:-100])
    anew = Stopping.from_config(settings(tmp_path / "broken"), resume="auto")
    assert anew.step == 0 and "this run is passed over" in caplog.text
    anew.train()
    assert anew.run_directory != run
    whole = Stopping.from_config(settings(tmp_path / "whole"))
    whole.train()
    assert equal_bits(weights(anew), weights(whole))


def test_what_a_kill_left_half_written_goes_with_the_next_session(tmp_path: Path) -> None:
    run = stopped(tmp_path, 7)
    left = [run / ".manifest.json.1.tmp", run / "checkpoints" / ".step-00000012.pt.1.tmp"]
    unbegun = tmp_path / "runs" / "unbegun"
    (unbegun / "checkpoints").mkdir(parents=True)
    (unbegun / "manifest.json").write_text((run / "manifest.json").read_text())
    left.append(unbegun / "checkpoints" / ".step-00000006.pt.1.tmp")
    for path in left:
        path.write_bytes(b"half")
    resumed = Stopping.from_config(settings(tmp_path), resume="auto")
    assert resumed.step == 6
    resumed.train()
    assert not list(tmp_path.rglob(".*.tmp"))


# ---------------------------------------------------------------------------------------------- a disk that refuses


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel takes no more of any file than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_is_cut_short_is_the_disks_error_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    write_tensors(path, {"weights": torch.ones(10_000)})
    with pytest.raises(OSError, match="File too large") as refusal, largest_file(20_000):
        write_tensors(path, {"weights": torch.zeros(10_000)})
    assert refusal.value.errno == errno.EFBIG
    assert [each.name for each in tmp_path.iterdir()] == ["state.pt"]
    assert torch.equal(read_tensors(path)["weights"], torch.ones(10_000))


# ---------------------------------------------------------------------------------------------- other data


class Elsewhere(Stopping):
    """Trains on data that the test chooses."""

    data = quadrants(90)

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        return DataLoader(cls.data, config.batch_size, shuffle=True), None


def test_other_data_of_the_same_length_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Elsewhere.from_config(settings(tmp_path, num_epochs=1))
    trainer.train()
    assert trainer.run_directory is not None
    same = Elsewhere.from_config(settings(tmp_path, num_epochs=2), resume=trainer.run_directory)
    assert same.step == 6 and "other" not in caplog.text.replace("another", "")
    monkeypatch.setattr(Elsewhere, "data", quadrants(90, seed=5))
    Elsewhere.from_config(settings(tmp_path, num_epochs=2), resume=trainer.run_directory)
    assert "resumed on other train data: its checksum is sha256:" in caplog.text
    points, labels = quadrants(80).tensors
    monkeypatch.setattr(Elsewhere, "data", TensorDataset(points, labels))
    Elsewhere.from_config(settings(tmp_path, num_epochs=2, batch_size=8), resume=trainer.run_directory)
    assert "another learning_rate" not in caplog.text
    Elsewhere.from_config(settings(tmp_path, learning_rate=0.5), resume=trainer.run_directory)
    assert "another learning_rate: 0.5 instead of 0.01; optimizer and scheduler go on with what" in caplog.text
    for told in ("its samples is 80, not 90", "10 batches an epoch, not 6", "another batch_size: 8 instead of 16"):
        assert told in caplog.text


def test_a_loader_that_ends_before_the_checkpoint_is_an_error(tmp_path: Path) -> None:
    batches = [(torch.randn(16, 2), torch.randint(0, 4, (16,))) for _ in range(6)]

    class Streamed:
        """No length, as a stream has none."""

        def __init__(self, count: int) -> None:
            self.count = count

        def __iter__(self) -> Iterator[Batch]:
            return iter(batches[: self.count])

    first = Stopping.from_config(settings(tmp_path, checkpoint_every_n_steps=2), dataloader=Streamed(6))
    first.stop_at = 11
    with pytest.raises(ArithmeticError):
        first.train()
    resumed = Stopping.from_config(settings(tmp_path), dataloader=Streamed(3), resume="auto")
    assert resumed.step == 10
    with pytest.raises(CheckpointError, match="at batch 4 of epoch 2, but the loader gave 3: resume with the data"):
        resumed.train()


# ---------------------------------------------------------------------------------------------- the manifest alone


def test_the_manifest_tells_each_sessions_settings_and_so_gives_the_curve_again(tmp_path: Path) -> None:
    run = stopped(tmp_path / "first", 9, checkpoint_every_n_steps=3, gradient_clip_norm=0.5)
    first = Stopping.from_config(settings(tmp_path / "first", gradient_clip_norm=2.0), resume="auto")
    first.train()
    told = json.loads((run / "manifest.json").read_text())
    sessions = told["sessions"]
    assert [each["settings_before"] for each in sessions] == [
        {},
        {"checkpoint_every_n_steps": 3, "gradient_clip_norm": 0.5},
    ]
    elsewhere = {"model_save_directory": str(tmp_path / "again")}
    config = ToyConfig.from_plain(told["config"] | sessions[1]["settings_before"] | elsewhere)
    again = Stopping.from_config(config)
    again.stop_at = sessions[1]["first_step"] - 1
    with pytest.raises(ArithmeticError):
        again.train()
    config = ToyConfig.from_plain(told["config"] | elsewhere)
    again = Stopping.from_config(config, resume="auto")
    assert again.step == 9
    again.train()
    assert [record["train"]["loss"].hex() for record in again.history] == [
        record["train"]["loss"].hex() for record in first.history
    ]
