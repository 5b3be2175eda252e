"""Frameworks that do the same work, one file each, found by name: `train(work, folder)` and what it needs installed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

ORDER = ("raw", "ours")
"""What is listed first; the others follow by name."""


@dataclass(frozen=True)
class Work:
    """What every contender does: train `model` on `loader`, cross entropy, gradients clipped to a norm of 1.

    Attributes:
        model: ``model(inputs)`` gives logits, classes last.
        loader: batches of ``(inputs, targets)``; targets are integers of the shape of the logits without the classes.
        optimizer: built over the model's parameters by whoever trains.
        epochs: passes over the loader.
        save_every: optimizer steps from one checkpoint to the next; None for none.
        resume: go on from the newest checkpoint below the folder, as the framework's documentation shows it.
    """

    model: nn.Module
    loader: Iterable[tuple[torch.Tensor, torch.Tensor]]
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    epochs: int = 1
    save_every: int | None = None
    resume: bool = False


def loss_of(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy over all targets."""
    return nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def names() -> list[str]:
    """All contenders that there is a file of."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [*(name for name in ORDER if name in found), *(name for name in found if name not in ORDER)]


def load(name: str) -> ModuleType:
    """The contender's module: ``PACKAGES``, ``train(work, folder)``.

    Raises:
        ImportError: its framework is not installed.
    """
    return importlib.import_module(f"{__name__}.{name}")


def packages_of(name: str) -> tuple[str, ...]:
    """The distributions that contender `name` imports, read without importing them."""
    for line in (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("PACKAGES = "):
            found: tuple[str, ...] = tuple(
                part.strip("'\" ") for part in line[len("PACKAGES = (") : -1].split(",") if part
            )
            return tuple(part for part in found if part)
    return ()


def is_installed(name: str) -> bool:
    """Whether all that contender `name` needs is there."""
    for package in packages_of(name):
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            return False
    return True


def newest(folder: Path, pattern: str) -> Path:
    """The newest of the paths below `folder` that match.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise FileNotFoundError(f"no {pattern} below {folder}")
    return found[-1]
