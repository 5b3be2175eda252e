"""What made a run what it is, beside its settings: code version, packages, machine."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

GIT_SECONDS = 3.0
"""What asking git may take in all: on a network disk it can take minutes, and a run shall begin."""

_LARGEST_UNTRACKED = 1 << 20
_MOST_UNTRACKED = 200


def git_state(folder: Path, seconds: float = GIT_SECONDS) -> dict[str, Any] | None:
    """The commit that `folder` stands at, and a hash of what differs from it; None without git, repository or answer.

    ``dirty_diff`` is None for a clean checkout, else the SHA-256 of the difference to HEAD and of the untracked files
    (the first 200, each up to 1 MiB): equal hashes mean equal code. Nothing of the repository is changed or run
    (no hooks, no external diff, no lock).

    Args:
        folder: within a checkout.
        seconds: the time limit for all questions together.
    """
    deadline = time.monotonic() + seconds
    try:
        commit = _git(folder, deadline, "rev-parse", "HEAD").decode().strip()
        top = Path(_git(folder, deadline, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
        difference = _git(top, deadline, "diff", "--no-ext-diff", "--no-textconv", "--binary", "HEAD")
        others = _git(top, deadline, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")[:-1]
        branch = _git(top, deadline, "rev-parse", "--abbrev-ref", "HEAD").decode().strip()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    digest = hashlib.sha256(difference)
    for name in sorted(others)[:_MOST_UNTRACKED]:
        digest.update(b"\0" + name + b"\0" + _content(top / os.fsdecode(name)))
    return {
        "commit": commit,
        "branch": None if branch == "HEAD" else branch,
        "dirty_diff": digest.hexdigest() if difference or others else None,
        "untracked": len(others),
    }


def _git(folder: Path, deadline: float, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        timeout=max(0.01, deadline - time.monotonic()),
        check=True,
    ).stdout


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= _LARGEST_UNTRACKED else b""
    except OSError:  # gone, or not readable: its name counts
        return b""


def installed_packages() -> dict[str, str]:
    """Name to version of every distribution on the path, from the names of their folders: none is opened."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            entries = os.listdir(folder or ".")  # noqa: PTH208 - a Path for each of a thousand names is slower
        except OSError:
            continue
        for entry in entries:
            name, dash, version = entry.removesuffix(".dist-info").partition("-")
            if dash and entry.endswith(".dist-info"):
                found.setdefault(name.replace("_", "-").lower(), version)
    return dict(sorted(found.items()))


def environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware of this process; what is not known here is None."""
    numpy = sys.modules.get("numpy")
    on_cuda = device.type == "cuda"
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": None if numpy is None else numpy.__version__,
        "packages": installed_packages(),
        "platform": platform.platform(),
        "host": platform.node(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        "device_memory_bytes": torch.cuda.get_device_properties(device).total_memory if on_cuda else None,
        "devices": torch.cuda.device_count() if on_cuda else 0,
        "cuda": torch.version.cuda if on_cuda else None,
        "cudnn": torch.backends.cudnn.version() if on_cuda else None,  # type: ignore[no-untyped-call]
        "driver": _driver() if on_cuda else None,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not POSIX
        return None


def _driver() -> str | None:
    try:
        return Path("/sys/module/nvidia/version").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
