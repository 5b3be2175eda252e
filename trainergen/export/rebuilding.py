"""Lab part: a trainer as its run's manifest describes it, with the weights of one of its checkpoints."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..lab.frames import problem_from, user_code
from ..lab.imports import import_object
from ..lab.protocol import Context, LabProblem
from ..runtime.atomic import read_tensors
from ..runtime.checkpoints import shards_of
from ..runtime.errors import CheckpointCorrupt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

_ALONE: dict[str, Any] = {
    "strategy": "ddp",
    "trackers": [],
    "baseline_run": None,
    "compile": None,
    "recompute_modules": [],
    "ema_decay": None,
    "swa_start_epoch": None,
}
"""Settings of the training alone: one process, nobody told, uncompiled; a checkpoint holds the average by itself."""


@dataclass(frozen=True)
class Rebuilt:
    """A trainer that could go on where the checkpoint stands.

    Attributes:
        trainer: built by `from_config`; `on_train_begin` has run, and its run folder is the lab's.
        epoch, step: of the checkpoint, where it says so itself (a resumable one).
        epoch_done: whether it was saved at an epoch's end.
        notes: what differs from the trainer that trained, one line each.
    """

    trainer: Any
    epoch: int | None
    step: int | None
    epoch_done: bool
    notes: tuple[str, ...]


def rebuild(payload: Mapping[str, Any], context: Context) -> Rebuilt:
    """The trainer with the checkpoint's weights, as `Trained.question` describes both.

    Raises:
        LabProblem: kind ``answer`` where model or data can't be built without being told more, ``input`` where settings
            or weights don't fit the code as it is now or the file is damaged, ``user`` where the user's code fails.
    """
    trainer = build(payload, context)
    path = Path(payload["checkpoint"])
    found = _read(path, payload)
    if "parts" not in found or "format" not in found:
        _load(trainer.model, found, payload)
        left = sorted(name for name, part in _modules(trainer).items() if name != "model" and any(part.parameters()))
        notes = [f"{path.name} holds the model alone: {name} keeps its initial values" for name in left]
        return Rebuilt(trainer, None, None, False, tuple(notes))
    parts: dict[str, Any] = dict(found["parts"])
    averaging = found.get("averaging") or {}
    average = (averaging.get("values") or {}) if averaging.get("kind") == "ema" else {}
    folder = shards_of(path, found)
    if folder is not None:
        parts["model"], averages = _read_shards(trainer.model, folder, payload)
        average = averages if averaging.get("kind") == "ema" else {}
    if "model" in parts:  # what was validated and is shipped is the average, where there was one
        parts["model"] = {name: average.get(name, value) for name, value in parts["model"].items()}
    for name, part in _modules(trainer).items():
        if name in parts:
            _load(part, parts[name], payload)
    records = found.get("history") or []
    done = bool(records) and records[-1].get("step") == found["step"]
    return Rebuilt(trainer, found["epoch"], found["step"], done, ())


def build(payload: Mapping[str, Any], context: Context) -> Any:
    """The trainer as the run's settings describe it, before its first step.

    Raises:
        LabProblem: as `rebuild`.
    """
    kind = import_object(payload["trainer"], context)
    if not all(hasattr(kind, name) for name in ("from_config", "config_class", "evaluate", "build_model")):
        raise LabProblem(
            "answer",
            f"{payload['trainer']} does not inherit trainergen's Trainer: how it is built is not known",
            flags=("--trainer MODULE:CLASS",),
        )
    changes = {**_ALONE, "device": context.device}
    settings = payload["config"] | {name: value for name, value in changes.items() if name in payload["config"]}
    try:
        config = kind.config_class.from_plain(settings)
    except (ValueError, TypeError) as problem:
        raise LabProblem(
            "input",
            f"the run's settings don't fit {kind.config_class.__name__} as it is now: {problem}",
            hint=_code_hint(payload),
        ) from problem
    folder = context.scratch / "run"
    try:
        trainer = kind.from_config(config, run_directory=folder)
    except NotImplementedError as missing:
        raise LabProblem(
            "answer",
            str(missing).partition(",")[0],
            flags=(f"def build_model(cls, config) and build_dataloaders(cls, config) in {kind.__name__}",),
            hint="the run was given its parts by hand; a command can only build what the class itself builds",
        ) from missing
    except BaseException as error:
        raise problem_from(error, context, f"building {kind.__name__}") from error
    with user_code(context, f"{kind.__name__}.on_train_begin"):
        trainer.recorder.open()
        trainer.on_train_begin()
    return trainer


def runtime_module(trainer_class: type, name: str) -> ModuleType:
    """A module of the runtime that the trainer inherits from: the installed one, or the project's vendored copy."""
    base = next(owner for owner in reversed(trainer_class.__mro__) if "training_step" in vars(owner))
    return importlib.import_module(f"{base.__module__.rpartition('.')[0]}.{name}")


def _read(path: Path, payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = read_tensors(path)
    except CheckpointCorrupt as problem:
        first_line = str(problem.__cause__).partition("\n")[0]
        raise LabProblem(
            "input",
            f"{payload['shown']} is damaged, or no file of torch's: {first_line}",
            place=str(path),
            hint="take another checkpoint of the run: --checkpoint best, final or last",
        ) from problem
    if not isinstance(found, dict):
        raise LabProblem("input", f"{payload['shown']} holds a {type(found).__name__}, no weights", place=str(path))
    return found


def _load(module: nn.Module, weights: Any, payload: Mapping[str, Any]) -> None:
    try:
        module.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError, KeyError) as problem:
        lines = str(problem).strip().splitlines()
        raise LabProblem(
            "input",
            f"{payload['shown']} does not fit the {type(module).__name__} that is built now",
            place=payload["checkpoint"],
            hint=_code_hint(payload),
            notes=tuple(f"   | {line.strip()[:160]}" for line in lines[1:7] or lines[:1]),
        ) from problem


def _read_shards(
    model: nn.Module, folder: Path, payload: Mapping[str, Any]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The whole weights, and their averages, of a divided model's checkpoint; this process is alone."""
    from torch.distributed.checkpoint.filesystem import FileSystemReader
    from torch.distributed.checkpoint.state_dict_loader import load

    if not (folder / ".metadata").is_file():
        raise LabProblem(
            "input",
            f"{payload['shown']} is a divided model's checkpoint, and its parts in {folder.name} are missing",
            place=str(folder),
            hint="take the whole weights: --checkpoint best or final",
        )
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        saved = FileSystemReader(folder).read_metadata().state_dict_metadata
        averages = {name: value.clone() for name, value in weights.items() if f"averages.{name}" in saved}
        load({"model": weights} | ({"averages": averages} if averages else {}), checkpoint_id=folder, no_dist=True)
    except Exception as problem:
        raise LabProblem(
            "input",
            f"the parts of the model in {folder.name} can't be read: {str(problem).partition(chr(10))[0]}",
            place=str(folder),
            hint="take the whole weights: --checkpoint best or final",
        ) from problem
    return weights, averages


def _modules(trainer: Any) -> dict[str, nn.Module]:
    return {name: value for name, value in vars(trainer).items() if isinstance(value, nn.Module)}


def _code_hint(payload: Mapping[str, Any]) -> str:
    commit = payload.get("commit")
    where = f": git switch --detach {commit[:12]}" if isinstance(commit, str) else ""
    return f"the code has changed since the run; take the code that trained it{where}"
