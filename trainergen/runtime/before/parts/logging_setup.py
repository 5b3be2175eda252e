"""Will a run be heard? Where log lines go, and whether what is to be written has a place and what it needs is installed."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .answers import Fault, in_bytes

if TYPE_CHECKING:
    from ...config import BaseTrainerConfig

LOGGER = "trainergen"


def check_logging(config: BaseTrainerConfig, checkpoint_bytes: int) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """Lines about handlers, folder, disk, trackers and plots; faults where one of them will fail.

    Args:
        config: the run's.
        checkpoint_bytes: of one resumable checkpoint, about.
    """
    lines, faults = list[str](), list[Fault]()
    logger = logging.getLogger(LOGGER)
    handlers = _handlers(logger)
    if not handlers or not logger.isEnabledFor(logging.INFO):
        what = "has no handler" if not handlers else f"is at {logging.getLevelName(logger.getEffectiveLevel())}"
        how = "logging.basicConfig(level=logging.INFO) before the training"
        faults.append(
            Fault(f"the logger {LOGGER!r} {what}: epochs are trained without a line", "logging", how, mild=True)
        )
    files = [Path(each.baseFilename) for each in handlers if isinstance(each, logging.FileHandler)]
    named = [type(each).__name__ for each in handlers]
    lines.append(f"logging: {', '.join(named) or 'nowhere'}" + "".join(f", {file}" for file in files))
    folder = Path(config.model_save_directory)
    existing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        how = "choose another model_save_directory, or change its permissions"
        faults.append(Fault(f"{existing} can't be written to", f"model_save_directory = {folder}", how))
    free, kept = shutil.disk_usage(existing).free, (config.keep_last_checkpoints or 1) + 2
    lines.append(f"folder: {folder}, {in_bytes(free)} free; a checkpoint takes about {in_bytes(checkpoint_bytes)}")
    if free < kept * checkpoint_bytes:
        how = "free some, keep fewer (keep_last_checkpoints), or choose another model_save_directory"
        faults.append(Fault(f"{kept} checkpoints need {in_bytes(kept * checkpoint_bytes)}", str(existing), how))
    plots = "no plots: matplotlib is not installed" if importlib.util.find_spec("matplotlib") is None else "plots"
    lines.append(f"trackers: {', '.join(config.trackers) or 'none'}; {plots}")
    return tuple(lines), tuple(faults)


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    """Those that a record of `logger` comes to."""
    found: list[logging.Handler] = []
    each: logging.Logger | None = logger
    while each is not None:
        found += each.handlers
        each = each.parent if each.propagate else None
    return found
