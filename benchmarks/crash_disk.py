"""Failures of the disk: full, read-only, writes cut short, a checkpoint that is damaged afterwards."""

from __future__ import annotations

import contextlib
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from crash_kills import live
from crash_run import Outcome, settle, train, undisturbed

from trainergen.runtime.checkpoints import CheckpointStore


def disk_full(folder: Path) -> Outcome:
    """The disk fills up in the middle of the run; afterwards there is room again."""

    def fill(_: Path) -> None:
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass

    return _on_a_small_disk(folder, "disk full", fill, lambda _: (folder / "filler").unlink())


def read_only(folder: Path) -> Outcome:
    """The run's folder goes over to read-only, as after an error of the disk; afterwards it can be written to again."""

    def refuse(place: Path) -> None:
        subprocess.run(["mount", "--bind", place, place], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)

    return _on_a_small_disk(
        folder, "read-only file system", refuse, lambda place: subprocess.run(["umount", place], check=True)
    )


def _on_a_small_disk(
    folder: Path, name: str, refuse: Callable[[Path], object], allow: Callable[[Path], object]
) -> Outcome:
    """`folder` is a file system of two megabytes of its own: see `in_a_namespace`."""
    found = Outcome(name)
    expected = undisturbed(folder / "whole")
    shutil.rmtree(folder / "whole")
    for step in (0, 3, 8):
        place = folder / f"at-{step}"
        first = live(
            lambda tell, step=step, place=place: train(  # type: ignore[misc]
                place, tell, lambda at: refuse(place) if at == step else None
            )
        )
        found.unaided &= first.code == 1  # it was not taken for a save
        allow(place)
        settle(found, place, first.numbers("step")[-1], expected, first.error)
        shutil.rmtree(place)
    return found


def short_write(folder: Path, steps: Sequence[int] = (3, 8, 15)) -> Outcome:
    """The kernel takes only the first bytes of a file (RLIMIT_FSIZE), in the middle of a checkpoint."""
    found, expected = Outcome("short write"), undisturbed(folder / "whole")
    size = max(path.stat().st_size for path in folder.rglob("step-*.pt"))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 3000, resource.RLIM_INFINITY))

    for step in steps:
        place = folder / f"at-{step}"
        first = live(lambda tell, step=step, place=place: train(place, tell, lambda at: limit() if at == step else None))  # type: ignore[misc]
        found.unaided &= first.code == 1  # it was not taken for a save
        settle(found, place, first.numbers("step")[-1], expected, first.error)
    return found


def corrupted(folder: Path, seed: int, each: int = 4) -> Outcome:
    """The newest checkpoint is damaged while nobody looks: a flipped bit anywhere, cut off, zeros, nothing."""
    draw, found, expected = random.Random(seed), Outcome("damaged newest checkpoint"), undisturbed(folder / "whole")

    def flipped(data: bytes) -> bytes:
        at = draw.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]

    damages: list[Callable[[bytes], bytes]] = [
        *[flipped] * (3 * each),
        *[lambda data: data[: draw.randrange(len(data))]] * each,
        *(lambda data: bytes(len(data)), lambda data: b""),
    ]
    broken = live(lambda tell: train(folder / "broken", tell, lambda at: stop() if at == 9 else None))
    assert broken.code == 1, broken.error
    for number, damage in enumerate(damages):
        place = folder / f"damage-{number}"
        shutil.copytree(folder / "broken", place)
        (store,) = place.glob("runs/*/checkpoints")
        newest = CheckpointStore(store, None).resumable()[-1]
        newest.write_bytes(damage(newest.read_bytes()))
        settle(found, place, int(newest.stem[5:]) - 1, expected)  # beyond what was damaged
        shutil.rmtree(place)
    return found


def stop() -> None:
    raise ArithmeticError("as the user's code may")


def in_a_namespace(name: str) -> Outcome:
    """The outcome of a scenario that needs a small disk of its own: in a mount namespace, which goes with its process."""
    script = Path(__file__).with_name("crash.py")
    with tempfile.TemporaryDirectory() as folder:
        mount = f'mount -t tmpfs -o size=2m none "{folder}"'
        inner = f'{mount} && exec "{sys.executable}" "{script}" --inside "{folder}" --only {name}'
        done = subprocess.run(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", inner], check=False, capture_output=True, text=True
        )
    if done.returncode != 0:
        return Outcome(name, said=f"not tried: {(done.stderr.strip().splitlines() or ['no namespaces here'])[-1]}")
    return Outcome(**json.loads(done.stdout))
