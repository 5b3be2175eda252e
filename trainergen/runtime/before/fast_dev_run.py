"""``--fast-dev-run``: one batch of each loader through a whole run, its checkpoint, a resume and a plot; nothing stays."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..history import FILE, read_history
from .parts.answers import Answer, Fault, Flag, Request, in_bytes

if TYPE_CHECKING:
    from ..config import BaseTrainerConfig
    from ..trainer import Trainer

FLAG = Flag(
    help="one training and one validation batch through everything: checkpoint, resume, weights, plot; nothing is kept"
)

EPOCHS = 2
"""Of one batch each: the second is what a resumed run repeats."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One part of a run that worked.

    Attributes:
        name: what was done.
        result: what came of it.
        seconds: it took.
    """

    name: str
    result: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class FastDevRun:
    """A run that went through.

    Attributes:
        stages: in their order.
        difference: the largest by which a weight of the resumed run differs from the uninterrupted one's; 0 as it should be.
    """

    stages: tuple[Stage, ...]
    difference: float


def measure(trainer_class: type[Trainer[Any, Any]], config: BaseTrainerConfig) -> FastDevRun:
    """Train two epochs of one batch, then resume from the first one's checkpoint with a second trainer, and compare.

    Everything lies in a temporary folder. Trackers are left out: a run that is none has no place among the others.

    Args:
        trainer_class: built twice, as a run builds it.
        config: the settings; length, intervals, trackers and folder become those of this run.

    Raises:
        Exception: whatever goes wrong in a stage, as it is, with a note that names the stage.
    """
    run = _Stages()
    with tempfile.TemporaryDirectory(prefix="fast-dev-run-") as folder:
        quick = dataclasses.replace(
            config,
            num_epochs=EPOCHS,
            max_steps=None,
            validation_interval_epochs=1,
            log_every_n_steps=1,
            trackers=(),
            model_save_directory=Path(folder) / "saved",
        )
        with run.stage("build"):
            loaders = [None if each is None else _First(each) for each in trainer_class.build_dataloaders(quick)]
            first = trainer_class.from_config(quick, dataloader=loaders[0], val_dataloader=loaders[1])
            run.result = f"{type(first.model).__name__} on {first.device}"
        with run.stage("train"):
            record = first.train()[-1]
            run.result = f"{first.step} steps, loss {record['train']['loss']:.4g}"
        with run.stage("validate"):
            seen = record["validation"]
            run.result = "no validation loader" if seen is None else f"one batch, loss {seen['loss']:.4g}"
        with run.stage("checkpoint"):
            oldest = first.recorder.store.resumable()[0]
            copied = Path(folder) / "interrupted" / oldest.name  # as if the run had ended there
            copied.parent.mkdir()
            shutil.copy(oldest, copied)
            run.result = f"{oldest.name}, {in_bytes(oldest.stat().st_size)}"
        with run.stage("weights"):
            run.result = _saved_weights(first)
        with run.stage("resume"):
            second = trainer_class.from_config(quick, dataloader=loaders[0], val_dataloader=loaders[1])
            second.resume(copied)
            run.result = f"from epoch {second.epoch}, step {second.step}"
            second.train()
            epochs = [each["epoch"] for each in read_history(_folder(second) / FILE)]
            if epochs != [each["epoch"] for each in first.history]:
                raise RuntimeError(f"the resumed run's history has the epochs {epochs}")
            difference = _difference(first, second)
            run.result += (
                ", then as if never interrupted" if difference == 0 else f"; weights differ by {difference:.2g}"
            )
        with run.stage("plot"):
            if importlib.util.find_spec("matplotlib") is None:
                run.result = "left out: matplotlib is not installed"
            else:
                image = trainer_class.replot_metric(_folder(first))
                run.result = f"{image.name}, {in_bytes(image.stat().st_size)}"
    return FastDevRun(tuple(run.done), difference)


def run(request: Request) -> Answer:
    """The flag."""
    found = measure(request.trainer_class, request.config)
    width = max(len(stage.name) for stage in found.stages)
    lines = [f"{stage.name.ljust(width)}  {stage.result}  ({stage.seconds:.1f} s)" for stage in found.stages]
    faults = []
    if found.difference:
        faults.append(
            Fault(
                f"a resumed run is not the uninterrupted one: a weight differs by {found.difference:.2g}",
                request.name,
                "what draws random numbers of its own (a generator in the data set, the clock as a seed), what keeps a state"
                " that is no attribute of the trainer, or operations that are not deterministic on this device",
                mild=True,
            )
        )
    return Answer(f"{request.name}: a whole run works; nothing was kept", tuple(lines), tuple(faults))


class _Stages:
    """What has worked so far."""

    def __init__(self) -> None:
        self.done: list[Stage] = []
        self.result = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """One stage; what goes wrong in it is told with its name."""
        started = time.perf_counter()
        try:
            yield
        except Exception as problem:
            earlier = ", ".join(stage.name for stage in self.done)
            problem.add_note(
                f"in --fast-dev-run, stage {name!r}" + (f"; before it worked: {earlier}" if earlier else "")
            )
            raise
        self.done.append(Stage(name, self.result, time.perf_counter() - started))


class _First(Iterable[Any]):
    """The first batch of a loader, anew in each epoch."""

    def __init__(self, loader: Iterable[Any]) -> None:
        self._loader = loader

    def __iter__(self) -> Iterator[Any]:
        return itertools.islice(iter(self._loader), 1)

    def __len__(self) -> int:
        return 1


def _folder(trainer: Trainer[Any, Any]) -> Path:
    found = trainer.run_directory
    if found is None:
        raise RuntimeError("the run left no folder")
    return found


def _saved_weights(trainer: Trainer[Any, Any]) -> str:
    path = trainer.recorder.final
    if path is None:
        raise RuntimeError("the run left no weights")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    missing = sorted(set(saved) ^ set(trainer.model.state_dict()))
    if missing:
        raise RuntimeError(f"{path.name} and the model differ in {', '.join(missing[:3])}")
    return f"{path.name}, {in_bytes(path.stat().st_size)}"


def _difference(first: Trainer[Any, Any], second: Trainer[Any, Any]) -> float:
    states = (first.model.state_dict(), second.model.state_dict())
    pairs = [(states[0][name], states[1][name]) for name in states[0] if isinstance(states[0][name], torch.Tensor)]
    return max((float((a.double() - b.double()).abs().max()) for a, b in pairs if a.numel()), default=0.0)
