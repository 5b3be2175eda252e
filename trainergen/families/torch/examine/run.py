"""The lab's requests behind `inspect`: which measurements there are, and some of them taken one after the other."""

from __future__ import annotations

import importlib
import math
import pkgutil
from typing import TYPE_CHECKING, Any

import torch

from ....inspection.batch_spec import leaves, spell_path
from ....inspection.examination import Measured, Measurement
from ....lab.batch_form import describe
from ....lab.frames import frames_of, is_users, problem_from, user_code
from ....lab.loaders import training_loader
from ....lab.protocol import LabProblem
from ....plain import to_plain
from ..measure import BATCHES_FILE
from .specimen import Specimen

if TYPE_CHECKING:
    from types import ModuleType

    from ....lab.protocol import Context

ROOMS = ("model", "trials", "data")


def listing(_: dict[str, Any], __: Context) -> list[dict[str, Any]]:
    """Every `Measurement`, in the order of the report, as plain data."""
    found = [(module.ORDER, name, module) for name, module in _modules()]
    return [
        to_plain(Measurement(name, module.DOING, module.NEEDS, module.GROUP))
        for _, name, module in sorted(found, key=lambda each: each[:2])
    ]


def measure(payload: dict[str, Any], context: Context) -> list[dict[str, Any]]:
    """Take the measurements that ``payload["measurements"]`` names; one that raises costs only itself.

    Args:
        payload: as `model_request`, with ``batch`` (its form), ``feeding``, ``output``, ``objective`` (None where no loss
            is known), ``optimizer`` and ``measurements``.
        context: the copied tree; ``scratch/batches.pt`` holds the batches of ``build``.

    Returns:
        A `Measured` each, as plain data.
    """
    specimen = Specimen(payload, context)
    taken = []
    for name in payload["measurements"]:
        module = importlib.import_module(f".{name}", __package__)
        try:
            measured = Measured(name, module.examine(specimen))
        except LabProblem as problem:
            measured = Measured(name, problem=problem.message)
        except BaseException as error:  # sys.exit in user code must not end the others
            measured = Measured(name, problem=_why(error, context))
        taken.append(finite(to_plain(measured)))
    return taken


def survey(payload: dict[str, Any], context: Context) -> list[dict[str, Any]]:
    """What can be said of a loader's values without a model that runs on them: one `Measured`, as plain data."""
    loader, call = training_loader(payload["loader"], context)
    with user_code(context, f"iterating {call.target}"):
        first = next(iter(loader))
    torch.save({"train": [first], "validation": []}, context.scratch / BATCHES_FILE)
    form = describe(first, "measured", f"loader {call.target}")
    unknown = {
        "batch_form": to_plain(form),
        "names": [[list(path), spell_path(path)] for path, _ in leaves(form.root)],
        "feeding": {"arguments": [], "whole": True},
        "targets": [],
        "fixed": [],
        "growth": None,
        "objective": None,
        "optimizer": {"rate": "1e-3"},
    }
    return measure({**payload, **unknown, "measurements": ["data.values"]}, context)


def finite(value: Any) -> Any:
    """`value` with None for every number that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def _modules() -> list[tuple[str, ModuleType]]:
    found = []
    for room in ROOMS:
        package = importlib.import_module(f".{room}", __package__)
        for each in pkgutil.iter_modules(package.__path__):
            found.append((f"{room}.{each.name}", importlib.import_module(f".{room}.{each.name}", __package__)))
    return found


def _why(error: BaseException, context: Context) -> str:
    """The user's failure where a frame of theirs is in it; else it is a bug of ours, and says so."""
    if any(is_users(frame.file, context) for frame in frames_of(error.__traceback__)):
        return problem_from(error, context, "your code").message
    frame = frames_of(error.__traceback__)[-1]
    return f"a bug in trainergen: {type(error).__name__}: {error} ({frame.name}, line {frame.line})"
