"""What a trainer offers around its loop: resuming, weights, metrics drawn again, which of several processes it is."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.optim import Optimizer

from .contract import BatchT, ConfigT, TrainerContract
from .distribution import Distribution
from .history import read_history
from .plots import default_plot_path, plot_metric

if TYPE_CHECKING:
    from .averaging import Averaging
    from .ranks import Ranks
    from .recorder import RunRecorder

logger = logging.getLogger("trainergen")


class TrainerResults(TrainerContract[BatchT, ConfigT]):
    """The side of `Trainer` that neither subclasses fill in nor the loop needs."""

    optimizer: Optimizer
    recorder: RunRecorder
    distribution: Distribution | None
    averaging: Averaging | None
    _ranks: Ranks | None

    def resume(self, source: Path | str) -> bool:
        """Go on where an earlier run stopped; to be called before `train`.

        Args:
            source: ``"auto"`` for this trainer's newest unfinished run (a new one begins if there is none), a run's
                folder or manifest.json (its newest valid checkpoint), or a ``step-*.pt`` file.

        Returns:
            Whether something was resumed.

        Raises:
            CheckpointError: nothing there can be resumed from, or it is another trainer's.
        """
        return self.recorder.resume(source)

    def save_weights(self, directory: Path | None = None) -> Path:
        """Save the state_dict as ``<snake>_<timestamp>_loss<best monitored value>.pt``, the manifest's ``final``.

        Args:
            directory: None for the run's ``checkpoints/``.
        """
        path = self.recorder.save_weights(directory)
        logger.info("weights saved in %s", path)
        return path

    @property
    def run_directory(self) -> Path | None:
        """The run's folder, once something was written."""
        return self.recorder.directory

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes: the only one, or rank 0."""
        return self.distribution is None or self.distribution.is_main

    @property
    def is_sharded(self) -> bool:
        """Whether this process holds but a part of the model."""
        return self._ranks is not None and self._ranks.sharded

    def averaged_weights(self) -> AbstractContextManager[None]:
        """A context in which the model has its averaged weights, which validation and the weight files have.

        Outside, and after it, it has those that are trained, to the bit. Where nothing is averaged nothing happens.
        """
        return nullcontext() if self.averaging is None else self.averaging.applied()

    def _gather_parts(self) -> None:
        if self.is_sharded:
            from .shards import gather_parts

            gather_parts(self.model)

    def mean_over_ranks(self, loss: torch.Tensor) -> float:
        """The mean of the last training batch's `loss` over all ranks, weighted. Waits for the device, and for them."""
        return loss.item() if self._ranks is None else self._ranks.mean(loss)

    @property
    def learning_rate(self) -> float:
        """The rate of the optimizer's first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    @classmethod
    def replot_metric(
        cls, run_file: Path | str, metric: str = "loss", *, output_path: Path | str | None = None, show: bool = False
    ) -> Path:
        """Draw a metric of a run again.

        Args:
            run_file: the run's folder, its history.jsonl or its manifest.json.
            metric: a name (training and validation together), a dotted path (``validation.loss``), ``learning_rate``.
            output_path: the PNG; None for ``plots/<metric>.png`` in the run's folder.
            show: open a window as well.

        Raises:
            KeyError: the history has no such metric.
            ImportError: matplotlib is not installed.
        """
        run_file = Path(run_file)
        target = default_plot_path(run_file, metric) if output_path is None else Path(output_path)
        return plot_metric(read_history(run_file), metric, target, show=show)
