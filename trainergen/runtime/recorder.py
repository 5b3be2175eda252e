"""What a run leaves on the disk, and when: folder, manifest, status, history, checkpoints, weights, plots."""

from __future__ import annotations

import json
import logging
import math
import pickle
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import write_tensors
from .checkpoints import CheckpointStore, load_state
from .errors import CheckpointError, TrainingDiverged, TrainingError
from .history import FILE, append_record, rewrite_history
from .manifest import Manifest, now, write_status
from .plots import plot_all
from .run_folder import MANIFEST, RUNS, RunLock, create_run_folder, find_unfinished_run, snake_case, timestamp
from .state import capture_state, restore_state

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")


class RunRecorder:
    """The files of one trainer's run. The folder is created when the first of them is written.

    Args:
        trainer: whose run it is.
        run_name: the folder's name below ``<model_save_directory>/runs``; None for ``<snake>_<timestamp>``.
        run_directory: the folder itself, instead.
    """

    def __init__(self, trainer: Trainer[Any, Any], run_name: str | None, run_directory: Path | None) -> None:
        self._trainer = trainer
        self._run_name = run_name
        self._wanted = run_directory
        self._manifest: Manifest | None = None
        self._resumed_from: Path | None = None
        self._final: Path | None = None
        self.directory: Path | None = None

    @property
    def snake(self) -> str:
        """What run folders and weight files of this trainer are called."""
        name = type(self._trainer).__name__.removesuffix("Trainer") or type(self._trainer.model).__name__
        return snake_case(name)

    @property
    def store(self) -> CheckpointStore:
        """The run's checkpoints."""
        return CheckpointStore(self.open() / "checkpoints", self._trainer.config.keep_last_checkpoints)

    def open(self) -> Path:
        """The run's folder, created if need be; in a dry run a temporary one.

        Raises:
            FileExistsError: the folder asked for holds a run already.
        """
        if self.directory is None:
            if self._trainer.dry_run_steps is not None:
                self.directory = Path(tempfile.mkdtemp(prefix="dry-run-"))
            elif self._wanted is not None:
                if (self._wanted / MANIFEST).exists():
                    raise FileExistsError(f"{self._wanted} holds a run already: resume it, or choose another folder")
                self._wanted.mkdir(parents=True, exist_ok=True)
                self.directory = self._wanted
            else:
                parent = Path(self._trainer.config.model_save_directory) / RUNS
                self.directory = create_run_folder(parent, self._run_name or f"{self.snake}_{timestamp()}")
        return self.directory

    @contextmanager
    def session(self) -> Iterator[None]:
        """A run from its first step to its last: the status always says how it ended; a dry run leaves nothing."""
        folder, started = self.open(), time.perf_counter()
        lock = RunLock(folder)
        if not lock.acquire():
            raise CheckpointError(f"another process trains in {folder}")
        try:
            self._begin(folder)
            yield
            self._end("finished", started)
        except BaseException as problem:
            status = "failed" if isinstance(problem, Exception) else "interrupted"
            status = "diverged" if isinstance(problem, TrainingDiverged) else status
            try:
                self._end(status, started, problem)
            except OSError:  # a full disk must not hide what stopped the training
                logger.exception("the end of the run could not be recorded")
            raise
        finally:
            lock.release()
            if self._trainer.dry_run_steps is not None:
                shutil.rmtree(folder, ignore_errors=True)
                self.directory = None

    def record_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """An epoch is over: its record, the best weights if it is the best, a checkpoint, manifest and status."""
        append_record(self.open() / FILE, record)
        if is_best:
            self.store.save_best(self._trainer.model.state_dict())
        self.save_checkpoint()

    def save_checkpoint(self) -> Path:
        """Save the present state, to be resumed from."""
        path = self.store.save_state(self._trainer.step, capture_state(self._trainer))
        self._write_manifest()
        write_status(self.open(), self._trainer, "running")
        return path

    def save_weights(self, directory: Path | None = None) -> Path:
        """Save the model's weights under a name that says when and how good; a dry run only into its own folder."""
        if directory is None or self._trainer.dry_run_steps is not None:
            directory = self.store.directory
        directory.mkdir(parents=True, exist_ok=True)
        best = self._trainer.early_stopping.best
        stem = f"{self.snake}_{timestamp()}_loss{'nan' if math.isnan(best) else format(best, '.4g')}"
        path, number = directory / f"{stem}.pt", 2
        while path.exists():
            path, number = directory / f"{stem}-{number}.pt", number + 1
        write_tensors(path, self._trainer.model.state_dict())
        self._final = path
        if self._manifest is not None:
            self._write_manifest()
        return path

    def save_bad_batch(self, batch: Any) -> Path | None:
        """Keep the batch that made a loss not finite, for a look at it; None where it can't be saved.

        The run has failed already: what goes wrong here is logged.
        """
        path = self.open() / f"bad-batch-step-{self._trainer.step + 1:08d}.pt"
        try:
            write_tensors(path, batch)
        except (CheckpointError, OSError, TypeError, AttributeError, pickle.PicklingError):
            logger.warning("the batch of step %d could not be saved", self._trainer.step + 1, exc_info=True)
            return None
        return path

    def ensure_final_weights(self, earlier: Path | None) -> None:
        """Save the weights if `on_train_end` did not; `earlier` is what was saved before it."""
        if self._final is None or self._final == earlier:
            self.save_weights()

    @property
    def final(self) -> Path | None:
        """The weight file saved last."""
        return self._final

    def newest_checkpoint(self) -> Path | None:
        """The newest resumable checkpoint, or None."""
        found = self.store.resumable() if self.directory is not None else []
        return found[-1] if found else None

    def resume(self, source: Path | str) -> bool:
        """Go on in an earlier run; see `Trainer.resume`."""
        name = type(self._trainer).__name__
        if self._manifest is not None:
            raise CheckpointError(f"this {name} has begun a run already: build a new one to resume another")
        if source == "auto":
            parent = Path(self._trainer.config.model_save_directory)
            found = find_unfinished_run(parent, name)
            if found is None:
                logger.info("no unfinished run of %s below %s: a new one begins", name, parent / RUNS)
                return False
            source = found
        source = Path(source)
        if not source.exists():
            raise CheckpointError(f"{source}: no such run or checkpoint")
        folder = source if source.is_dir() else source.parent
        folder = folder if (folder / MANIFEST).exists() else folder.parent
        source_is_file = source.is_file() and source.name != MANIFEST
        if not source_is_file:
            source, state = CheckpointStore(folder / "checkpoints", None).load_newest()
        else:
            state = load_state(source)
        restore_state(self._trainer, state)
        self._trainer.pending_random_state = state["feed"].get("start", state)["random"]
        self._resumed_from = source
        if (folder / MANIFEST).exists() and self._take_over(folder, source, explicit=source_is_file):
            self.directory = folder
            self._manifest = Manifest(folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        logger.info("resumed from %s: epoch %d, step %d", source, self._trainer.epoch, self._trainer.step)
        return True

    def _take_over(self, folder: Path, checkpoint: Path, *, explicit: bool) -> bool:
        """Whether the resumed run goes on in `folder`; from an old checkpoint it would write over later ones."""
        every = CheckpointStore(folder / "checkpoints", None).resumable()
        later = [path for path in every if path.name > checkpoint.name]
        if explicit and later:
            logger.warning("%s has later checkpoints: a new run begins from this one", folder)
            return False
        for damaged in later:  # passed over because it can't be read: out of the way of rotation and the next resume
            damaged.replace(damaged.with_suffix(".damaged"))
        return True

    def _begin(self, folder: Path) -> None:
        self.store.clean()
        if self._manifest is None:
            self._manifest = Manifest.begin(folder, self._trainer)
        if self._resumed_from is not None:
            self._manifest.data["resumed_from"].append(self._manifest.relative(self._resumed_from))
            self._manifest.data["config"] = self._trainer.config.as_plain()
            self._resumed_from = None
        rewrite_history(folder / FILE, self._trainer.history)
        self._manifest.update(status="running", error=None, ended_at=None)
        write_status(folder, self._trainer, "running")

    def _end(self, status: str, started: float, problem: BaseException | None = None) -> None:
        folder = self.open()
        if self._manifest is None:
            return
        if self._trainer.dry_run_steps is None and self._trainer.history:
            self._plot(folder / "plots")
        error = None if problem is None else f"{type(problem).__name__}: {problem}"
        self._manifest.data["failure"] = problem.to_json() if isinstance(problem, TrainingError) else None
        earlier = self._manifest.data["seconds"] or 0.0
        seconds = earlier + time.perf_counter() - started
        self._manifest.data |= {"status": status, "error": error, "ended_at": now(), "seconds": seconds}
        self._write_manifest()
        write_status(folder, self._trainer, status)
        if self._trainer.dry_run_steps is not None:
            self._manifest = None

    def _plot(self, directory: Path) -> None:
        try:
            plot_all(self._trainer.history, directory)
        except Exception:  # a plot is no reason to fail a run that has trained
            logger.warning("the metrics could not be plotted; try replot_metric", exc_info=True)

    def _write_manifest(self) -> None:
        if self._manifest is None:
            return
        every = [self._manifest.relative(path) for path in self.store.resumable()]
        best = self.store.directory / "best.pt"
        checkpoints = {
            "final": None if self._final is None else self._manifest.relative(self._final),
            "best": self._manifest.relative(best) if best.exists() else None,
            "latest": every[-1] if every else None,
            "all": every,
        }
        self._manifest.update(checkpoints=checkpoints, best=self._trainer.early_stopping.best)
