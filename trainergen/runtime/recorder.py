"""What a run leaves on the disk, and when: folder, manifest, status, history, checkpoints, weights, plots."""

from __future__ import annotations

import logging
import math
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from .atomic import remove_unfinished, write_tensors
from .checkpoints import CheckpointStore, checksums, load_state, shards_of
from .data_facts import describe_data
from .errors import CheckpointError, InvalidConfig, TrainingDiverged, TrainingError, full_text
from .history import FILE, append_record, rewrite_history
from .manifest import Manifest
from .pace import Pace
from .plots import plot_all
from .resuming import ResumePoint, locate, take_over
from .run_folder import MANIFEST, RUNS, RunLock, create_run_folder, snake_case, timestamp
from .state import capture_state, restore_averaging, restore_state
from .status import StatusFile
from .trackers import TrackedRun

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")

T = TypeVar("T")


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
        self._source: Path | None = None
        self._parent: dict[str, Any] | None = None
        self._latest: str | None = None
        self._final: Path | None = None
        self.directory: Path | None = None
        self.pace = Pace(trainer)
        self._status = StatusFile(trainer, self.pace)

    @property
    def snake(self) -> str:
        """What run folders and weight files of this trainer are called."""
        name = type(self._trainer).__name__.removesuffix("Trainer") or type(self._trainer.model).__name__
        return snake_case(name)

    @property
    def store(self) -> CheckpointStore:
        """The run's checkpoints."""
        keep_last = self._trainer.config.keep_last_checkpoints
        return CheckpointStore(self.open() / "checkpoints", keep_last, self._source)

    @cached_property
    def data(self) -> dict[str, Any]:
        """What is trained and validated on; looked at once, before the training can have changed it."""
        trainer = self._trainer
        return {"train": describe_data(trainer.dataloader), "validation": describe_data(trainer.val_dataloader)}

    def open(self) -> Path:
        """The run's folder, created if need be; in a dry run a temporary one.

        Raises:
            FileExistsError: the folder asked for holds a run already.
        """
        if self.directory is None:
            self.directory = self._on_main(self._create)
        return self.directory

    def _create(self) -> Path:
        if self._trainer.dry_run_steps is not None:
            return Path(tempfile.mkdtemp(prefix="dry-run-"))
        if self._wanted is not None:
            if (self._wanted / MANIFEST).exists():
                raise FileExistsError(f"{self._wanted} holds a run already: resume it, or choose another folder")
            self._wanted.mkdir(parents=True, exist_ok=True)
            return self._wanted
        parent = Path(self._trainer.config.model_save_directory) / RUNS
        return create_run_folder(parent, self._run_name or f"{self.snake}_{timestamp()}")

    def _on_main(self, action: Callable[[], T]) -> T:
        """Do `action`; where several processes train, on rank 0 alone, and tell the others what came of it."""
        distribution = self._trainer.distribution
        return action() if distribution is None else distribution.on_main(action)

    @contextmanager
    def session(self) -> Iterator[None]:
        """A run from its first step to its last: the status always says how it ended; a dry run leaves nothing."""
        folder, started = self.open(), time.perf_counter()
        lock = RunLock(folder)
        if not self._on_main(lock.acquire):
            raise CheckpointError(f"another process trains in {folder}")
        try:
            self._on_main(lambda: self._begin(folder))
            yield
            self._on_main(lambda: self._end("finished", started))
        except BaseException as problem:
            self._end_by(problem, started)
            raise
        finally:
            lock.release()
            if self._trainer.dry_run_steps is not None:
                self.directory = None
                if self._trainer.is_main:
                    shutil.rmtree(folder, ignore_errors=True)

    def _end_by(self, problem: BaseException, started: float) -> None:
        status = "failed" if isinstance(problem, Exception) else "interrupted"
        status = "diverged" if isinstance(problem, TrainingDiverged) else status
        distribution = self._trainer.distribution
        if distribution is not None and distribution.is_main:
            elsewhere = distribution.failure_elsewhere()
            if elsewhere is not None and not isinstance(problem, (TrainingError, SystemExit)):
                problem.add_note(elsewhere)
        elif distribution is not None:
            distribution.report_failure(problem)
        if self._trainer.is_main:
            try:
                self._end(status, started, problem)
            except OSError:  # a full disk must not hide what stopped the training
                logger.exception("the end of the run could not be recorded")
        together = isinstance(problem, SystemExit) or getattr(problem, "on_every_rank", False)
        if distribution is not None and together:
            distribution.end_together()

    def record_epoch(self, record: dict[str, Any], *, is_best: bool) -> None:
        """An epoch is over: its record, the best weights if it is the best, a checkpoint, manifest and status."""
        best = self._weights() if is_best else None
        self._on_main(lambda: self._write_record(record, best))
        self.save_checkpoint()

    def _write_record(self, record: dict[str, Any], best: dict[str, Any] | None) -> None:
        append_record(self.open() / FILE, record)
        if best is not None:
            self.store.save_best(best)

    def _weights(self) -> dict[str, Any]:
        """The model's plain state_dict, of averaged weights where these are what was validated.

        Of a divided model all ranks call it, and rank 0 has it.
        """
        with self._trainer.averaged_weights():
            weights = self._whole_weights()
            if self._trainer.averaging is None:
                return weights
            return {name: each.clone() if isinstance(each, Tensor) else each for name, each in weights.items()}

    def _whole_weights(self) -> dict[str, Any]:
        if not self._trainer.is_sharded:
            return self._trainer.model.state_dict()
        from .shards import whole_weights

        return whole_weights(self._trainer.model)

    def _averages(self) -> dict[str, Tensor]:
        averaging = self._trainer.averaging
        return {} if averaging is None else averaging.average.values()

    def save_checkpoint(self) -> Path:
        """Save the present state, to be resumed from. Of several ranks all call it."""
        parts = self._save_parts() if self._trainer.is_sharded else None
        state = capture_state(self._trainer, parts)
        return self._on_main(lambda: self._write_checkpoint(state))

    def _save_parts(self) -> dict[str, Any]:
        """Save what each rank holds of a divided model; what the checkpoint says of it."""
        from .shards import save_shards

        trainer, distribution = self._trainer, self._trainer.distribution
        folder = self._on_main(lambda: self.store.prepare_shards(trainer.step))
        save_shards(folder, trainer.model, trainer.optimizer, self._averages())
        written: dict[str, int] = {}
        if distribution is not None:  # read back by those who wrote it
            for own in distribution.gather(checksums(folder, distribution.rank)):
                written |= own
        return {"folder": folder.name, "files": written}

    def _write_checkpoint(self, state: dict[str, Any]) -> Path:
        path = self.store.save_state(self._trainer.step, state)
        self._write_manifest()
        self._status.write(self.open(), "running", checkpoint=self._latest)
        return path

    def note(self, **facts: Any) -> None:
        """Have the manifest say something more of this run, JSON-able; before it has begun nothing is said."""
        if self._manifest is not None and self._trainer.is_main:
            self._manifest.update(**facts)

    def renew_status(self) -> None:
        """Say in status.json where the run is; costs neither a wait for the device nor one for the disk."""
        if self.directory is not None and self._manifest is not None and self._trainer.is_main:
            self._status.write(self.directory, "running", checkpoint=self._latest, durable=False)

    def tracked_run(self) -> TrackedRun | None:
        """What trackers are told of this run; None before it has begun."""
        if self._manifest is None or not self._trainer.is_main:
            return None
        data, trainer = self._manifest.data, self._trainer
        return TrackedRun(
            folder=self.open(),
            run_id=data["run_id"],
            name=data["run_name"],
            trainer=data["trainer"],
            config=data["config"],
            step=trainer.step,
            epoch=trainer.epoch,
        )

    def save_weights(self, directory: Path | None = None) -> Path:
        """Save the model's weights under a name that says when and how good; a dry run only into its own folder."""
        dry = self._trainer.dry_run_steps is not None
        target = self.store.directory if directory is None or dry else directory
        weights = self._weights()
        self._final = self._on_main(lambda: self._write_weights(target, weights))
        if self._manifest is not None:
            self._write_manifest()
        return self._final

    def _write_weights(self, directory: Path, weights: dict[str, Any]) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        best = self._trainer.early_stopping.best
        stem = f"{self.snake}_{timestamp()}_loss{'nan' if math.isnan(best) else format(best, '.4g')}"
        path, number = directory / f"{stem}.pt", 2
        while path.exists():
            path, number = directory / f"{stem}-{number}.pt", number + 1
        write_tensors(path, weights)
        return path

    def save_bad_batch(self, batch: Any) -> Path | None:
        """Keep the batch that made a loss not finite, for a look at it; None where it can't be saved.

        The run has failed already: what goes wrong here is logged.
        """
        distribution = self._trainer.distribution
        rank = "" if distribution is None else f"-rank-{distribution.rank}"  # each has its own
        path = self.open() / f"bad-batch-step-{self._trainer.step + 1:08d}{rank}.pt"
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
        read: list[dict[str, Any]] = []
        point = self._on_main(lambda: self._locate(source, read))
        if point is None:
            return False
        folder, path = point.folder, point.checkpoint
        state = read[0] if read else load_state(path, with_parts=False)  # rank 0 has looked at them
        restore_state(self._trainer, state)
        parts = shards_of(path, state)
        if parts is not None:
            from .shards import load_shards

            load_shards(parts, self._trainer.model, self._trainer.optimizer, self._averages())
            restore_averaging(self._trainer, state)
        self._resumed_from = path
        if self._on_main(lambda: point.has_manifest and take_over(point, self._trainer.step)):
            self.directory, self._source = folder, path
        if self.directory is not None and self._trainer.is_main:
            self._manifest = Manifest(folder, point.manifest())
        elif point.has_manifest:
            earlier = point.manifest()
            self._parent = {key: earlier[key] for key in ("run_id", "run_name")} | {"checkpoint": path.name}
        logger.info("resumed from %s: epoch %d, step %d", path, self._trainer.epoch, self._trainer.step)
        return True

    def _locate(self, source: Path | str, read: list[dict[str, Any]]) -> ResumePoint | None:
        name = type(self._trainer).__name__
        if self._manifest is not None:
            raise CheckpointError(f"this {name} has begun a run already: build a new one to resume another")
        return locate(source, Path(self._trainer.config.model_save_directory), name, read)

    def _begin(self, folder: Path) -> None:
        self.store.clean()
        remove_unfinished(folder)
        if self._manifest is None:
            self._manifest = Manifest.begin(folder, self._trainer)
            self._manifest.data["parent"] = self._parent
        self._manifest.open_session(self._trainer, self._resumed_from)
        self._resumed_from = None
        self._latest = self._manifest.data["checkpoints"]["latest"]
        rewrite_history(folder / FILE, self._trainer.history)
        self._status.write(folder, "running", checkpoint=self._latest)

    def _end(self, status: str, started: float, problem: BaseException | None = None) -> None:
        folder = self.open()
        if self._manifest is None:
            return
        if self._trainer.dry_run_steps is None and self._trainer.history:
            self._plot(folder / "plots")
        self._manifest.data["error"] = None if problem is None else full_text(problem)
        self._manifest.data["failure"] = (
            problem.to_json() if isinstance(problem, (TrainingError, InvalidConfig)) else None
        )
        self._manifest.close_session(self._trainer, status, time.perf_counter() - started)
        self._write_manifest()
        self._status.write(folder, status, checkpoint=self._latest, problem=problem)
        for callback in self._trainer.callbacks:
            try:
                callback.on_run_end(self._trainer, status)
            except Exception:  # everything is recorded: nothing of it is to be lost, nor hidden
                logger.warning("%s failed after the run's end", type(callback).__name__, exc_info=True)
        if self._trainer.dry_run_steps is not None:
            self._manifest = None

    def _plot(self, directory: Path) -> None:
        try:
            plot_all(self._trainer.history, directory)
        except Exception:  # a plot is no reason to fail a run that has trained
            logger.warning("the metrics could not be plotted; try replot_metric", exc_info=True)

    def _write_manifest(self) -> None:
        if self._manifest is None or not self._trainer.is_main:
            return
        every = [self._manifest.relative(path) for path in self.store.resumable()]
        self._latest = every[-1] if every else None
        best = self.store.directory / "best.pt"
        checkpoints = {
            "final": None if self._final is None else self._manifest.relative(self._final),
            "best": self._manifest.relative(best) if best.exists() else None,
            "latest": self._latest,
            "all": every,
        }
        self._manifest.update(checkpoints=checkpoints, best=self._trainer.early_stopping.best)
