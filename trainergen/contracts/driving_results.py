"""What the lab reads of a trainer under a project's own contract: losses, numbers, weight files."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

WEIGHTS = ("*.pt", "*.pth", "*.ckpt", "*.bin")


@contextlib.contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Steps of any optimizer change nothing, buffers neither: what a training saves at its end was there before it."""
    kept = copy.deepcopy(model.state_dict())

    def restore(*_: Any) -> None:
        model.load_state_dict(kept)

    hook = register_optimizer_step_post_hook(restore)
    try:
        yield
    finally:
        hook.remove()
        model.load_state_dict(kept)


def weight_files(directory: Path) -> set[Path]:
    """Weight files below the run's folder and below the current one."""
    folders = {directory, Path.cwd()}
    return {path.resolve() for folder in folders for pattern in WEIGHTS for path in folder.rglob(pattern)}


def weights_in(path: Path, model: nn.Module) -> dict[str, Any] | None:
    """The model's state_dict in a file: the whole of it, or one entry of a checkpoint; None where there is none."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of whatever form
        return None
    names = set(model.state_dict())
    candidates = [found, *(found.values() if isinstance(found, dict) else ())]
    return next((each for each in candidates if isinstance(each, dict) and set(each) == names), None)


def moved(batch: Any, device: Any) -> Any:
    """The batch on `device`, as a base does that before it asks for the loss."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: moved(each, device) for key, each in batch.items()}
    if isinstance(batch, (list, tuple)) and not hasattr(batch, "_fields"):
        return type(batch)(moved(each, device) for each in batch)
    return batch


def needed(method: Callable[..., Any]) -> list[str]:
    """Parameters that have to be given."""
    return [
        name
        for name, each in inspect.signature(method).parameters.items()
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]


def tensor_of(result: Any) -> torch.Tensor | None:
    """The loss in what a method gives: a tensor, (loss, statistics), a mapping with it."""
    if isinstance(result, torch.Tensor):
        return result
    if isinstance(result, Mapping):
        key = next((each for each in result if "loss" in str(each)), None)
        return tensor_of(result[key]) if key is not None else None
    if isinstance(result, (tuple, list)) and result:
        return tensor_of(result[0])
    return None


def loss_in(said: Any) -> float | None:
    """The loss in what a step or an epoch returns."""
    return next((value for name, value in named_numbers(said).items() if "loss" in name), None)


def named_numbers(said: Any) -> dict[str, float]:
    """What an evaluation gives, by name; a number alone, or the first of several, is the loss."""
    if isinstance(said, Mapping):
        found = {str(key): float(value) for key, value in said.items() if is_number(value)}
        if "loss" not in found and (key := next((each for each in found if "loss" in each), None)):
            found["loss"] = found.pop(key)
        return found
    if isinstance(said, (tuple, list)) and said:
        return named_numbers(said[0])
    return {"loss": float(said)} if is_number(said) else {}


def is_number(value: Any) -> bool:
    """A number, or a tensor of one."""
    return isinstance(value, (int, float)) or (isinstance(value, torch.Tensor) and value.numel() == 1)


def number(text: str, trainer: Any) -> float | None:
    """The number that an expression of the base means: a literal, or ``self.config.clip``."""
    try:
        return float(text)
    except ValueError:
        pass
    value: Any = trainer
    for name in text.removeprefix("self.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return float(value) if isinstance(value, (int, float)) else None
