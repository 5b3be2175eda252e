"""How much memory this process may still take: the machine's, its cgroup's (containers, SLURM), its own limit."""

from __future__ import annotations

import os
from pathlib import Path

_UNLIMITED = 1 << 60
"""What cgroup v1 says where nobody set a limit is about the largest number there is."""


def available_bytes() -> int | None:
    """The least of what is left by each of them; None where nothing is known (not on Linux)."""
    found = [each for each in (_machine(), _cgroup(), _own_limit()) if each is not None]
    return min(found) if found else None


def _machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _cgroup(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """What is left in this process's control group and those above it; file cache counts as free, it can be given back."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    left: list[int] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names, base = ("memory.max", "memory.current", "inactive_file"), root
        elif "memory" in controllers.split(","):
            names, base = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"), root / "memory"
        else:
            continue
        folder = base / path.lstrip("/")
        for each in (folder, *folder.parents):  # in a container the path may be the host's: then only the root is there
            if each == base.parent:
                break
            limit, used = _number(each / names[0]), _number(each / names[1])
            if limit is not None and used is not None and limit < _UNLIMITED:
                left.append(max(0, limit - used + _of_statistics(each / "memory.stat", names[2])))
    return min(left) if left else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" where there is no limit
        return None


def _of_statistics(path: Path, name: str) -> int:
    try:
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    except OSError:
        return 0
    return next((int(row[1]) for row in rows if row[0] == name), 0)


def _own_limit() -> int | None:
    """``ulimit -v``."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return None
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        return None
    return max(0, limit - used)
