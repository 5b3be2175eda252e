"""Out of memory, said once and as data: which error means it, and what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from .errors import OutOfMemory
from .pace import memory

if TYPE_CHECKING:
    from .evaluation import TrainerEvaluation

MESSAGES = re.compile(
    "out of memory"  # CUDA, and Apple's GPU
    "|not enough memory|can't allocate memory|Cannot allocate memory"  # torch's CPU allocator, and the system's own words
    "|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|std::bad_alloc",
    re.IGNORECASE,
)
"""What libraries say of it in errors of no type of its own."""


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that memory was not enough, on whichever device."""
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(problem, (RuntimeError, OSError)) and MESSAGES.search(str(problem)) is not None


@contextmanager
def out_of_memory_explained(trainer: TrainerEvaluation[Any, Any], *, evaluating: bool = False) -> Iterator[None]:
    """Whatever means that memory was not enough leaves as `OutOfMemory`, caused by it. Nothing is tried again.

    In training gradients are freed; weights, optimizer and checkpoints are those of the last finished step.

    Args:
        trainer: whose memory it is.
        evaluating: whether data is only looked at, in a training or alone.

    Raises:
        OutOfMemory: it was not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as problem:
        if not is_out_of_memory(problem):
            raise
        explained = problem if isinstance(problem, OutOfMemory) else explain(trainer, problem, evaluating=evaluating)
        if not evaluating:
            trainer.optimizer.zero_grad(set_to_none=True)
        if explained is problem:  # by an evaluation inside
            raise
        raise explained from problem


def explain(trainer: TrainerEvaluation[Any, Any], problem: BaseException, *, evaluating: bool) -> OutOfMemory:
    """`problem` as the error that a program can react to."""
    config, found = trainer.config, memory(trainer.device)
    details = {
        "batch_size": config.batch_size,
        "accumulation_steps": config.accumulation_steps,
        "precision": config.precision,
        "device": str(trainer.device),
        "allocated": found["device_bytes"],
        "peak": found["device_peak_bytes"],
        "process": found["process_bytes"],
        "message": str(problem).strip().partition("\n")[0],
    }
    if evaluating:
        where = trainer._whereabouts() if trainer.step else {}  # a model that is evaluated alone is nowhere in a run
        what = f"{trainer.device} is out of memory in evaluation"
        return OutOfMemory(what, **where, details=details, suggestion=suggest_for_evaluation(config.batch_size))
    where = trainer._whereabouts()
    suggestion = suggest(config.batch_size, config.accumulation_steps, tuple(config.recompute_modules))
    return OutOfMemory(f"{trainer.device} is out of memory", **where, details=details, suggestion=suggestion)


def suggest(batch_size: int, accumulation_steps: int, recompute_modules: tuple[str, ...]) -> str:
    """What takes less memory and still makes the same steps, the cheapest first."""
    said = []
    if batch_size > 1:
        half = batch_size // 2
        times = accumulation_steps * -(-batch_size // half)
        said.append(f"batch_size = {half} with accumulation_steps = {times} (about the same step)")
    if not recompute_modules:
        said.append("recompute_modules for the largest blocks (the same step, about a third more time)")
    said.append("precision = bfloat16, or strategy = fsdp on several devices")
    return "; ".join(said)


def suggest_for_evaluation(batch_size: int) -> str:
    """What takes less memory and gives the same metrics, or nearly the same."""
    half = f" (batch_size = {batch_size // 2})" if batch_size > 1 else ""
    return f"a smaller batch in the loader that is evaluated{half}: metrics stay what they are; precision = bfloat16"
