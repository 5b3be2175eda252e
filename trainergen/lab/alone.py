"""Trains a trainer that no record knows: built from its own configuration, on its own data, without a bare loop beside it."""

from __future__ import annotations

import importlib
import itertools
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

from ..contracts.default import drive
from ..runtime.probes import (
    eval_is_pure,
    gradients,
    loss,
    memory,
    metrics,
    parameters_moved,
    round_trip,
    same_seed,
    weights,
)
from ..runtime.probes.walk import walk
from .frames import problem_from, user_code
from .places import trainer_place
from .protocol import Context, LabProblem
from .verdict import Bench, Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..runtime.probes.session import Session

STEPS = 3
PROBES = (
    "build", "loss", "gradients", "parameters_moved", "metrics", "eval_is_pure", "same_seed", "round_trip", "weights",
    "memory",
)  # fmt: skip


def alone(payload: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The request ``alone``: does every trainer of a module train?

    Without a bare loop nobody can tell the model's own faults from the trainer's: all are the trainer's.

    Args:
        payload: ``module``: import name; ``files``: path -> text of its file; ``modules``: import name -> path; seed.
        context: the copied tree.

    Returns:
        ``{"trainers": {class: [verdicts]}}``.

    Raises:
        LabProblem: kind ``answer``: no trainer of trainergen's own contract is there, or one can't be built without
            being told more; ``user``: the module can't be imported, the configuration not be read.
    """
    with user_code(context, f"import {payload['module']}"):
        module = importlib.import_module(payload["module"])
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__ and _trains(each)
    ]
    if not found:
        raise LabProblem(
            "answer",
            f"{payload['module']} has no subclass of trainergen's Trainer: how its training is built has to be said",
            flags=("trainergen new --model PATH.py:NAME --loader MODULE:FUNCTION",),
        )
    return {"trainers": {each.__name__: _judged(each, payload, context) for each in found}}


def _trains(kind: type) -> bool:
    return all(hasattr(kind, name) for name in ("from_config", "training_step", "config_class", "build_dataloaders"))


def _judged(kind: Any, payload: Mapping[str, Any], context: Context) -> list[dict[str, Any]]:
    place = trainer_place(kind, drive.RESPONSIBLE, payload, context)
    bench = Bench(context, tuple(payload["files"]), place)
    folder = context.scratch / "alone"
    with user_code(context, f"the settings of {kind.__name__}"):
        config = drive.load_config(kind)
    seed = int(payload["seed"])
    try:
        batches = _batches(kind, config, context)

        def open_session(number: int) -> Session:
            run = folder / f"run-{number}"
            return drive.open(kind, config, batches, seed, run_directory=run, device=context.device)

        _take(open_session, batches["train"], seed, bench)
    except Broken as broken:
        bench.skip(*PROBES, because=f"the probe {broken} failed before it")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [verdict.as_plain() for verdict in bench.verdicts]


def _batches(kind: Any, config: Any, context: Context) -> dict[str, list[Any]]:
    """The first batches of the trainer's own loaders."""
    name = kind.__name__
    try:
        kind.build_model(config)
        training, validation = kind.build_dataloaders(config)
    except NotImplementedError as missing:
        raise LabProblem(
            "answer",
            str(missing).partition(",")[0],
            flags=("trainergen new --model PATH.py:NAME --loader MODULE:FUNCTION  (or --batch FORM)",),
            hint="or write the method; from_config calls build_model and build_dataloaders",
        ) from missing
    except BaseException as error:
        raise problem_from(error, context, f"build_model and build_dataloaders of {name}") from error
    with user_code(context, f"the loaders of {name}"):
        found = {
            "train": list(itertools.islice(training, STEPS)),
            "validation": [] if validation is None else list(itertools.islice(validation, 1)),
        }
    if not found["train"]:
        raise LabProblem("user", f"the training loader of {name} gives no batch")
    return found


def _take(open_session: Callable[[int], Session], batches: list[Any], seed: int, bench: Bench) -> None:
    session = bench.attempt("build", lambda: open_session(0))
    first = bench.attempt("loss", lambda: loss.measure(session, batches[0], seed=seed))
    if not bench.judge(first):
        raise Broken("loss")
    session, other = (bench.attempt("build", partial(open_session, number)) for number in (1, 2))
    taken = bench.attempt("gradients", lambda: walk(session, batches, seed=seed))
    bench.judge(gradients.measure(taken))
    bench.judge(parameters_moved.measure(taken))
    bench.judge(bench.attempt("metrics", lambda: metrics.measure(session)))
    bench.judge(bench.attempt("eval_is_pure", lambda: eval_is_pure.measure(session, seed=seed)))
    again = bench.attempt("same_seed", lambda: walk(other, batches, seed=seed))
    bench.judge(same_seed.measure(taken, again))
    bench.judge(bench.attempt("round_trip", lambda: round_trip.measure(session, other, batches[0], seed=seed)))
    bench.judge(bench.attempt("weights", lambda: weights.measure(session)))
    bench.judge(bench.attempt("memory", lambda: memory.measure(open_session(3), batches[0], seed=seed)))
