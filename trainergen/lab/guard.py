"""Keeps a child's hands off the user's project: an audit hook, quiet and offline surroundings, one seed.

The hook sees what goes through Python; `isolation` closes the rest where the kernel lets it. Accidents, not attackers.
"""

# The hook runs at every opening of a file.
# ruff: noqa: PTH100, PTH110, PTH115, PTH117, PTH118

from __future__ import annotations

import contextlib
import os
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

# Model hubs must not be asked, trackers must not open runs, and nothing may look for a display.
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "WANDB_SILENT": "true",
    "COMET_MODE": "disabled",
    "NEPTUNE_MODE": "debug",
    "CLEARML_OFFLINE_MODE": "1",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "MPLBACKEND": "Agg",
    "GIT_OPTIONAL_LOCKS": "0",
    "TQDM_DISABLE": "1",
}

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# event -> the (path, dir_fd) positions that it changes; dir_fd None where the event has none
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
}
_CHANGES_TARGET: dict[str, tuple[int, int | None]] = {  # these follow a symlink in the last place
    "os.truncate": (0, None),
    "os.chmod": (0, 2),
    "os.chown": (0, 3),
    "os.utime": (0, 3),
}


class ProjectIsReadOnly(PermissionError):
    """The user's code tried to change a file of the real project; the lab works in a copy of it."""


def protect(original: Path, allowed: tuple[Path, ...]) -> None:
    """Refuse, from now on and for good in this process, whatever would change something below `original`.

    Args:
        original: the project's real root, resolved.
        allowed: folders inside it that may be written (the copy and the scratch, where the machine has no other place).
    """
    root = os.path.realpath(original)
    inside = root.rstrip(os.sep) + os.sep
    exempt = tuple(os.path.realpath(path) + os.sep for path in allowed)

    def check(path: Any, directory: Any, follow: bool) -> None:
        if isinstance(path, int) or path is None:
            return
        text = os.fsdecode(path)
        if isinstance(directory, int) and directory >= 0 and not os.path.isabs(text):
            with contextlib.suppress(OSError):
                text = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), text)
        if follow:
            resolved = os.path.realpath(text)
        else:
            folder, name = os.path.split(os.path.abspath(text))
            resolved = os.path.join(os.path.realpath(folder), name)
        if (resolved + os.sep).startswith(inside) and not (resolved + os.sep).startswith(exempt):
            raise ProjectIsReadOnly(13, "the lab runs in a copy and does not write in your project", resolved)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & _WRITING if isinstance(flags, int) else bool(set(mode or "") & set("wax+"))
            if writes:
                check(path, None, True)
        elif event in _CHANGES:
            if event == "os.mkdir" and os.path.exists(arguments[0]):
                return  # mkdir(exist_ok=True) of what is there: the system answers FileExistsError by itself
            for place, directory in _CHANGES[event]:
                check(arguments[place], _at(arguments, directory), False)
        elif event in _CHANGES_TARGET:
            place, directory = _CHANGES_TARGET[event]
            check(arguments[place], _at(arguments, directory), True)

    sys.addaudithook(hook)
    _announce_torch_writes()


def settle(device: str, seed: int, torch: ModuleType | None) -> None:
    """The surroundings of a request: offline, no trackers, no display, no bytecode, no GPU unless asked for, seeded."""
    sys.dont_write_bytecode = True
    os.environ.update(QUIET)
    if not device.startswith("cuda"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    random.seed(seed)
    if torch is not None:
        torch.manual_seed(seed)
    numpy_random = sys.modules.get("numpy.random")  # the supervisor imported it, if NumPy is there
    if numpy_random is not None:
        numpy_random.seed(seed % 2**32)


def _at(arguments: tuple[Any, ...], index: int | None) -> Any:
    return arguments[index] if index is not None and index < len(arguments) else None


def _announce_torch_writes() -> None:
    """``torch.save(x, "path")`` opens the file in C++, where no hook looks: announce it as an opening for writing."""
    native = getattr(sys.modules.get("torch"), "_C", None)
    writer: Callable[..., Any] | None = getattr(native, "PyTorchFileWriter", None)
    if writer is None:
        return
    original = writer

    def announced(name: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(name, (str, bytes, os.PathLike)):
            sys.audit("open", name, "wb", os.O_WRONLY | os.O_CREAT)
        return original(name, *arguments, **keywords)

    native.PyTorchFileWriter = announced  # type: ignore[union-attr]
