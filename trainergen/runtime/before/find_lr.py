"""``--find-lr``: raise the rate exponentially over real batches until the loss explodes; suggest one, change nothing."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..callbacks import Callback
from ..errors import TrainingDiverged
from ..run_folder import timestamp
from .parts.answers import Answer, Fault, Flag, Request
from .parts.rehearsal import endless, rehearsal, run_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from ..trainer import Trainer

FLAG = Flag(
    help="find a learning rate by a range test (100 steps, or --max-steps), suggest it, and end",
    takes_steps=True,
)

STEPS = 100
LOWEST, HIGHEST = 1e-7, 10.0
SMOOTHING = 0.9
"""Of the exponential mean, whose start is corrected for (Kingma and Ba 2015, section 3)."""

EXPLODED = 4.0
"""The sweep ends where the smoothed loss is so many times its best (fastai's ``lr_find``)."""

LEAST_FALL = 0.02
"""Of the first loss: a smaller fall is none."""

RULE = "a tenth of the rate at which the smoothed loss is lowest (fastai's lr_find, Howard and Gugger 2020)"


@dataclass(frozen=True)
class RateRange:
    """A range test.

    Attributes:
        rates: of the first parameter group, a step each, growing exponentially.
        losses: before each of these steps.
        smoothed: their exponential mean.
        suggestion: by `RULE`; None where the loss does not fall.
        steepest: the rate at which the smoothed loss falls fastest over log(rate); None as above.
        exploded: the rate at which the sweep was ended; None where it came to its end.
        present: the configured rate.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    steepest: float | None
    exploded: float | None
    present: float


def measure(
    trainer: Trainer[Any, Any], *, steps: int = STEPS, lowest: float = LOWEST, highest: float = HIGHEST
) -> RateRange:
    """The range test of Smith (2017, "Cyclical Learning Rates", section 3.3), judged by `RULE`.

    The rate of step i of n is ``lowest * (highest / lowest) ** (i / (n - 1))``; parameter groups keep their ratios. It ends
    early where the loss is not finite or `EXPLODED` times its best. Beside the suggestion it tells where the loss falls
    fastest, which Smith's reading would begin with. Weights, optimizer, scheduler and random generators are as before
    afterwards.

    Args:
        trainer: the rate of its own optimizer is swept; a second one that `_train_batch` steps keeps its rate.
        steps: optimizer steps, over as many epochs as that takes.
        lowest: the first rate.
        highest: the last.

    Raises:
        ValueError: fewer than three steps, or the rates do not grow.
    """
    if steps < 3 or not 0 < lowest < highest:
        raise ValueError(f"a range test takes three steps or more from a low rate to a higher one, got {steps} steps")
    sweep = _Sweep(trainer, [lowest * (highest / lowest) ** (number / (steps - 1)) for number in range(steps)])
    present = trainer.learning_rate
    with rehearsal(trainer):
        sweep.begin()
        try:
            run_steps(trainer, sweep.batches(endless(trainer.dataloader)), steps=steps, listener=sweep)
        except TrainingDiverged:
            sweep.exploded = sweep.rate
    rates, losses = tuple(sweep.rates), tuple(sweep.losses)
    smoothed = tuple(sweep.smoothed)
    suggestion, steepest = suggest(rates, smoothed)
    return RateRange(rates, losses, smoothed, suggestion, steepest, sweep.exploded, present)


def suggest(rates: tuple[float, ...], smoothed: tuple[float, ...]) -> tuple[float | None, float | None]:
    """The rate by `RULE`, and the one of the steepest fall; None for both where the loss does not fall."""
    if len(rates) < 3 or smoothed[0] - min(smoothed) <= LEAST_FALL * abs(smoothed[0]):
        return None, None
    lowest = min(range(len(smoothed)), key=lambda index: smoothed[index])
    slopes = [
        (smoothed[index + 1] - smoothed[index - 1]) / math.log(rates[index + 1] / rates[index - 1])
        for index in range(1, lowest)
    ]
    steepest = rates[1 + min(range(len(slopes)), key=lambda index: slopes[index])] if slopes else rates[lowest]
    return rates[lowest] / 10, steepest


def draw(found: RateRange) -> Figure:
    """Loss over the rate, logarithmic, with the suggestion.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.11, 0.13, 0.86, 0.78))
    axes.plot(found.rates, found.losses, alpha=0.3, color="C0", label="loss")
    axes.plot(found.rates, found.smoothed, color="C0", label="smoothed")
    axes.axvline(found.present, color="C7", linestyle=":", label=f"now {found.present:.2g}")
    if found.suggestion is not None:
        axes.axvline(found.suggestion, color="C2", label=f"suggested {found.suggestion:.2g}")
    axes.set_xscale("log")
    axes.set(xlabel="learning rate", ylabel="loss", title="range test")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def run(request: Request) -> Answer:
    """The flag; the plot goes below `model_save_directory`, beside the runs."""
    trainer = request.trainer()
    found = measure(trainer, steps=request.max_steps or STEPS)
    ended = "" if found.exploded is None else f"; it exploded at {found.exploded:.2g}"
    lines = [f"{len(found.rates)} steps from {LOWEST:g} towards {HIGHEST:g}{ended}"]
    faults = []
    if found.suggestion is None:
        title = f"{request.name}: no learning rate lowers the loss"
        how = "run --preflight first: target, loss and gradients; then look at the scale of the inputs"
        faults.append(Fault(title.partition(": ")[2], f"{len(found.rates)} steps of the range test", how))
    else:
        title = f"{request.name}: learning_rate {found.suggestion:.2g} suggested, {found.present:.2g} now"
        lines += [f"rule: {RULE}", f"the loss falls fastest at {found.steepest:.2g}", "nothing was changed; to try it:"]
        lines.append(f"  {request.config.SECTION}.learning_rate={found.suggestion:.2g}")
    if importlib.util.find_spec("matplotlib") is None:
        lines.append("no plot: matplotlib is not installed (pip install matplotlib)")
    else:
        path = Path(request.config.model_save_directory) / "rates" / f"{trainer.recorder.snake}_{timestamp()}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(found).savefig(path, dpi=100, format="png")
        lines.append(f"plot: {path}")
    return Answer(title, tuple(lines), tuple(faults))


