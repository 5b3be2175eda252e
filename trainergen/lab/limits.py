"""What one request may use, how the user says it (``--limit time=60,memory=8G``), and how a child is held to it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UnusableInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS: Mapping[str, float] = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS: Mapping[str, float] = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LEAST_MEMORY = 400 << 20  # a process that has only imported torch holds most of this
_REPORT_MEMORY = 256 << 20  # kept back, so that a child which hit the limit can still say so


@dataclass(frozen=True)
class Limits:
    """What one request may use.

    Attributes:
        time: seconds of wall clock; the lab's own start is not counted.
        memory: bytes of private memory (RLIMIT_DATA: what shared libraries map does not count); None for 8 GiB or
            four fifths of what the machine or its control group has, whichever is less.
        threads: OpenMP threads of torch.
        file_size: bytes that one file may grow to.
    """

    time: float = 60.0
    memory: int | None = None
    threads: int = 1
    file_size: int = 1 << 30

    def as_plain(self) -> dict[str, Any]:
        """The limits as they travel."""
        return asdict(self)


def parse(text: str) -> Limits:
    """The limits of ``time=60,memory=8G``: seconds (or 2m, 1h), bytes with K, M, G, T as powers of 1024, threads.

    Raises:
        UnusableInput: an unknown name, or a value that is no positive number.
    """
    given: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in {"time", "memory", "threads"}:
            raise UnusableInput(
                f"--limit {part}: no limit {name!r}", hint=did_you_mean(name, ("time", "memory", "threads"))
            )
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", value.lower().removesuffix("ib") if equals else "")
        units: Mapping[str, float] = {"time": _SECONDS, "memory": _UNITS}.get(name, {"": 1})
        unit = match[2] if match else "?"
        if name == "memory":
            unit = unit.removesuffix("b")
        if match is None or unit not in units or float(match[1]) <= 0:
            raise UnusableInput(
                f"--limit {part}: not a size that can be used", hint="write --limit time=60,memory=8G,threads=1"
            )
        amount = float(match[1]) * units[unit]
        given[name] = amount if name == "time" else int(amount)
    if given.get("memory", _LEAST_MEMORY) < _LEAST_MEMORY:
        raise UnusableInput(f"--limit {text}: torch alone needs 400M", hint="write --limit memory=1G or more")
    return Limits(**given)


def memory_limit(limits: Limits) -> int:
    """Bytes: what was asked for, else 8 GiB or four fifths of what there is."""
    if limits.memory is not None:
        return limits.memory
    return max(_LEAST_MEMORY, min(8 << 30, _machine_memory() * 4 // 5))


def memory_in_force() -> int:
    """Bytes that this process is held to."""
    if sys.platform == "win32":
        return memory_limit(Limits())
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    return memory_limit(Limits()) if hard == resource.RLIM_INFINITY else max(_LEAST_MEMORY, hard - _REPORT_MEMORY)


def shown_size(size: int) -> str:
    """``8G``, ``512M``: as `parse` reads it."""
    for unit, name in ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if size >= unit:
            return f"{size / unit:.3g}{name}"
    return str(size)


def apply(limits: Limits) -> None:
    """Hold this process to `limits`, as far as the system can: the wall clock is the supervisor's.

    RLIMIT_AS would count address space that CUDA builds only reserve; RLIMIT_NPROC counts all of the user's processes.
    """
    if sys.platform == "win32":
        return
    import resource

    memory = memory_limit(limits)
    cores = os.cpu_count() or 1
    # A net for what outlives the supervisor: CPU seconds add up over threads, so all cores may be busy for the time.
    cpu = int(limits.time * cores) + 10
    wanted = [
        (resource.RLIMIT_DATA, memory, memory + _REPORT_MEMORY),
        (resource.RLIMIT_CPU, cpu, cpu + 5),
        (resource.RLIMIT_FSIZE, limits.file_size, limits.file_size),
        (resource.RLIMIT_CORE, 0, 0),
    ]
    for kind, soft, hard in wanted:
        with contextlib.suppress(OSError, ValueError):
            _, ceiling = resource.getrlimit(kind)
            most = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
            resource.setrlimit(kind, (min(soft, most), most))


def give_room_to_report() -> None:
    """Lift the soft memory limit to the hard one: what the failure is told with."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _machine_memory() -> int:
    """Bytes of memory: the machine's, or the control group's where that is less (v2 and v1)."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError), Path(path).open(encoding="ascii") as file:
            sizes.append(int(file.read()))
    return min(sizes)
