"""TG116: data loader workers don't all draw the same random numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .loaders import loaders
from .reading import Routine
from .roles import argument, constant, is_open
from .training import Training, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG116"
NAME = "workers seeded apart"
WHAT = (
    "A worker_init_fn does not seed with a number that is the same in every worker, and a data set's __getitem__ does "
    "not seed with a constant. Below torch 1.9, where NumPy wasn't seeded in workers, a loader with workers over a data "
    "set that draws from NumPy has a worker_init_fn."
)
WHY = (
    "Every worker then draws the same augmentations, in every epoch: the data is a fraction as varied as it seems. A "
    "study found it in most of the repositories that it could analyse."
)
FAILING = """\
import numpy as np
from torch.utils.data import DataLoader


def seed_worker(worker_id):
    np.random.seed(42)


def loaders(dataset):
    return DataLoader(dataset, batch_size=32, shuffle=True, num_workers=4, worker_init_fn=seed_worker)
"""
PASSING = """\
import numpy as np
import torch
from torch.utils.data import DataLoader


def seed_worker(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


def loaders(dataset):
    return DataLoader(dataset, batch_size=32, shuffle=True, num_workers=4, worker_init_fn=seed_worker)
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = (
    "PyTorch, randomness in multi-process data loading, and #56488; dslinter W5512; T. Nelp's study of repositories"
)

_SEEDS = {"seed", "manual_seed", "manual_seed_all", "seed_everything", "set_seed", "RandomState", "default_rng"}
_DIFFERENT = (
    "worker_id",
    "initial_seed",
    "get_worker_info",
    "worker_info",
    "id",
    "getpid",
    "rank",
    "time",
    "urandom",
    "get_state",
)


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    for loader in loaders(training):
        given = argument(loader.call, "worker_init_fn")
        if given is not None:
            for call in _constant_seeds(training, given, loader.routine):
                yield training.finding(
                    CODE,
                    call,
                    "every worker is seeded with the same number",
                    "seed with torch.initial_seed() % 2**32, or with + worker_id",
                )
        elif (
            _old(training)
            and not is_open(loader.call)
            and constant(argument(loader.call, "num_workers")) not in (..., 0, None)
        ) and _draws_from_numpy(training):
            message = "below torch 1.9 every worker draws the same numbers from NumPy"
            yield training.finding(CODE, loader.call, message, "pass a worker_init_fn that seeds NumPy with worker_id")
    for routine in training.reading.routines:
        if routine.name == "__getitem__":
            for call in _seeding(training, routine):
                if not _varies(call, routine):
                    yield training.finding(
                        CODE,
                        call,
                        "every sample is drawn with the same seed",
                        "seed once, in the worker, not per sample",
                    )


def _constant_seeds(training: Training, given: ast.expr, routine: Routine) -> Iterator[ast.Call]:
    if isinstance(given, ast.Lambda):
        for part in ast.walk(given.body):
            if isinstance(part, ast.Call) and _is_seeding(training, part) and part.args:
                names = {each.arg for each in given.args.args}
                if not mentions(part.args[0], *names, *_DIFFERENT):
                    yield part
        return
    call = ast.Call(func=given, args=[], keywords=[])
    function = training.traces.callee(call, routine)
    if function is not None:
        body_varies = mentions(function.node, "initial_seed", "get_worker_info")
        for seeding in _seeding(training, function):
            if not body_varies and not _varies(seeding, function):
                yield seeding


def _seeding(training: Training, routine: Routine) -> Iterator[ast.Call]:
    for step in routine.calls():
        if isinstance(step.node, ast.Call) and _is_seeding(training, step.node) and step.node.args:
            yield step.node


def _is_seeding(training: Training, call: ast.Call) -> bool:
    dotted = training.reading.dotted(call.func) or ""
    name = dotted.rpartition(".")[2]
    return name in _SEEDS and (
        dotted.startswith(("numpy.", "torch.", "random.", "np.")) or name in ("seed_everything", "set_seed")
    )


def _varies(call: ast.Call, routine: Routine) -> bool:
    """Whether the seed depends on the worker, the sample or anything computed."""
    value = call.args[0]
    names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    given = set(routine.parameters) - {"self"}
    if names & given or mentions(value, *_DIFFERENT):
        return True
    for name in names:
        for binding in routine.bindings.get(name, ()):
            inner = {part.id for part in ast.walk(binding.value) if isinstance(part, ast.Name)}
            if inner & given or mentions(binding.value, *_DIFFERENT) or isinstance(binding.value, ast.Call):
                return True
    return any(isinstance(part, ast.Call) for part in ast.walk(value))


def _old(training: Training) -> bool:
    asked = training.facts.torch
    return asked is not None and asked.high is not None and asked.high <= (1, 9)


def _draws_from_numpy(training: Training) -> bool:
    return any(
        (training.reading.dotted(step.node.func) or "").startswith("numpy.random.")
        for routine in training.reading.routines
        if routine.name == "__getitem__"
        for step in routine.calls()
        if isinstance(step.node, ast.Call)
    )
