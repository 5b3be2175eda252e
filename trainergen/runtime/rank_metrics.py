"""What a rank has seen of an epoch (sums for the means, collected scores), and that of all ranks in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from .device import move_batch
from .metrics import EpochScores

if TYPE_CHECKING:
    from .trainer import Trainer


def collected(trainer: Trainer[Any, Any]) -> dict[str, Any]:
    """The state of each `EpochScores` that `trainer` holds, by attribute."""
    return {name: part.state_dict() for name, part in vars(trainer).items() if isinstance(part, EpochScores)}


def put_collected(trainer: Trainer[Any, Any], scores: dict[str, Any]) -> None:
    """Set each `EpochScores` to what `collected` saw."""
    for name, state in scores.items():
        getattr(trainer, name).load_state_dict(state)


def rank_scores(trainer: Trainer[Any, Any]) -> dict[str, Any]:
    """What this rank has seen in the epoch so far, on the CPU."""
    seen = {"means": trainer.means.state_dict(), "scores": collected(trainer)}
    return move_batch(seen, torch.device("cpu"))


def put_scores(trainer: Trainer[Any, Any], seen: dict[str, Any]) -> None:
    """Have this rank have seen that."""
    trainer.means.load_state_dict(seen["means"])
    put_collected(trainer, seen["scores"])


def merge_scores(every: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all have seen, in the order of the ranks: the same sums to the last bit on each."""
    means: dict[str, Any] = {"sums": {}, "weights": {}, "batches": 0}
    scores: dict[str, dict[str, list[Any]]] = {}
    for seen in every:
        means["batches"] += seen["means"]["batches"]
        for part in ("sums", "weights"):
            for name, value in seen["means"][part].items():
                means[part][name] = means[part].get(name, 0.0) + float(value)
        for name, state in seen["scores"].items():
            merged = scores.setdefault(name, {key: [] for key in state})
            for key, values in state.items():
                merged[key] += values
    return {"means": means, "scores": scores}
