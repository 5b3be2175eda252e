"""Batches in their order after any interruption: loaders that know their place, workers, prefetching, waiting."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from tests.runtime.test_resume import Interrupted, NoisyTrainer, break_off, compare
from tests.runtime.toys import Batch, ToyConfig, ToyTrainer, equal_bits, quadrants, settings, weights
from trainergen.runtime import CheckpointError, Trainer, feeding
from trainergen.runtime.device import tensors_in
from trainergen.runtime.feeding import EpochFeed
from trainergen.runtime.history import read_history
from trainergen.runtime.prefetch import Prefetch
from trainergen.runtime.rank_data import only_fills, share_loader

POINTS, LABELS = quadrants(90).tensors


def plain(generator: random.Random) -> list[Any]:
    version, words, gauss = generator.getstate()
    return [version, list(words), gauss]


def put_back(generator: random.Random, state: list[Any]) -> None:
    generator.setstate((state[0], tuple(state[1]), state[2]))


class Stream(IterableDataset[Batch]):
    """A stream that goes on behind its last sample: each epoch another stretch of it, with noise of its own, and more.

    Keeps its place and its generator, and counts what it has read.
    """

    def __init__(self, length: int = 40) -> None:
        self.length, self.at, self.left = length, 0, 0
        self.noise = random.Random(7)
        self.read = 0

    def __iter__(self) -> Iterator[Batch]:
        self.left = self.left or self.length
        worker = get_worker_info()
        while self.left:
            self.left -= 1
            self.at += 1
            self.read += 1
            point = POINTS[self.at % 90] + self.noise.gauss(0, 0.05)
            if worker is None:
                point = point + 0.05 * torch.randn(2)
            if worker is None or self.at % worker.num_workers == worker.id:
                yield point, LABELS[self.at % 90]

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at, "left": self.left, "noise": plain(self.noise)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.at, self.left = state_dict["at"], state_dict["left"]
        put_back(self.noise, state_dict["noise"])


class Augmented(Dataset[Batch]):
    """Draws from every generator there is."""

    def __len__(self) -> int:
        return 90

    def __getitem__(self, index: int) -> Batch:
        noise = torch.randn(2) + random.random() + float(numpy.random.random())
        return POINTS[index] + 0.1 * noise, LABELS[index]


class Remembering(Augmented):
    """A map-style data set with a generator of its own."""

    def __init__(self) -> None:
        self.own = random.Random(3)

    def __getitem__(self, index: int) -> Batch:
        return POINTS[index] + self.own.gauss(0, 0.1), LABELS[index]

    def state_dict(self) -> dict[str, Any]:
        return {"own": plain(self.own)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        put_back(self.own, state_dict["own"])


class OwnLoader:
    """No DataLoader; knows its place, and is spent where it was left behind its last batch."""

    def __init__(self, count: int = 6) -> None:
        self.count, self.at = count, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        while self.at < self.count:
            self.at += 1
            rows = slice(15 * self.at - 15, 15 * self.at)
            yield POINTS[rows], LABELS[rows]
        self.at = 0

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at or self.count}  # as torchdata's: the epoch that is over, not the one to come

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.at = state_dict["at"]


class AnyLoader(NoisyTrainer):
    """Trains on what a test puts here."""

    kind: str = "stream"
    workers = 0
    persistent = False

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        return make_loader(cls.kind, cls.workers, persistent=cls.persistent), DataLoader(quadrants(40, seed=1), 16)


def make_loader(kind: str, workers: int, *, persistent: bool = False) -> Any:
    more: dict[str, Any] = {"num_workers": workers, "persistent_workers": persistent and workers > 0}
    if kind == "own":
        return OwnLoader()
    if kind == "stream":
        return DataLoader(Stream(), batch_size=8, **more)
    if kind == "torchdata stream":
        return pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader(Stream(), batch_size=8, **more)
    if kind == "torchdata":
        stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
        return stateful(quadrants(90), batch_size=16, shuffle=True, **more)
    if kind == "staying":
        return DataLoader(
            quadrants(90), batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(5), **more
        )
    return DataLoader(Augmented() if kind == "augmented" else Remembering(), batch_size=16, shuffle=True, **more)


def interrupted_and_resumed(
    folder: Path, trainer_class: type[NoisyTrainer], changes: dict[str, Any], stop: tuple[int, int], whole: Any = None
) -> tuple[Trainer[Any, Any], Trainer[Any, Any]]:
    """An uninterrupted run, and one that was stopped in `stop` (epoch, step) and resumed in a new trainer."""
    changes = {"num_epochs": 3, "checkpoint_every_n_steps": 2} | changes
    if whole is None:
        whole = trainer_class.from_config(settings(folder / "whole", **changes))
        whole.train()
    broken = trainer_class.from_config(settings(folder / "broken", **changes))
    break_off(broken, stop)
    assert not prefetching()
    torch.manual_seed(99)
    random.seed(99)
    numpy.random.seed(99)
    resumed = trainer_class.from_config(settings(folder / "broken", **changes), resume="auto")
    assert stop[1] - 2 < resumed.step <= stop[1]
    resumed.train()
    assert not prefetching()
    assert compare(whole.history) == compare(resumed.history)
    assert equal_bits(weights(whole), weights(resumed))
    return whole, resumed


def prefetching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "trainergen-prefetch"]


CASES = [
    ("stream", 0, 0),
    ("augmented", 0, 3),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in (
            ("stream", 0, 3),
            ("remembering", 0, 3),
            ("own", 0, 0),
            ("torchdata", 0, 0),
            ("torchdata stream", 0, 3),
            ("stream", 2, 0),
            ("augmented", 2, 3),
            ("torchdata", 2, 3),
            ("torchdata stream", 2, 0),
            ("staying", 2, 0),
        )
    ),
]


@pytest.mark.parametrize(("kind", "workers", "ahead"), CASES)
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, kind: str, workers: int, ahead: int) -> None:
    class Chosen(AnyLoader):
        pass

    Chosen.kind, Chosen.workers, Chosen.persistent = kind, workers, kind == "staying"
    steps = 5 if "stream" in kind and not workers else 6  # each of two workers has a short last batch
    changes = {"prefetch_batches": ahead}
    whole, _ = interrupted_and_resumed(tmp_path / "1", Chosen, changes, (1, steps + 3))
    assert whole.step == 3 * steps
    interrupted_and_resumed(tmp_path / "2", Chosen, changes | {"checkpoint_every_n_steps": None}, (1, steps + 1), whole)


def test_what_knows_its_place_is_set_to_it() -> None:
    loader = make_loader("stream", 0)
    feed = EpochFeed(loader)
    feed.begin_epoch()
    batches = feed.batches(0)
    given = [next(batches)[0] for _ in range(3)]
    state = feed.state_dict()
    rest = [batch[0] for batch in batches]
    again = make_loader("stream", 0)
    resumed = EpochFeed(again)
    resumed.load_state_dict(state)
    resumed.begin_epoch()
    assert torch.equal(torch.cat(rest), torch.cat([batch[0] for batch in resumed.batches(0)]))
    assert again.dataset.read == 16 and loader.dataset.read == 40 and len(given) + len(rest) == 5


def test_a_place_that_can_not_be_saved_is_said() -> None:
    class Odd(OwnLoader):
        def state_dict(self) -> dict[str, Any]:
            return {"at": Path("here")}

    batches = (feed := EpochFeed(Odd())).batches(0)
    next(batches)
    with pytest.raises(CheckpointError, match=r"Odd.state_dict\(\) gives what a checkpoint can't hold: numbers, text"):
        feed.state_dict()


@pytest.mark.slow
def test_workers_that_stay_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Staying(AnyLoader):
        kind, workers, persistent = "augmented", 2, True

    broken = Staying.from_config(settings(tmp_path))
    break_off(broken, (1, 7))  # its workers live on, and hold no lock
    resumed = Staying.from_config(settings(tmp_path), resume="auto")
    assert resumed.step == 6
    assert "what Augmented remembers or draws inside of them is not what it would have been" in caplog.text


class Turns:
    """One rank's share, gone through from a place."""

    def __init__(self, rank: int) -> None:
        self.loader = share_loader(OwnLoader(5), rank, 2, seed=0)
        self.feed = EpochFeed(self.loader)

    def rest(self) -> list[tuple[float, bool]]:
        return [(batch[0][0, 0].item(), only_fills(self.loader, self.feed.taken)) for batch in self.feed.batches(0)]


