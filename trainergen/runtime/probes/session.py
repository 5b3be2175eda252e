"""What every probe sees of a trainer, and the form in which it says what it saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from torch import nn
    from torch.optim import Optimizer


class Session(Protocol):
    """A trainer under measurement. A contract's ``drive.open`` makes one; the bare control loop is another.

    Where a trainer has no such thing, `step`, `loss` and `finish` answer None and `pretend` answers False: the probe
    then reports that it did not measure.
    """

    @property
    def model(self) -> nn.Module:
        """The module that is trained."""

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that steps it; None where there is not exactly one."""

    @property
    def clip_norm(self) -> float | None:
        """The norm that gradients are clipped to before the optimizer sees them; None: not clipped."""

    def step(self, batch: Any) -> float | None:
        """One optimizer step on `batch`, through the trainer's own loop; the loss before the step."""

    def evaluate(self) -> dict[str, float]:
        """One evaluation over the session's validation batch."""

    def state(self) -> bytes:
        """Everything that a checkpoint holds, as its file would."""

    def load_state(self, state: bytes) -> None:
        """Go on from there, as a resumed run does."""

    def loss(self, batch: Any) -> object | None:
        """What the trainer computes as its loss, as it is: attached if all is well. Nothing is stepped."""

    def metrics(self) -> Mapping[str, Any]:
        """What the last batch left to be logged, as it is."""

    def finish(self) -> Path | None:
        """The end of a training; the weight file that it leaves."""

    def pretend(self, device: torch.device) -> bool:
        """Have the trainer say that it is on `device`; nothing moves, and nothing is stepped afterwards."""


@dataclass(frozen=True)
class Fault:
    """One thing that a probe did not expect.

    Attributes:
        kind: what sort of thing (``no-gradient``); with `subject` it identifies the fault between two sessions.
        subject: what it happened to: a parameter, a buffer, a metric; "" for the trainer as a whole.
        text: what was seen, one line.
        hint: how to fix it.
        mild: worth saying, never worth blocking for.
    """

    kind: str
    subject: str
    text: str
    hint: str | None = None
    mild: bool = False


@dataclass(frozen=True)
class Measurement:
    """What one probe saw.

    Attributes:
        probe: its name, that of its file.
        title: what was seen, one line.
        faults: what was not expected, in the order of the model.
        numbers: figures for reports.
        measured: False where the session has no such thing to measure; `title` then says what is missing.
    """

    probe: str
    title: str
    faults: tuple[Fault, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    measured: bool = True


def unmeasured(probe: str, title: str) -> Measurement:
    """A probe that had nothing to measure."""
    return Measurement(probe, title, measured=False)
