"""How fast a run is, how long it will take, what it holds in memory: known without waiting for the device."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .contract import TrainerContract
from .flops import peak_flops
from .schedulers import batches_an_epoch

if TYPE_CHECKING:
    from .trainer import Trainer


class Pace:
    """The clock of one trainer's session: `Pulse` tells it of epochs and steps, whoever reports asks it.

    Args:
        trainer: whose steps are counted.

    Attributes:
        loss: the last batch's loss that was read, or None; on a GPU that of the last log interval.
        flops_a_weight: operations of a batch over its weight, where they were counted.
        last_step: when the last optimizer step ended (``time.monotonic``).
    """

    def __init__(self, trainer: Trainer[Any, Any]) -> None:
        self._trainer = trainer
        self.loss: float | None = None
        self.flops_a_weight: float | None = None
        self.last_step = 0.0
        self._read_at = -1
        self._session: tuple[float, int] | None = None
        self._epoch: tuple[float, int] | None = None
        self._first: tuple[float, int] | None = None
        self._whole_epoch = False
        self._seconds = self._weight = 0.0
        self._fed = self._waited = 0.0
        self._batches = self._steps = 0

    def begin(self) -> None:
        """A session begins."""
        self._session = (time.monotonic(), self._trainer.step)
        self._epoch = self._first = None

    def begin_epoch(self) -> None:
        """An epoch begins; of one that is resumed in its middle only a part will be seen."""
        self.last_step = time.monotonic()
        self._epoch, self._first = (self.last_step, self._trainer.step), None
        self._whole_epoch = not self._trainer.feed.resumes_inside

    def mark_first_step(self) -> None:
        """The rate is counted from here: the epoch's first step also started the loader."""
        if self._first is None:
            self._first = (self.last_step, self._trainer.step)

    def end_epoch(self) -> None:
        """An epoch and its validation are over: what it trained on counts into `throughput`."""
        if self._epoch is None or not self._whole_epoch or self._trainer.means.weight is None:
            return
        started, step = self._epoch
        self._seconds += self.last_step - started
        self._fed += self._trainer.feed.seconds
        self._waited += self._trainer.feed.waited
        self._weight += self._trainer.means.weight
        self._batches += self._trainer.means.batches
        self._steps += self._trainer.step - step

    def read(self, loss: torch.Tensor) -> float:
        """The value of `loss`, the last step's; waits for the device, but once a step, whoever asks.

        Raises:
            NonFiniteLoss: one since the epoch began was not finite.
        """
        if self._read_at != self._trainer.step or self.loss is None:
            self.loss, bad_step = self._trainer.means.look(loss)
            self._read_at = self._trainer.step
            if bad_step is not None:
                self._trainer.check_finite()
        return self.loss

    def note(self, value: float) -> None:
        """Have `read` give this for the last step: what is the mean over all ranks."""
        self.loss, self._read_at = value, self._trainer.step

    @property
    def steps_per_second(self) -> float | None:
        """Optimizer steps a second in this epoch; None before its second step."""
        if self._first is None:
            return None
        moment, step = self._first
        return _ratio(self._trainer.step - step, self.last_step - moment)

    @property
    def planned_steps(self) -> int | None:
        """Steps of the whole run, if nothing ends it early; None where the loader has no length and no epoch is over."""
        config, trainer = self._trainer.config, self._trainer
        an_epoch = self.steps_an_epoch
        limit = config.max_steps if trainer.dry_run_steps is None else trainer.dry_run_steps
        found = [each for each in (None if an_epoch is None else an_epoch * config.num_epochs, limit) if each]
        return min(found) if found else None

    @property
    def steps_an_epoch(self) -> int | None:
        """Optimizer steps of an epoch, as the loader says, else as they were so far."""
        trainer = self._trainer
        batches = batches_an_epoch(trainer.dataloader)
        if batches is not None:
            return -(-batches // (1 if trainer.manual_step else trainer.config.accumulation_steps))
        return round(trainer.history[-1]["step"] / trainer.history[-1]["epoch"]) if trainer.history else None

    @property
    def steps_into_epoch(self) -> int:
        """Steps since the present epoch began, in whichever session."""
        history = self._trainer.history
        return self._trainer.step - (history[-1]["step"] if history else 0)

    @property
    def seconds(self) -> float:
        """Since the session began."""
        return 0.0 if self._session is None else time.monotonic() - self._session[0]

    @property
    def eta_seconds(self) -> float | None:
        """Until the last planned step, at the session's rate, validation and saving included."""
        planned = self.planned_steps
        if self._session is None or planned is None:
            return None
        for_one = _ratio(self.seconds, self._trainer.step - self._session[1])
        return None if for_one is None else for_one * max(0, planned - self._trainer.step)

    def throughput(self) -> dict[str, float | None]:
        """Means over the session's whole epochs, validation left out; None where nothing is known.

        ``samples_per_second`` is exact where `_batch_weight` counts samples; where a trainer overrides that to count
        tokens, these are ``tokens_per_second``, and samples are the loader's ``batch_size`` a batch.
        ``flops_per_second`` is known with `measure_flops`, each device's share of it over its peak is ``mfu`` (Chowdhery
        et al. 2022, appendix B). ``loader_wait_share`` is the share, 0 to 1, in which training waited for batches.
        """
        config = self._trainer.config
        weights = _ratio(self._weight, self._seconds)
        batches = _ratio(self._batches, self._seconds)
        counts_samples = type(self._trainer)._batch_weight is TrainerContract._batch_weight
        size = getattr(self._trainer.dataloader, "batch_size", None)
        flops = None if weights is None or self.flops_a_weight is None else weights * self.flops_a_weight
        peak = None if flops is None else config.device_peak_flops or peak_flops(self._trainer.device, config.precision)
        devices = 1 if self._trainer.distribution is None else self._trainer.distribution.world_size
        by_size = batches * size if batches is not None and isinstance(size, int) else None
        return {
            "steps_per_second": _ratio(self._steps, self._seconds),
            "batches_per_second": batches,
            "samples_per_second": weights if counts_samples else by_size,
            "tokens_per_second": None if counts_samples else weights,
            "flops_per_second": flops,
            "loader_wait_share": min(1.0, self._waited / self._fed) if self._fed else None,
            "mfu": None if flops is None or peak is None else flops / (peak * devices),
        }


def memory(device: torch.device) -> dict[str, int | None]:
    """Bytes: this process's now, and on CUDA what tensors hold of `device`, now and at most; no wait, no sync."""
    on_cuda = device.type == "cuda"
    return {
        "process_bytes": _process_bytes(),
        "device_bytes": torch.cuda.memory_allocated(device) if on_cuda else None,
        "device_peak_bytes": torch.cuda.max_memory_allocated(device) if on_cuda else None,
    }


def _process_bytes() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # not on Linux: the most it ever was
        return _peak_process_bytes()


def _peak_process_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _ratio(amount: float, of: float) -> float | None:
    return amount / of if amount > 0 and of > 0 else None