@pytest.mark.parametrize("rank", [0, 1])
def test_ranks_go_on_at_their_places(rank: int) -> None:
    first = Turns(rank)
    first.feed.begin_epoch()
    batches = first.feed.batches(0)
    next(batches)
    state = first.feed.state_dict()
    whole = Turns(rank).rest()
    assert [filling for _, filling in whole] == [False, False, rank == 1]  # five batches in three rounds of two
    second = Turns(rank)
    second.feed.load_state_dict(state)
    assert second.rest() == whole[1:]


class Drawn(Dataset[torch.Tensor]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([torch.rand(()).item(), random.random(), float(numpy.random.random())]).double()


def drawn(loader: Any, epochs: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.cat([torch.cat(list(EpochFeed(loader).batches(epoch))) for epoch in range(epochs)])


@pytest.mark.slow
def test_workers_draw_by_the_seed_and_each_its_own() -> None:
    """Also NumPy's numbers; and of several ranks each, though the loader's generator is the same."""
    values = drawn(DataLoader(Drawn(), batch_size=3, num_workers=2), epochs=2)
    assert len(values.unique()) == values.numel() == 72
    assert torch.equal(values, drawn(DataLoader(Drawn(), batch_size=3, num_workers=2), epochs=2))
    ranks = []
    for rank in (0, 1):
        generator = torch.Generator().manual_seed(5)
        loader = DataLoader(Drawn(), batch_size=3, num_workers=1, shuffle=True, generator=generator)
        torch.manual_seed(rank)
        ranks.append(torch.cat(list(share_loader(loader, rank, 2, seed=0))))
    assert len(torch.cat(ranks).unique()) == 36


# ---------------------------------------------------------------------- ahead of the training


def test_a_run_with_prefetching_is_the_run_without(tmp_path: Path) -> None:
    runs = []
    for ahead in (0, 1, 9):
        trainer = NoisyTrainer.from_config(settings(tmp_path / str(ahead), num_epochs=2, prefetch_batches=ahead))
        trainer.train()
        runs.append(trainer)
    for other in runs[1:]:
        assert equal_bits(weights(runs[0]), weights(other)) and compare(runs[0].history) == compare(other.history)
    assert not prefetching()


@pytest.mark.parametrize("loads", [False, True])
def test_batches_are_moved_by_the_thread_in_order_and_not_too_many(loads: bool) -> None:
    taken: list[int] = []
    movers: list[threading.Thread] = []

    def source() -> Iterator[tuple[torch.Tensor, int]]:
        for number in range(6):
            taken.append(number)
            yield torch.full((2,), number), number

    def place(batch: torch.Tensor) -> torch.Tensor:
        movers.append(threading.current_thread())
        return batch + 10

    batches = Prefetch(source(), place, torch.device("cpu"), 2, loads=loads)
    for number in range(6):
        assert next(batches).tolist() == [10 + number] * 2 and batches.told == number
        assert len(taken) <= min(6, number + 3)
        assert loads or len(taken) == min(6, number + 3)
    assert next(batches, None) is None and next(batches, None) is None
    assert len(movers) == 6 and {thread.name for thread in movers} == {"trainergen-prefetch"}
    assert not prefetching()


@pytest.mark.parametrize("loads", [False, True])
@pytest.mark.parametrize("fault", ["loading", "moving"])
def test_an_error_comes_in_its_turn_with_its_own_traceback(loads: bool, fault: str) -> None:
    def break_here(number: int) -> None:
        if number == 3:
            raise LookupError("this sample is not there")

    def source() -> Iterator[tuple[int, None]]:
        for number in range(6):
            if fault == "loading":
                break_here(number)
            yield number, None

    def place(batch: int) -> int:
        if fault == "moving":
            break_here(batch)
        return batch

    batches = Prefetch(source(), place, torch.device("cpu"), 5, loads=loads)
    assert [next(batches) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="not there") as caught:
        next(batches)
    assert caught.traceback[-1].name == "break_here"
    assert not prefetching() and next(batches, None) is None


class Judged(ToyTrainer):
    """Draws noise while it is evaluated too, on data that are shuffled; sees which thread has moved a batch."""

    movers: list[tuple[bool, str]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.movers = []
        inside = self._place

        def place(batch: Batch, device: torch.device) -> Batch:
            self.movers.append((self.model.training, threading.current_thread().name))
            return inside(batch, device)

        self._place = place

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        train, _ = super().build_dataloaders(config)
        return train, DataLoader(quadrants(40, seed=1), batch_size=8, shuffle=True)

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        return super().compute_loss((batch[0] + 0.1 * torch.randn_like(batch[0]), batch[1]))


def test_validation_is_moved_ahead_too_and_gives_the_same(tmp_path: Path) -> None:
    runs = []
    for ahead in (0, 2):
        trainer = Judged.from_config(settings(tmp_path / str(ahead), num_epochs=2, prefetch_batches=ahead))
        trainer.train()
        runs.append(trainer)
        assert trainer.evaluate([next(iter(trainer.dataloader))])  # any iterable
    assert compare(runs[0].history) == compare(runs[1].history)
    assert equal_bits(weights(runs[0]), weights(runs[1]))
    threads = [{name for training, name in trainer.movers if not training} for trainer in runs]
    assert "trainergen-prefetch" in threads[1] - threads[0] and not prefetching()


def test_a_run_whose_validation_draws_goes_on_to_the_bit(tmp_path: Path) -> None:
    class Drawing(NoisyTrainer):
        @classmethod
        def build_dataloaders(cls, config: ToyConfig) -> Any:
            return super().build_dataloaders(config)[0], DataLoader(Augmented(), batch_size=16, shuffle=True)

    interrupted_and_resumed(tmp_path, Drawing, {"prefetch_batches": 2}, (1, 9))


def test_what_breaks_an_evaluation_comes_in_its_turn_and_leaves_no_thread(tmp_path: Path) -> None:
    class Counting(Judged):
        seen, broken = 0, False

        def compute_loss(self, batch: Batch) -> torch.Tensor:
            if not self.model.training:
                self.seen += 1
                if self.broken:
                    assert len(prefetching()) == 1
                    raise Interrupted
            return super().compute_loss(batch)

    def torn() -> Iterator[Batch]:
        for number in range(6):
            if number == 3:
                raise LookupError("this sample is not there")
            yield POINTS[:4], LABELS[:4]

    trainer = Counting.from_config(settings(tmp_path, prefetch_batches=2))
    with pytest.raises(LookupError, match="not there"):
        trainer.evaluate(torn())
    assert trainer.seen == 3 and not prefetching() and trainer.model.training
    trainer.broken = True
    with pytest.raises(Interrupted) as caught:
        trainer.evaluate()
    assert caught.tb is not None and not prefetching()
    trainer.broken, trainer.seen, trainer.dry_run_steps = False, 0, 2
    trainer.evaluate()
    assert trainer.seen == 2 and not prefetching()


@pytest.mark.parametrize("raised", [KeyboardInterrupt, Interrupted])
def test_an_interrupt_leaves_no_thread(tmp_path: Path, raised: type[BaseException]) -> None:
    class Breaking(NoisyTrainer):
        def compute_loss(self, batch: Batch) -> torch.Tensor:
            if self.step == 2:
                assert len(prefetching()) == 1
                raise raised
            return super().compute_loss(batch)

    with pytest.raises(raised) as caught:
        Breaking.from_config(settings(tmp_path, prefetch_batches=2)).train()
    assert caught.tb is not None and not prefetching()  # though the traceback still holds every frame


@pytest.mark.slow
def test_a_worker_that_fails_is_named_and_nothing_stays(tmp_path: Path) -> None:
    class Torn(Augmented):
        def __getitem__(self, index: int) -> Batch:
            if index == 50:
                raise LookupError("sample 50 is torn")
            return super().__getitem__(index)

    loader = DataLoader(Torn(), batch_size=10, num_workers=1)
    trainer = NoisyTrainer.from_config(settings(tmp_path, prefetch_batches=2), dataloader=loader)
    with pytest.raises(LookupError, match="sample 50 is torn"):
        trainer.train()
    assert trainer.step == 5 and not prefetching()


def test_every_tensor_of_a_batch_is_found() -> None:
    class Graph:
        def __init__(self) -> None:
            self.nodes, self.name = torch.ones(2), "g"

    batch = {"a": [torch.zeros(1), (torch.zeros(2), "text")], "g": Graph(), "n": 3, "none": None}
    assert sorted(tensor.numel() for tensor in tensors_in(batch)) == [1, 2, 2]


# ---------------------------------------------------------------------- waiting, memory


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 5.0

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize("ahead", [0, 2])
def test_the_share_of_waiting(monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    clock = Clock()
    monkeypatch.setattr(feeding, "time", clock)

    class Slow:
        def __iter__(self) -> Iterator[int]:
            for number in range(4):
                clock.now += 3
                yield number
            clock.now += 4

    feed = EpochFeed(Slow(), lambda batch: batch, torch.device("cpu"), ahead)
    assert feed.wait_share is None
    for _ in feed.batches(0):
        clock.now += 1
    clock.now += 100  # validation
    assert (feed.waited, feed.seconds, feed.wait_share) == (16, 20, 0.8)


def test_records_tell_of_waiting_and_memory(tmp_path: Path) -> None:
    trainer = ToyTrainer.from_config(settings(tmp_path, num_epochs=2))
    history = trainer.train()
    assert trainer.run_directory is not None
    assert read_history(trainer.run_directory) == history
    for record in history:
        assert 0 < record["loader_wait_share"] < 1
        assert record["memory"]["process_bytes"] > 10_000_000 and record["memory"]["device_bytes"] is None
    manifest = json.loads((trainer.run_directory / "manifest.json").read_text())
    status = json.loads((trainer.run_directory / "status.json").read_text())
    shares = [record["loader_wait_share"] for record in history]
    assert min(shares) <= manifest["throughput"]["loader_wait_share"] <= max(shares)
    assert status["loader_wait_share"] == shares[-1]
