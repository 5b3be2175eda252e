"""A progress line on stderr, where that is a terminal; stdout stays the caller's."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from .pace import memory

if TYPE_CHECKING:
    from .trainer import Trainer

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """``digits  epoch 2/20  step 31/90  312 steps/s  loss 0.412  ETA 1:23  512 MB``, rewritten in place.

    Args:
        description: what stands first.
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._drawn = False

    def draw(self, trainer: Trainer[Any, Any]) -> None:
        """Replace the line; cut where the terminal ends, since a line that wraps can't be rewritten."""
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{self.text(trainer)[:width]}\x1b[K")
        sys.stderr.flush()
        self._drawn = True

    def text(self, trainer: Trainer[Any, Any]) -> str:
        """What is known now; what is not is left out."""
        pace = trainer.recorder.pace
        an_epoch, rate, eta = pace.steps_an_epoch, pace.steps_per_second, pace.eta_seconds
        held = memory(trainer.device)
        used = held["device_bytes"] if held["device_bytes"] is not None else held["process_bytes"]
        parts = [
            self._description,
            f"epoch {trainer.epoch + 1}/{trainer.config.num_epochs}",
            f"step {pace.steps_into_epoch}" + ("" if an_epoch is None else f"/{an_epoch}"),
            "" if rate is None else f"{rate:.3g} steps/s",
            "" if pace.loss is None else f"loss {pace.loss:.4g}",
            "" if eta is None else f"ETA {clock(eta)}",
            "" if used is None else f"{used / 1e6:.0f} MB",
        ]
        return "  ".join(part for part in parts if part)

    def clear(self) -> None:
        """Take the line away before something is logged."""
        if self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._drawn = False


def clock(seconds: float) -> str:
    """``1:23``, ``2:05:09``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def progress_is_wanted() -> bool:
    """Whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
