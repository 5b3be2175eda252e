"""The run that `crash.py` lets everything happen to, and what is said of how it ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from crash_kills import live

from tests.runtime.toys import Batch, ToyTrainer, settings
from trainergen.runtime.history import CIRCUMSTANCES, read_history

EVERY = 2
"""Steps from one checkpoint to the next."""

EPOCHS = 4
Tell = Callable[[str], None]


class Telling(ToyTrainer):
    """Tells which step it begins, so that somebody outside knows how far it was."""

    tell: Tell = staticmethod(lambda line: None)
    disturb: Callable[[int], None] = staticmethod(lambda step: None)

    def compute_loss(self, batch: Batch) -> torch.Tensor:
        if self.model.training:
            self.tell(f"step {self.step}")
            self.disturb(self.step)
        return super().compute_loss(batch)


def train(folder: Path, tell: Tell, disturb: Callable[[int], None] = lambda step: None, **changes: Any) -> None:
    """Train below `folder`, going on where there is something to go on from."""
    settled: dict[str, Any] = {"num_epochs": EPOCHS, "checkpoint_every_n_steps": EVERY, "early_stopping_patience": None}
    trainer = Telling.from_config(settings(folder, **settled | changes), resume="auto")
    trainer.tell, trainer.disturb = tell, disturb  # type: ignore[method-assign]
    trainer.train()


def end_of(folder: Path) -> str | None:
    """Final weights and history of the finished run below `folder`, as a hash of all their bits; None without one."""
    for run in folder.glob("runs/*"):
        with contextlib.suppress(FileNotFoundError):
            manifest = json.loads((run / "manifest.json").read_text())
            if manifest["status"] == "finished":
                state = torch.load(run / manifest["checkpoints"]["final"], weights_only=True)
                weights = [each.double().flatten().tolist() for each in state.values()]
                records = [{key: each[key] for key in each if key not in CIRCUMSTANCES} for each in read_history(run)]
                return hashlib.sha256(json.dumps([weights, records]).encode()).hexdigest()
    return None


@dataclass
class Outcome:
    """One row of the table.

    Attributes:
        scenario: what failed.
        times: how often.
        lost: the most steps done again after one of them.
        unaided: whether `resume="auto"` was enough each time.
        equal: whether the end is the undisturbed run's.
        said: the error that the user sees, or what else there is to tell.
    """

    scenario: str
    times: int = 0
    lost: int = 0
    unaided: bool = True
    equal: bool = True
    said: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return self.unaided and self.equal and self.lost <= EVERY and self.times > 0


def undisturbed(folder: Path) -> str:
    """The end of a run that nothing happens to."""
    life = live(lambda tell: train(folder, tell))
    found = end_of(folder)
    assert found is not None, life.error
    return found


def settle(found: Outcome, place: Path, begun: int, expected: str, error: str = "") -> None:
    """The run is started again; what came of it is added to the outcome."""
    again = live(lambda tell: train(place, tell))
    steps = again.numbers("step") or [begun]
    found.times += 1
    found.unaided &= again.code == 0
    found.lost = max(found.lost, begun + 1 - steps[0])
    found.equal &= end_of(place) == expected
    lines = [line for line in error.splitlines() if line and not line.startswith((" ", "Traceback"))]
    found.said = lines[-1] if lines else found.said
