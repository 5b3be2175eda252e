"""Lab part: the metrics of a checkpoint on one of its trainer's loaders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..lab.frames import problem_from, user_code
from ..lab.limits import memory_in_force, shown_size
from ..lab.protocol import Context, LabProblem
from .rebuilding import rebuild, runtime_module

if TYPE_CHECKING:
    from collections.abc import Mapping


def judge(payload: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The request ``judge``: evaluate a checkpoint as the run's own validation does it.

    Args:
        payload: as `Trained.question`, and ``split``: ``train``, ``validation`` or ``test``.
        context: the copied tree.

    Returns:
        ``metrics`` (name -> number or None where it is not finite), ``data`` (what the loader holds, as in the
        manifest), ``epoch``, ``step``, ``epoch_done`` (of a resumable checkpoint), ``device``, ``notes``.

    Raises:
        LabProblem: kind ``answer`` where the trainer has no such data; else as `rebuild`.
    """
    rebuilt = rebuild(payload, context)
    trainer = rebuilt.trainer
    kind = type(trainer)
    loader = _loader(trainer, payload["split"], context)
    with user_code(context, f"the {payload['split']} loader of {kind.__name__}"):
        data = runtime_module(kind, "data_facts").describe_data(loader)
    with user_code(context, f"{kind.__name__}.evaluate"):
        try:
            metrics = trainer.evaluate(loader)
        except runtime_module(kind, "errors").OutOfMemory as problem:
            raise _out_of_memory(problem, kind.__name__, context) from problem
    ready = runtime_module(kind, "history").json_ready
    return {
        "metrics": ready(metrics),
        "data": ready(data),
        "epoch": rebuilt.epoch,
        "step": rebuilt.step,
        "epoch_done": rebuilt.epoch_done,
        "device": str(trainer.device),
        "notes": list(rebuilt.notes),
    }


def _out_of_memory(problem: Any, name: str, context: Context) -> LabProblem:
    """What the runtime says of it, as data and with its suggestion; where it was is the allocator's error's."""
    details: Mapping[str, Any] = problem.details
    found = problem_from(problem.__cause__ or problem, context, f"{name}.evaluate")
    facts = [f"{key} {details[key]}" for key in ("batch_size", "precision", "device")]
    facts += [f"{key} {shown_size(details[key])}" for key in ("allocated", "peak", "process") if details[key]]
    ways = [problem.suggestion]
    if details["device"] == "cpu":  # only there it is the lab that sets a limit
        ways.append(f"--limit memory={shown_size(2 * memory_in_force())}")
    return LabProblem(
        "user",
        f"{name}.evaluate: {problem.what}: {details['message']}",
        place=found.place,
        hint="; ".join(ways),
        notes=(*found.notes, ", ".join(facts)),
        traceback=found.traceback,
    )


def _loader(trainer: Any, split: str, context: Context) -> Iterable[Any]:
    name = type(trainer).__name__
    if split == "train":
        training: Iterable[Any] = trainer.dataloader
        return training
    if split == "validation":
        if trainer.val_dataloader is None:
            raise LabProblem(
                "answer",
                f"{name} has no validation data: build_dataloaders gives None for it",
                flags=("--split train",),
                hint="return a validation loader from build_dataloaders",
            )
        validation: Iterable[Any] = trainer.val_dataloader
        return validation
    build = getattr(type(trainer), "build_test_dataloader", None)
    try:
        if build is None:
            raise NotImplementedError
        test: Iterable[Any] = build(trainer.config)
    except NotImplementedError as missing:
        raise LabProblem(
            "answer",
            f"{name} has no test data",
            flags=("--split validation",),
            hint=f"give {name} the classmethod build_test_dataloader(cls, config) that returns a loader of batches "
            "in the form that compute_loss takes",
        ) from missing
    except BaseException as error:
        raise problem_from(error, context, f"{name}.build_test_dataloader") from error
    return test
