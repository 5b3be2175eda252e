"""What can go wrong in a run, as types that carry what a program needs to react."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class SettingError(ValueError):
    """A setting has an impossible value; `field` is its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field


class ConfigError(ValueError):
    """A configuration file can't be used; the message names file, line, section and key as far as they are known."""

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        section: str | None = None,
        key: str | None = None,
    ) -> None:
        where = str(file) if file is not None else ""
        if line is not None:
            where = f"{where}:{line}"
        parts = [where, " ".join(part for part in (f"[{section}]" if section else "", key or "") if part), message]
        super().__init__(": ".join(part for part in parts if part))
        self.file, self.line, self.section, self.key = file, line, section, key


class CheckpointError(RuntimeError):
    """A checkpoint can't be written, verified, read, or does not fit this trainer."""


class TrainingDiverged(RuntimeError):
    """The loss or the gradient norm is not finite; the optimizer did not step on it (on CPU).

    Attributes:
        epoch: the epoch it happened in, counted from 1.
        step: the optimizer step it would have become, counted from 1.
        checkpoint: the last valid checkpoint, or None.
        suggestion: what to try.
    """

    def __init__(self, what: str, *, epoch: int, step: int, checkpoint: Path | None = None) -> None:
        self.epoch, self.step, self.checkpoint = epoch, step, checkpoint
        self.suggestion = "lower learning_rate, set gradient_clip_norm, or look for bad values in this batch"
        saved = f"; last valid checkpoint: {checkpoint}" if checkpoint is not None else "; no checkpoint yet"
        super().__init__(f"{what} in epoch {epoch}, step {step}{saved}. Try: {self.suggestion}.")


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A sentence that helps with a misspelt word: the nearest choice (difflib, ratio 0.6), else all of them."""
    known = sorted(choices)
    lowered = {choice.lower(): choice for choice in known}
    match = difflib.get_close_matches(word.lower(), list(lowered), n=1)
    if match:
        return f"did you mean {lowered[match[0]]}?"
    return "known: " + ", ".join(known) if known else "there are none"
