"""Failures around the save of a divided model: each rank writes its part, and any of them may go at any byte of it."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from crash_kills import DiskTraffic, live
from crash_processes import Fate, kills
from crash_run import Outcome, Tell, end_of, train

import trainergen.runtime.shards  # noqa: F401 - here once for all ranks, since they are forked
from tests.runtime.processes import Ranks
from trainergen.runtime.checkpoints import CheckpointStore, load_state, shards_of, step_of

RANKS = 2
FATES = [Fate(rank, all_at_once=together) for together in (False, True) for rank in range(RANKS)]
"""A rank that goes alone, and both at once."""


def sharded_kills(folder: Path, count: int, seed: int, a_run: int = 12) -> Outcome:
    """SIGKILL at random bytes of what two ranks write, each its part of the model; arguments as of `kills`."""
    return kills(folder, count, seed, a_run, "SIGKILL, strategy fsdp", divided, FATES)


def divided(folder: Path, tell: Tell, fate: Fate) -> None:
    """Train in two ranks as far as their fate lets them."""
    os.setpgid(0, 0)
    with tempfile.TemporaryDirectory() as aside:
        codes = Ranks(RANKS, Path(aside), _rank, folder, tell, fate).wait(60)
        if None in codes:
            raise TimeoutError(f"a rank went on without the other: {codes}")
        if fate.byte is None or 0 in codes:
            errors = [path.read_text() for path in sorted(Path(aside).glob("error-*.txt"))]
            assert codes == [0] * RANKS, "\n".join([str(codes), *errors])
    sys.exit(max(codes))  # type: ignore[type-var] # none of them is None


def damaged_part(folder: Path, seed: int, each: int = 1) -> Outcome:
    """A part of the newest checkpoint is damaged while nobody looks: a flipped bit, cut off, gone."""
    draw, found = random.Random(seed), Outcome("damaged part of a model")
    whole = live(lambda tell: divided(folder / "whole", tell, Fate()))
    expected = end_of(folder / "whole")
    assert expected is not None, whole.error
    live(lambda tell: divided(folder / "broken", tell, Fate(byte=whole.numbers("written-0")[0] // 2)))

    def flip(part: Path) -> None:
        data = bytearray(part.read_bytes())
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        part.write_bytes(data)

    damages: list[Callable[[Path], object]] = [
        *[flip] * (3 * each),
        *[lambda part: os.truncate(part, draw.randrange(part.stat().st_size))] * each,
        Path.unlink,
    ]
    for number, damage in enumerate(damages):
        place = folder / f"damage-{number}"
        shutil.copytree(folder / "broken", place)
        (store,) = place.glob("runs/*/checkpoints")
        newest = CheckpointStore(store, None).resumable()[-1]
        parts = shards_of(newest, load_state(newest))
        assert parts is not None
        damage(draw.choice(sorted(parts.iterdir())))
        again = live(lambda tell, place=place: divided(place, tell, Fate()))  # type: ignore[misc]
        found.times += 1
        found.unaided &= again.code == 0
        found.lost = max(found.lost, step_of(newest) - (again.numbers("step") or [0])[0])  # beyond what was damaged
        found.equal &= end_of(place) == expected
        found.said = found.said or again.error
        shutil.rmtree(place)
    return found


def _rank(folder: Path, tell: Tell, fate: Fate) -> None:
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    traffic = DiskTraffic(folder, fate.byte if rank == fate.rank else None, tell, fate.all_at_once)
    traffic.watch()
    train(folder, tell if rank == 0 else lambda line: None, batch_size=8, num_epochs=2, strategy="fsdp")
    tell(f"written-{rank} {traffic.written}")
