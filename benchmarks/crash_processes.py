"""Failures of processes and clocks: SIGKILL at random bytes, SIGTERM, a rank, a loader's worker, a clock that stops."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from crash_kills import DiskTraffic, live
from crash_run import EPOCHS, EVERY, Outcome, Tell, Telling, end_of, settle, train, undisturbed
from torch.utils.data import DataLoader, Dataset

from tests.runtime.processes import Ranks
from tests.runtime.toys import Batch, ToyConfig, quadrants, settings
from trainergen.runtime.checkpoints import CheckpointStore, load_state, shards_of
from trainergen.runtime.history import read_history


@dataclass(frozen=True)
class Fate:
    """Where a kill falls.

    Attributes:
        rank: of which process the bytes are counted.
        byte: the fatal one; None for a life that is seen to its end.
        all_at_once: whether the other processes go in the same moment, as where a machine loses its power.
    """

    rank: int = 0
    byte: int | None = None
    all_at_once: bool = False


def alone(folder: Path, tell: Tell, fate: Fate) -> None:
    """Train in one process as far as its fate lets it; what it has written is told at the end."""
    traffic = DiskTraffic(folder, fate.byte, tell)
    traffic.watch()
    train(folder, tell)
    tell(f"written-0 {traffic.written}")


def kills(
    folder: Path,
    count: int,
    seed: int,
    a_run: int = 12,
    name: str = "SIGKILL at a random byte",
    run: Callable[[Path, Tell, Fate], None] = alone,
    fates: Sequence[Fate] = (Fate(),),
) -> Outcome:
    """SIGKILL at random bytes of everything that a run writes, again and again, until it is done; then the next run.

    Args:
        folder: where.
        count: kills, at least; a run that has begun is seen to its end.
        seed: of the bytes.
        a_run: kills that a run has about.
        name: of the table's row.
        run: a life of the run.
        fates: whom the kills meet, in turn.
    """
    draw, found, hit, left = random.Random(seed), Outcome(name), Counter[str](), Counter[str]()
    whole = live(lambda tell: run(folder / "whole", tell, Fate()))
    expected = end_of(folder / "whole")
    assert expected is not None, whole.error
    totals = {fate.rank: whole.numbers(f"written-{fate.rank}")[0] for fate in fates}
    turns, runs = cycle(fates), 0
    while found.times < count:
        runs += 1
        place, begun = folder / f"run-{runs}", 0
        while end_of(place) is None:
            fate = next(turns)
            fate = replace(fate, byte=draw.randrange(1, 2 * totals[fate.rank] // a_run))
            life = live(lambda tell, place=place, fate=fate: run(place, tell, fate))  # type: ignore[misc]
            steps = life.numbers("step")
            if steps:
                found.unaided &= steps[0] >= begun - begun % EVERY  # what had been saved is there
                found.lost = max(found.lost, begun + 1 - steps[0])
                begun = max(begun, steps[-1])
            _look(place)
            killed = [line[7:] for line in life.lines if line.startswith("killed ")]
            if killed:
                found.times += 1
                hit[_kind(killed[0])] += 1
            if life.error or (not killed and life.code != 0):
                return replace(found, unaided=False, said=life.error)
        found.equal &= end_of(place) == expected
        left.update(_kind(str(path)) for path in (*place.rglob(".*.tmp"), *_without_checkpoint(place)))
        shutil.rmtree(place)
    found.details = {
        "runs": runs,
        "bytes of a run": list(totals.values()),
        "killed while writing": dict(hit.most_common()),
    }
    found.details["left half written for good"] = dict(left)
    # a few bytes, of a kill before the first or after the last step
    found.equal &= left.keys() <= {"manifest", "status"}
    return found


def _without_checkpoint(place: Path) -> list[Path]:
    stores = [CheckpointStore(each, None) for each in place.glob("runs/*/checkpoints")]
    named = {shards_of(path, load_state(path)) for store in stores for path in store.resumable()}
    return [each for each in place.rglob("step-*.shards") if each not in named]


def _kind(where: str) -> str:
    operation, _, path = where.rpartition(" ")
    parts = next((part for part in Path(path).parts if part.endswith(".shards")), None)
    name = Path(path).name.removeprefix(".")
    if parts is not None:
        name = "parts of the model" if parts == Path(path).name or name.startswith("__") else f"their {name}"
        return f"{operation} of {name}" if operation else name
    known = {"step-": "checkpoint", "best": "best weights", "telling_": "final weights"}
    known |= {start: start for start in ("manifest", "status", "history")}
    kind = next((kind for start, kind in known.items() if name.startswith(start)), "folder")
    return f"{operation} of {kind}" if operation else kind


def _look(folder: Path) -> None:
    """Whatever is there can be read, at this moment, by a program that knows nothing of the kill.

    Raises:
        ValueError: it can not.
    """
    for path in (*folder.rglob("manifest.json"), *folder.rglob("status.json")):
        json.loads(path.read_text())
    for path in folder.rglob("history.jsonl"):
        records = [record["epoch"] for record in read_history(path)]
        if records != list(range(1, len(records) + 1)):
            raise ValueError(f"{path} has the epochs {records}")
    for path in folder.rglob("step-*.pt"):
        load_state(path)


def sigterm(folder: Path) -> Outcome:
    """SIGTERM in the middle of a step, as schedulers send it."""
    found, expected = Outcome("SIGTERM"), undisturbed(folder / "whole")
    for step in (0, 4, 5, 11):
        place = folder / f"at-{step}"
        first = live(
            lambda tell, step=step, place=place: train(  # type: ignore[misc]
                place, tell, lambda at: os.kill(os.getpid(), signal.SIGTERM) if at == step else None
            )
        )
        found.unaided &= first.code == 128 + signal.SIGTERM
        settle(found, place, first.numbers("step")[-1], expected, f"exit status {first.code}")
    return found


def killed_rank(folder: Path) -> Outcome:
    """One of two ranks is killed; both are started again, as torchrun does."""
    found, codes = Outcome("killed rank"), list[Any]()
    Ranks(2, folder / "0", _rank, folder / "whole", None, None).results()
    for victim in (0, 1):
        place = folder / f"victim-{victim}"
        ended = Ranks(2, folder / f"{victim}-1", _rank, place, victim, 9)
        codes += ended.wait(60)
        steps = Ranks(2, folder / f"{victim}-2", _rank, place, None, None).results()
        found.times += 1
        found.lost = max(found.lost, 10 - steps[0][0])
        found.equal &= end_of(place) == end_of(folder / "whole")
    found.unaided = None not in codes and 0 not in codes  # none went on alone, none hung
    found.said = f"exit statuses {codes}"
    return found


def _rank(folder: Path, victim: int | None, step: int | None) -> list[int]:
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what gloo says of the victim
    steps: list[int] = []

    def die(at: int) -> None:
        steps.append(at)
        if at == step and os.environ["RANK"] == str(victim):
            os.kill(os.getpid(), signal.SIGKILL)

    train(folder, lambda line: None, die, batch_size=8)
    return steps


class Fragile(Dataset[Batch]):
    """Kills the worker that loads it, the first time that sample 40 is asked for in epoch 2."""

    def __init__(self, mark: Path) -> None:
        self._data, self._mark = quadrants(90), mark

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Batch:
        if index == 40 and self._mark.exists():
            self._mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        point, label = self._data[index]
        return point, label


class Loading(Telling):
    """Loads with two workers."""

    mark = Path()

    @classmethod
    def build_dataloaders(cls, config: ToyConfig) -> Any:
        return DataLoader(Fragile(cls.mark), config.batch_size, shuffle=True, num_workers=2), None


def killed_worker(folder: Path) -> Outcome:
    """A worker of the loader is killed, as the OOM killer does."""
    found = Outcome("killed loader worker")
    Loading.mark = folder / "mark"

    def run(place: Path, tell: Tell, mark_at: int | None) -> None:
        trainer = Loading.from_config(
            settings(place, num_epochs=EPOCHS, checkpoint_every_n_steps=EVERY, early_stopping_patience=None),
            resume="auto",
        )
        trainer.tell = tell  # type: ignore[method-assign]
        trainer.disturb = lambda at: Loading.mark.touch() if at == mark_at else None  # type: ignore[method-assign]
        trainer.train()

    whole = live(lambda tell: run(folder / "whole", tell, None))
    assert whole.code == 0, whole.error
    for step in (0, 5):
        place = folder / f"at-{step}"
        first = live(lambda tell, step=step, place=place: run(place, tell, step))  # type: ignore[misc]
        again = live(lambda tell, place=place: run(place, tell, None))  # type: ignore[misc]
        found.times += 1
        found.unaided &= first.code == 1 and again.code == 0
        found.lost = max(found.lost, first.numbers("step")[-1] + 1 - again.numbers("step")[0])
        found.equal &= end_of(place) == end_of(folder / "whole")
        found.said = next((line for line in first.error.splitlines() if line.startswith("RuntimeError")), first.error)
    return found


def stopped_clock(folder: Path) -> Outcome:
    """All clocks stand still: nothing is divided by their difference, and no name that holds the time is taken twice."""
    found, expected = Outcome("stopped clock"), undisturbed(folder / "whole")

    def stand_still() -> None:
        moment = time.gmtime(0)
        for name in ("time", "monotonic", "perf_counter"):
            setattr(time, name, lambda: 1000.0)
        plain = time.strftime
        time.strftime = lambda text, at=moment: plain(text, at)  # type: ignore[assignment]

    def run(tell: Tell) -> None:
        stand_still()
        for _ in range(2):
            train(folder / "stopped", tell)
        tell(f"kept {len(list((folder / 'stopped').glob('runs/*/checkpoints/telling_*.pt')))}")

    life = live(run)
    found.times, found.said = 2, life.error
    found.unaided, found.equal = life.code == 0, life.numbers("kept") == [2] and end_of(folder / "stopped") == expected
    return found
