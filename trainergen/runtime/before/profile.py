"""``--profile``: a few steps under torch.profiler; the ten operations that cost most, and a trace file to look into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.profiler import ProfilerActivity, record_function
from torch.profiler import profile as torch_profile

from ..run_folder import timestamp
from .parts.answers import Answer, Flag, Request, table
from .parts.rehearsal import endless, rehearsal, run_steps

if TYPE_CHECKING:
    from ..trainer import Trainer

FLAG = Flag(
    help="profile a few steps (five, or --max-steps): the ten most expensive operations and a trace file, and end",
    takes_steps=True,
)

STEPS, WARM_UP = 5, 2
MOST = 10
LOADING = "the next batch from the loader"


@dataclass(frozen=True)
class Operation:
    """One operation over all profiled steps.

    Attributes:
        name: ``aten::addmm``.
        calls: how often.
        seconds: its own, without those of what it calls, on the device of the run.
        share: of all own seconds there.
    """

    name: str
    calls: int
    seconds: float
    share: float


@dataclass(frozen=True)
class Profile:
    """What a few steps cost.

    Attributes:
        steps: that were profiled, after `WARM_UP` that were not.
        operations: the most expensive first, at most ten.
        device: whose seconds are counted.
        trace: for chrome://tracing or https://ui.perfetto.dev; None where none was asked for.
    """

    steps: int
    operations: tuple[Operation, ...]
    device: str
    trace: Path | None


def measure(trainer: Trainer[Any, Any], *, steps: int = STEPS, trace: Path | None = None) -> Profile:
    """Profile `steps` optimizer steps of the trainer's own loop, loading included.

    Args:
        trainer: left as it was.
        steps: optimizer steps.
        trace: the file to write, a Chrome trace in JSON; None for none.
    """
    on_cuda = trainer.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with rehearsal(trainer):
        batches = _named(endless(trainer.dataloader))
        run_steps(trainer, batches, steps=WARM_UP)
        with torch_profile(activities=activities) as profiler:
            batches = _named(endless(trainer.dataloader))
            run_steps(trainer, batches, steps=steps)
            if on_cuda:
                torch.cuda.synchronize(trainer.device)
    if trace is not None:
        trace.parent.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(trace))
    kind = "device" if on_cuda else "cpu"
    spent = [(each, getattr(each, f"self_{kind}_time_total") / 1e6) for each in profiler.key_averages()]
    total = sum(seconds for _, seconds in spent) or 1.0
    spent.sort(key=lambda pair: -pair[1])
    operations = tuple(Operation(each.key, each.count, seconds, seconds / total) for each, seconds in spent[:MOST])
    return Profile(steps, operations, trainer.device.type, trace)


def run(request: Request) -> Answer:
    """The flag; the trace goes below `model_save_directory`, beside the runs."""
    trainer = request.trainer()
    trace = Path(request.config.model_save_directory) / "profiles" / f"{trainer.recorder.snake}_{timestamp()}.json"
    found = measure(trainer, steps=request.max_steps or STEPS, trace=trace)
    rows = [("operation", "calls", "ms a step", "share")]
    rows += [
        (each.name, str(each.calls), f"{each.seconds * 1e3 / found.steps:.3f}", f"{each.share:.1%}")
        for each in found.operations
    ]
    title = f"{request.name}: {found.steps} steps on {found.device}, own time of the {len(found.operations)} dearest operations"
    return Answer(title, (*table(rows), f"trace: {trace} (open in https://ui.perfetto.dev or chrome://tracing)"))


def _named(batches: Iterator[Any]) -> Iterator[Any]:
    """`batches`, with the waiting for each under a name of its own in the profile."""
    while True:
        with record_function(LOADING):
            batch = next(batches)
        yield batch
