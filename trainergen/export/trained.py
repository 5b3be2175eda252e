"""Main-process side: which run is meant, which class trained it, which checkpoint, and the lab that it is rebuilt in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..comparing import known_runs
from ..errors import AnswerNeeded, UnusableInput
from ..inspection.module_names import module_name
from ..inspection.project import find_root
from ..lab import opening
from ..lab.client import Lab
from ..lab.opening import Laboratory
from ..runs import MANIFEST, Run, resolve
from ..settings import read_settings

CHECKPOINTS = {"best": "best", "final": "final", "last": "latest"}
"""What is said on the command line -> the entry of the manifest's ``checkpoints``."""

_PATIENCE = "time=24h,memory=1024T"
"""The run was trained without limits: its evaluation is not cut off where a proof would be."""

_LARGEST_FILE = 1 << 50
_SKIPPED = frozenset(("node_modules", "site-packages", "__pycache__", "venv", "build", "dist"))


@dataclass(frozen=True)
class TrainedRequest:
    """What `evaluate` and `export` ask alike.

    Attributes:
        run: a folder, a name, or the beginning of a name or id.
        checkpoint: ``best``, ``final``, ``last``, a file, or None for the first of these that is there.
        trainer: ``module:Class``, where the run does not say which class trained it.
        project, python, device, limit: as those of `NewRequest`.
    """

    run: str
    checkpoint: str | None = None
    trainer: str | None = None
    project: Path | None = None
    python: str | None = None
    device: str | None = None
    limit: str | None = None


@dataclass(frozen=True)
class Trained:
    """One checkpoint of one run.

    Attributes:
        run: the run.
        root: the project that the trainer's class is imported from.
        trainer: ``module:Class``.
        checkpoint: the file.
        label: how it is called: ``best``, ``final``, ``last``, or its file's name.
        epoch: the epoch after which these weights were saved; None where only the file itself may say it.
    """

    run: Run
    root: Path
    trainer: str
    checkpoint: Path
    label: str
    epoch: int | None

    @property
    def config(self) -> dict[str, Any]:
        """Every setting as the run used it."""
        config: dict[str, Any] = self.run.manifest["config"]
        return config

    @property
    def shown(self) -> str:
        """The checkpoint's path, from the run's folder where it lies in it."""
        folder = self.run.folder.resolve()
        inside = self.checkpoint.is_relative_to(folder)
        return self.checkpoint.relative_to(folder).as_posix() if inside else str(self.checkpoint)

    def record_of(self, epoch: int | None) -> dict[str, Any] | None:
        """What the history says of an epoch."""
        found = [record for record in self.run.records if record.get("epoch") == epoch]
        return found[-1] if found and epoch is not None else None

    def question(self) -> dict[str, Any]:
        """What every request to the lab needs to rebuild it."""
        return {
            "trainer": self.trainer,
            "config": self.config,
            "checkpoint": str(self.checkpoint),
            "shown": self.shown,
            "commit": (self.run.manifest.get("git") or {}).get("commit"),
        }


def find_trained(request: TrainedRequest) -> Trained:
    """The checkpoint that is meant, and how its trainer is built.

    Raises:
        UnusableInput: no such run or checkpoint, or the run's manifest can't be read.
        AnswerNeeded: nothing says which class trained it.
    """
    path = Path(request.run)
    is_path = (path / MANIFEST).is_file() or (path.name == MANIFEST and path.is_file())
    run = resolve(request.run, [] if is_path else known_runs((), request.project))
    if not isinstance(run.manifest.get("config"), dict):
        raise UnusableInput(
            f"the manifest of {run.name} can't be read, or holds no configuration",
            place=str(run.folder / "manifest.json"),
            hint="take the manifest back from a backup: it says what the trainer is built from",
        )
    root, trainer = _trainer_of(run, request)
    path, label = _checkpoint_of(run, request.checkpoint)
    epoch = None
    if label == "best":
        best = run.best(run.monitor)
        epoch = None if best is None else best[0]
    elif label == "final" and run.records:
        epoch = run.records[-1].get("epoch")
    return Trained(run, root, trainer, path.resolve(), label, epoch)


