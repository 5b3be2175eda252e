"""What can go wrong in a run, as types that carry what a program needs to react."""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar


class InvalidConfig(ValueError):
    """A configuration that no run can begin with: a value (`SettingError`) or a file (`ConfigError`).

    Attributes:
        details: where it stands, JSON-able.
        suggestion: what to try.
    """

    suggestion = "correct the setting where the message says it stands"

    def __init__(self, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.details = dict(details)

    def to_json(self) -> dict[str, Any]:
        """The error as data, under the keys that `TrainingError.to_json` has."""
        return {
            "error": type(self).__name__,
            "what": str(self),
            "epoch": 0,
            "step": 0,
            "checkpoint": None,
            "details": self.details,
            "suggestion": self.suggestion,
        }


class SettingError(InvalidConfig):
    """A setting has an impossible value; `field` is its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}", {"field": field})
        self.field = field


class ConfigError(InvalidConfig):
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
        said = {"file": None if file is None else str(file), "line": line, "section": section, "key": key}
        super().__init__(": ".join(part for part in parts if part), said)
        self.file, self.line, self.section, self.key = file, line, section, key


class TrainingError(RuntimeError):
    """What ended a run, with what a program needs to react.

    Attributes:
        what: one phrase.
        epoch: the epoch it happened in, counted from 1; 0 before the first.
        step: the optimizer step it would have become, counted from 1; 0 before the first.
        checkpoint: the last valid checkpoint, or None.
        details: further facts, JSON-able.
        suggestion: what to try.
    """

    suggestion = ""
    on_every_rank: ClassVar[bool] = True
    """Whether all processes of a run come to this end together; otherwise nobody waits for the others."""

    def __init__(
        self,
        what: str,
        *,
        epoch: int = 0,
        step: int = 0,
        checkpoint: Path | None = None,
        details: Mapping[str, Any] | None = None,
        suggestion: str | None = None,
    ) -> None:
        self.what, self.epoch, self.step, self.checkpoint = what, epoch, step, checkpoint
        self.details = dict(details or {})
        self.suggestion = type(self).suggestion if suggestion is None else suggestion
        where = f" in epoch {epoch}, step {step}" if epoch else ""
        saved = f"; last valid checkpoint: {checkpoint}" if checkpoint is not None else "; no checkpoint yet"
        advice = f". Try: {self.suggestion}." if self.suggestion else ""
        super().__init__(f"{what}{where}{saved if epoch else ''}{advice}")

    def to_json(self) -> dict[str, Any]:
        """The error as data: ``{"error", "what", "epoch", "step", "checkpoint", "details", "suggestion"}``."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "epoch": self.epoch,
            "step": self.step,
            "checkpoint": None if self.checkpoint is None else str(self.checkpoint),
            "details": self.details,
            "suggestion": self.suggestion,
        }


class CheckpointError(RuntimeError):
    """A checkpoint can't be written, verified, read, or does not fit this trainer."""


class CheckpointCorrupt(TrainingError, CheckpointError):
    """A checkpoint can't be read: torn, changed, or no checkpoint at all. ``details["file"]`` is the file."""

    suggestion = "resume from the run's folder, which takes the newest checkpoint that can be read"


class EmptyDataset(TrainingError, ValueError):
    """A loader gave no batch in an epoch, so there was nothing to learn from, or to evaluate on."""

    suggestion = "look whether it is empty, drops its only batch (drop_last), or is an iterator that was used up"


class OutOfMemory(TrainingError):
    """A step needs more memory than there is; nothing is tried again. Weights are those of the last finished step.

    ``details``: ``batch_size``, ``accumulation_steps``, ``precision``, ``device``, ``allocated`` and ``peak`` (bytes that
    tensors held on the device, None on the CPU), ``process`` (bytes of this process), ``message`` (the allocator's).
    """

    on_every_rank = False


class OtherRankFailed(RuntimeError):
    """Another process of this run could not do its part; it says why itself."""


class TrainingDiverged(TrainingError):
    """The training gets worse instead of better; nothing of what it was is lost: see `checkpoint`."""

    suggestion = "lower learning_rate, set gradient_clip_norm, or look for bad values in this batch"


class NonFiniteLoss(TrainingDiverged):
    """A loss or a gradient norm is not finite; the optimizer did not step on it (on CPU).

    ``details["batch"]`` is the file that holds the batch, where it could be saved.
    """


class TrainingStuck(TrainingError):
    """Nothing is learnt, and nothing will be: no parameter gets a gradient."""

    suggestion = "is the output detached, is every parameter frozen, does the loss saturate at its start?"


class TrainingTerminated(SystemExit):
    """Somebody asked the process to end (SIGTERM): the checkpoint is written, the exit status is the signal's.

    Attributes:
        checkpoint: what to resume from.
    """

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(128 + signal.SIGTERM)
        self.checkpoint = checkpoint


def full_text(problem: BaseException) -> str:
    """``ValueError: what; note``: what Python prints of it without the traceback, in a line."""
    return "; ".join([f"{type(problem).__name__}: {problem}", *getattr(problem, "__notes__", ())])


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A sentence that helps with a misspelt word: the nearest choice (difflib, ratio 0.6), else all of them."""
    known = sorted(choices)
    lowered = {choice.lower(): choice for choice in known}
    match = difflib.get_close_matches(word.lower(), list(lowered), n=1)
    if match:
        return f"did you mean {lowered[match[0]]}?"
    return "known: " + ", ".join(known) if known else "there are none"
