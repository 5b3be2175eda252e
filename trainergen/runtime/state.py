"""Everything a run is, as one dict: captured into a checkpoint, restored from it bit for bit."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from .errors import CheckpointError
from .metrics import EpochScores
from .rank_metrics import put_scores, rank_scores
from .rank_state import own_part
from .schedulers import batches_an_epoch
from .seeding import capture_random_state

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("trainergen")

FORMAT = 1
SHARDED = ("model", "optimizer")
"""The parts that are in a folder beside the checkpoint where each rank holds but a part of them."""
_KEPT_BY_OPTIMIZER = ("learning_rate", "weight_decay")
_KEPT_BY_SCHEDULER = ("scheduler_factor", "scheduler_patience", "scheduler_threshold", "scheduler_cooldown")
"""Settings that are in the states of optimizer and scheduler, which a checkpoint brings back."""
_STATEFUL = (nn.Module, Optimizer, LRScheduler, EpochScores, torch.amp.GradScaler)


def stateful_parts(trainer: Trainer[Any, Any]) -> dict[str, Any]:
    """What of a trainer has state, by attribute: every module, optimizer, scheduler and `EpochScores` it holds.

    So a second optimizer, or a teacher model, is saved without being registered anywhere.
    """
    return {name: value for name, value in vars(trainer).items() if isinstance(value, _STATEFUL)}


def capture_state(trainer: Trainer[Any, Any], sharded: dict[str, Any] | None = None) -> dict[str, Any]:
    """The whole state at an optimizer step's boundary: tensors and plain values alone.

    Of several ranks all call it; rank 0's state has under ``ranks`` what differs between them: noise, position, scores.

    Args:
        trainer: whose.
        sharded: where the parts of a divided model are, and their checksums.
    """
    scaler, averaging = trainer.precision.scaler, trainer.averaging
    beside = SHARDED if trainer.is_sharded else ()
    state: dict[str, Any] = {
        "format": FORMAT,
        "trainer": type(trainer).__name__,
        "epoch": trainer.epoch,
        "step": trainer.step,
        "parts": {name: part.state_dict() for name, part in stateful_parts(trainer).items() if name not in beside},
        "scaler": None if scaler is None else scaler.state_dict(),
        "averaging": None if averaging is None else averaging.state_dict(values=not trainer.is_sharded),
        "early_stopping": trainer.early_stopping.state_dict(),
        "means": trainer.means.state_dict(),
        "history": trainer.history,
        "stop_reason": trainer.stop_reason,
        "feed": trainer.feed.state_dict(),
        "batches_an_epoch": batches_an_epoch(trainer.dataloader),
        "config": trainer.config.as_plain(),
        "data": trainer.recorder.data,
        "random": capture_random_state(),
    }
    if sharded is not None:
        state["sharded"] = sharded
    if trainer.distribution is not None:
        own = {"random": state["random"], "feed": state["feed"], **rank_scores(trainer)}
        state["ranks"] = trainer.distribution.gather_on_main(own)
    return state


def restore_state(trainer: Trainer[Any, Any], state: dict[str, Any]) -> None:
    """Bring `trainer` to `state`; the random generators follow when `train` has begun.

    Raises:
        CheckpointError: the state is another trainer's, another format's, or its parts don't fit.
    """
    name = type(trainer).__name__
    if state["format"] != FORMAT or state["trainer"] != name:
        found = f"format {state['format']} of {state['trainer']}"
        raise CheckpointError(f"the checkpoint is {found}, but this is format {FORMAT} of {name}")
    sharded = bool(state.get("sharded"))
    if trainer.is_sharded and not sharded:
        raise CheckpointError("the checkpoint holds a whole model: resume it with strategy ddp")
    beside = SHARDED if sharded else ()
    parts = {name: part for name, part in stateful_parts(trainer).items() if name not in beside}
    missing = sorted(set(parts) ^ set(state["parts"]))
    if missing:
        raise CheckpointError(f"checkpoint and {name} differ in {', '.join(missing)}: was the trainer changed?")
    for part_name, part in parts.items():
        try:
            part.load_state_dict(state["parts"][part_name])
        except (RuntimeError, ValueError, KeyError) as problem:
            raise CheckpointError(f"the checkpoint's {part_name} does not fit: {problem}") from problem
    if trainer.precision.scaler is not None and state["scaler"] is not None:
        trainer.precision.scaler.load_state_dict(state["scaler"])
    if not sharded:
        restore_averaging(trainer, state)
    trainer.early_stopping.load_state_dict(state["early_stopping"])
    own = own_part(trainer, state)
    put_scores(trainer, own)
    trainer.feed.load_state_dict(own["feed"])
    trainer.pending_random_state = own["feed"].get("start", own)["random"]
    trainer.history[:] = state["history"]
    trainer.epoch, trainer.step, trainer.stop_reason = state["epoch"], state["step"], state["stop_reason"]
    _warn_of_changes(trainer, state)


def restore_averaging(trainer: Trainer[Any, Any], state: dict[str, Any]) -> None:
    """Bring the average of the weights to `state`, after the weights themselves: it may have to begin with them.

    Raises:
        CheckpointError: it is another model's.
    """
    if trainer.averaging is not None:
        trainer.averaging.load_state_dict(state.get("averaging"))


def _warn_of_changes(trainer: Trainer[Any, Any], state: dict[str, Any]) -> None:
    before, now = state["config"], trainer.config.as_plain()
    defaults = {field.name: field.default for field in dataclasses.fields(trainer.config)}
    for key in sorted(set(before) | set(now)):
        unknown_then = key not in before and now[key] in (defaults[key], [])  # a setting that came later, and is off
        if not unknown_then and before.get(key) != now.get(key):
            kept = key in _KEPT_BY_OPTIMIZER or (key in _KEPT_BY_SCHEDULER and trainer.scheduler is not None)
            effect = "; optimizer and scheduler go on with what they were saved with" if kept else ""
            text = "resumed with another %s: %r instead of %r%s"
            logger.warning(text, key, now.get(key), before.get(key), effect)
    batches = batches_an_epoch(trainer.dataloader)
    if batches != state["batches_an_epoch"]:
        logger.warning("resumed on other data: %s batches an epoch, not %s", batches, state["batches_an_epoch"])
    for name, known in (state.get("data") or {}).items():  # None in checkpoints of earlier versions
        found = trainer.recorder.data[name]
        if (known is None) != (found is None):
            logger.warning("resumed %s %s data", "with" if known is None else "without", name)
        for fact in ("name", "version", "samples", "checksum") if known and found else ():
            if known[fact] != found[fact]:
                text = "resumed on other %s data: its %s is %s, not %s"
                logger.warning(text, name, fact, found[fact], known[fact])