@contextmanager
def laboratory(request: TrainedRequest, trained: Trained, lab: Lab | None, device: str) -> Iterator[Laboratory]:
    """The lab for the run's project, with as many threads as the run had: their number changes the last bits of sums.

    Raises:
        UnusableInput: a malformed limit or device.
    """
    settings = read_settings(trained.root)
    threads = (trained.run.manifest.get("environment") or {}).get("threads")
    limit = f"{_PATIENCE},threads={threads if isinstance(threads, int) and threads > 0 else 1}"
    if request.limit:
        limit += f",{request.limit}"
    with opening.opened(
        lab, trained.root, python=request.python, setting=settings.python, device=device, limit=limit
    ) as found:
        if found.bounds is not None:
            found.bounds = replace(found.bounds, file_size=_LARGEST_FILE)
        yield found


def _checkpoint_of(run: Run, wanted: str | None) -> tuple[Path, str]:
    listed = run.manifest.get("checkpoints") or {}
    there = {word: run.folder / listed[key] for word, key in CHECKPOINTS.items() if listed.get(key)}
    there = {word: path for word, path in there.items() if path.is_file()}
    if wanted is None:
        if not there:
            raise UnusableInput(
                f"{run.name} has no checkpoint that is still there",
                place=str(run.folder / "checkpoints"),
                hint="give the file: --checkpoint PATH",
            )
        return next((path, word) for word, path in there.items())
    if wanted in CHECKPOINTS:
        if wanted not in there:
            others = ", ".join(there) or "none"
            raise UnusableInput(
                f"{run.name} has no checkpoint {wanted!r}",
                place=str(run.folder / "checkpoints"),
                hint=f"there are: {others}; or give a file: --checkpoint PATH",
            )
        return there[wanted], wanted
    for path in (Path(wanted), run.folder / wanted, run.folder / "checkpoints" / wanted):
        if path.is_file():
            same = [word for word, known in there.items() if known.resolve() == path.resolve()]
            return path, same[0] if same else path.name
    raise UnusableInput(f"--checkpoint {wanted}: no such file", hint=f"one of {', '.join(CHECKPOINTS)}, or a file")


def _trainer_of(run: Run, request: TrainedRequest) -> tuple[Path, str]:
    """The project, and the class as ``module:Class``: as asked for, as the manifest says, else looked for by its name."""
    here = find_root(request.project, Path.cwd())[0]
    near = find_root(None, run.folder.absolute())[0]
    roots = dict.fromkeys((here,) if request.project is not None else (near, here))
    if request.trainer is not None:
        return next(iter(roots)), request.trainer
    said = str(run.manifest.get("trainer_class") or "")
    module, _, name = said.partition(":")
    importable = bool(module) and module != "__main__" and "<locals>" not in name
    if importable:
        for root in roots:
            if any(_is_module(base, module) for base in (root, root / "src")):
                return root, said
    name = name.rpartition(".")[2] or run.trainer
    for root in roots:
        files = [path for path in _python_files(root) if _defines(path, name)]
        modules = [module_name(path.relative_to(root).as_posix(), ("", "src")) for path in files]
        if len(files) == 1:
            return root, f"{modules[0]}:{name}"
        if files:
            raise AnswerNeeded(
                f"{len(files)} files define {name}, which trained {run.name}",
                flags=tuple(f"--trainer {each}:{name}" for each in modules),
            )
    if importable:  # from a package that is installed
        return next(iter(roots)), said
    raise AnswerNeeded(
        f"{run.name} was trained by {name}, and no file of {' or '.join(map(str, roots))} defines that class",
        flags=("--trainer MODULE:CLASS",),
        hint="call this in the project that trained it, or name its root with --project",
    )


def _is_module(root: Path, module: str) -> bool:
    stem = root.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()


def _defines(path: Path, name: str) -> bool:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if f"class {name}" not in text:
            return False
        body = ast.parse(text).body
    except (OSError, ValueError, SyntaxError):
        return False
    return any(isinstance(node, ast.ClassDef) and node.name == name for node in body)


def _python_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.is_symlink():
            hidden = path.name.startswith(".") or path.name in _SKIPPED or (path / "pyvenv.cfg").exists()
            if not hidden:
                yield from _python_files(path)
        elif path.suffix == ".py":
            yield path
