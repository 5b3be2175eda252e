"""What one does before a run. Each file here is one flag of ``python train.py NAME``, found by its name.

A flag is also a function for those who have a trainer in their hands: ``measure`` of that file, which answers with a
frozen dataclass and leaves the trainer as it was: ``preflight.measure(trainer).faults``,
``find_lr.measure(trainer).suggestion``.

A new flag is one new file with ``FLAG`` (a `parts.answers.Flag`) and ``run(request)``; what several of them need is in
``parts/``. Nothing here is imported before it is used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .parts.answers import Answer, Flag, Request


class FlagFile(Protocol):
    """What each file here has."""

    FLAG: Flag

    def run(self, request: Request) -> Answer:
        """Do what the flag says."""


def flag_names() -> tuple[str, ...]:
    """The flags by their files: ``dry_run`` is ``--dry-run``."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"))


def load_flag(name: str) -> FlagFile:
    """The file of a flag, imported.

    Raises:
        LookupError: there is none.
    """
    if name not in flag_names():
        raise LookupError(f"there is no flag {name!r}; there are: {', '.join(flag_names())}")
    found: FlagFile = importlib.import_module(f".{name}", __package__)
    return found
