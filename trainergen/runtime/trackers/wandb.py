"""Tracker ``wandb``: Weights & Biases, without network unless the environment says how to reach it."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping
from typing import Any

from . import TrackedRun, Tracker

logger = logging.getLogger("trainergen")


class WeightsAndBiases(Tracker):
    """Online where ``WANDB_API_KEY`` is set, else offline below the run's folder (``wandb sync`` uploads it later).

    ``WANDB_MODE`` wins, as do the other variables of wandb (``WANDB_PROJECT``, ``WANDB_ENTITY``). Never asks for a key.
    """

    packages = ("wandb",)
    install = "wandb"

    def __init__(self, run: TrackedRun) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # a run's failures are nobody else's business
        wandb: Any = importlib.import_module("wandb")  # so that a type checker is content where it is not installed
        mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or run.trainer,
            id=run.run_id,
            name=run.name,
            dir=run.folder,
            config=dict(run.config),
            mode=mode,
            resume="allow",
            settings=wandb.Settings(console="off", silent=True),
        )
        if mode == "offline":
            logger.info("wandb records offline; to upload it: wandb sync %s", run.folder / "wandb" / "offline-run-*")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hand the values to wandb's own process."""
        self._run.log(dict(values), step=step)

    def finish(self, status: str) -> None:
        """Say how the run ended."""
        self._run.finish(exit_code=0 if status == "finished" else 1)


TRACKER = WeightsAndBiases
