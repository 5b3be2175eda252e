"""Builds a trainer under a project's own contract in the lab: by itself, by a class method, or of its parts."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .driving import ProjectSession
from .driving_results import needed


def open_session(
    trainer_class: Any,
    config: Any,
    batches: Mapping[str, list[Any]],
    seed: int,
    *,
    run_directory: Path,
    device: str,
    build: Mapping[str, Any],
) -> ProjectSession:
    """A staged trainer on the proof's batches.

    Args:
        trainer_class: as the project's registry gives it.
        config: its configuration; None to let it read its own.
        batches: ``{"train": [...], "validation": [...]}``.
        seed: of the run.
        run_directory: where weight files go, as far as the trainer lets itself be told.
        device: where it runs.
        build: ``contract``: `ContractFacts.as_words`; ``model()``, ``optimizer(model)`` for a trainer that is built of
            its parts by others.
    """
    refresh(trainer_class)
    run_directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    words = build["contract"]
    trainer = _built(trainer_class, config, batches, run_directory, build)
    session = ProjectSession(trainer, words, batches, run_directory)
    session.put("run_directory", spelled(run_directory, session.attribute("run_directory")))
    if session.attribute("device") is not None and str(session.attribute("device")) != device:
        session.put("device", torch.device(device))
    session.model.to(device)
    return session


def _built(
    trainer_class: Any, config: Any, batches: Mapping[str, list[Any]], run_directory: Path, build: Mapping[str, Any]
) -> Any:
    words = build["contract"]
    if words["builder"]:
        make = getattr(trainer_class, words["builder"])
        return make(**_given(make, words, {"config": config, "run_directory": run_directory}))
    if config is None and any(words["slots"].get(name) == "config" for name in needed(trainer_class)):
        message = (
            f"{trainer_class.__name__} is handed a configuration, and nothing in the project shows how one is made"
        )
        raise TypeError(message)
    missing = [name for name in needed(trainer_class) if words["slots"].get(name) != "config"]
    if not missing:
        return trainer_class(**_given(trainer_class, words, {"config": config, "run_directory": run_directory}))
    model = build["model"]()
    validation = batches.get("validation") or None
    parts = {
        "model": model,
        "optimizer": build["optimizer"](model),
        "train_loader": batches["train"],
        "val_loader": validation,
        "config": config,
        "run_directory": run_directory,
        "scheduler": None,
        "device": torch.device("cpu"),
    }
    return trainer_class(**_given(trainer_class, words, parts, all_of=True))


def _given(make: Any, words: Mapping[str, Any], values: Mapping[str, Any], *, all_of: bool = False) -> dict[str, Any]:
    """What of `values` a call takes, by its parameters' names; what it can do without only where it is known.

    A configuration that is a mapping is taken apart where its keys are the parameters.
    """
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(make).parameters.items():
        slot = words["slots"].get(name, "config" if name in ("config", "cfg", "args", "conf", "settings") else "")
        value = (
            values.get(slot) if slot or not isinstance(config := values.get("config"), Mapping) else config.get(name)
        )
        if isinstance(value, Path):
            value = spelled(value, parameter.default)
        if value is not None or (all_of and slot in values and parameter.default is parameter.empty):
            given[name] = value
    return given


def spelled(path: Path, instead: object) -> Path | str:
    """`path` in the form of what the trainer had there: a Path, a text, a text that names are appended to."""
    if not isinstance(instead, str):
        return path
    return f"{path}/" if instead.endswith("/") else str(path)


def refresh(trainer: Any) -> None:
    """Bind what the trainer's module imports anew: settings that are Python may have been read again since."""
    module = sys.modules[trainer.__module__]
    tree = ast.parse(inspect.getsource(module))
    package = module.__package__ or ""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            name = "." * node.level + (node.module or "")
            origin = importlib.import_module(name, package) if node.level else importlib.import_module(name)
            for each in node.names:
                if hasattr(origin, each.name):
                    setattr(module, each.asname or each.name, getattr(origin, each.name))
        elif isinstance(node, ast.Import):
            for each in node.names:
                origin = importlib.import_module(each.name)
                head = each.name.partition(".")[0]
                setattr(module, each.asname or head, origin if each.asname else sys.modules[head])
