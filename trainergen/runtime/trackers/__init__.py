"""Where a run's values are also sent: one file a tracker, whose name is the file's; found by listing this folder."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from ..errors import SettingError, did_you_mean


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of the run that it records.

    Attributes:
        folder: the run's.
        run_id: as in its manifest; a resumed run has the id it began with.
        name: the folder's name.
        trainer: the class's name.
        config: all settings, JSON-able.
        step: the optimizer step from which it goes on; 0 for a new run.
        epoch: epochs that are over.
    """

    folder: Path
    run_id: str
    name: str
    trainer: str
    config: Mapping[str, Any]
    step: int
    epoch: int

    def kept(self, row: Mapping[str, Any]) -> bool:
        """Whether a row that was recorded before the run was resumed stays: the rest will be recorded again."""
        return int(row["step"]) <= self.step and int(float(row.get("epoch") or 0)) <= self.epoch


class Tracker(ABC):
    """One recorder of values; each file here defines one, called ``TRACKER``.

    Built before the first step. Whatever it raises is warned of once and ends the tracker, never the run.

    Args:
        run: what is recorded.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    """Modules that it imports, beside torch."""
    install: ClassVar[str] = ""
    """What pip installs to have them."""

    @abstractmethod
    def __init__(self, run: TrackedRun) -> None: ...

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record `values` (``train/loss``, ``step/loss``, ``learning_rate``) of optimizer step `step`."""

    @abstractmethod
    def finish(self, status: str) -> None:
        """The run is over: ``finished``, ``failed``, ``diverged`` or ``interrupted``."""


def known_trackers() -> list[str]:
    """The names that the setting ``trackers`` takes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def check_names(names: tuple[str, ...]) -> None:
    """Refuse names that no tracker has.

    Raises:
        SettingError: there is no such tracker, or one is named twice.
    """
    known = known_trackers()
    for name in names:
        if name not in known:
            raise SettingError("trackers", f"has no {name!r}; {did_you_mean(name, known)}")
    if len(set(names)) != len(names):
        raise SettingError("trackers", f"names one twice: {', '.join(names)}")


def load_tracker(name: str) -> type[Tracker]:
    """The tracker of that name. What it needs is looked for, and imported only when the tracker is built.

    Raises:
        SettingError: a package that it needs is not installed.
    """
    check_names((name,))
    found = cast("type[Tracker]", importlib.import_module(f".{name}", __name__).TRACKER)
    missing = [package for package in found.packages if importlib.util.find_spec(package) is None]
    if missing:
        what = f"has {name}, which needs {', '.join(missing)}"
        raise SettingError("trackers", f"{what}, not installed here: pip install {found.install}, or take it out")
    return found