class _Sweep(Callback):
    """Sets the rate before each step and notes the loss of the one that was taken."""

    def __init__(self, trainer: Trainer[Any, Any], planned: list[float]) -> None:
        self._trainer = trainer
        self._planned = planned
        self._ratios: list[float] = []
        self._mean = 0.0
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.exploded: float | None = None

    @property
    def rate(self) -> float:
        """Of the step that is taken now."""
        return self._planned[min(len(self.losses), len(self._planned) - 1)]

    def begin(self) -> None:
        """Take the groups' ratios, and set the first rate."""
        first = self._trainer.learning_rate
        self._ratios = [float(group["lr"]) / first if first else 1.0 for group in self._trainer.optimizer.param_groups]
        self._set()

    def batches(self, batches: Iterator[Any]) -> Iterator[Any]:
        """`batches`, until the loss explodes."""
        for batch in batches:
            yield batch
            if self.exploded is not None:
                return

    def on_step_end(self, trainer: Trainer[Any, Any], loss: torch.Tensor) -> None:  # noqa: ARG002
        """Note the loss, smooth it, set the next rate."""
        value = loss.item()
        if not math.isfinite(value):
            self.exploded = self.rate
            return
        self.rates.append(self.rate)
        self.losses.append(value)
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * value
        self.smoothed.append(self._mean / (1 - SMOOTHING ** len(self.losses)))
        best = min(self.smoothed)
        if self.smoothed[-1] - best > (EXPLODED - 1) * max(abs(best), LEAST_FALL * abs(self.losses[0])):
            self.exploded = self.rates[-1]
        self._set()

    def _set(self) -> None:
        for group, ratio in zip(self._trainer.optimizer.param_groups, self._ratios, strict=True):
            group["lr"] = self.rate * ratio
