"""What the user asked for: the options of ``trainergen new`` after parsing, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PATTERNS = ("simple", "structured", "multi-tensor", "ranking", "custom-optimizer")


@dataclass(frozen=True)
class Wishes:
    """Options of ``new`` (command line over ``[tool.trainergen]``); None or empty means: not said.

    Attributes:
        model: ``PATH.py:Class`` or ``package.module:Class`` (or a function).
        batch: a file, ``module:name``, or the grammar's text.
        loader, val_loader: ``module:name``.
        model_arguments: name -> Python literal.
        factory: ``module:name`` of a function that returns the model.
        target: dotted key or index of the target in the batch.
        loss, metrics, optimizer, scheduler: listed names or ``module:name``.
        optimizer_arguments: name -> Python literal.
        auxiliaries: output name -> weight.
        patterns: of `PATTERNS`.
        name: snake-case base name instead of the class's.
        package: folder that ``train/`` and ``config/`` go below.
        vendor: copy the runtime's source in.
        base_trainer: ``module:Class`` to inherit from; ``none`` for trainergen's own whatever the project has.
        registry, config, entry_point: paths of the project's own, where reading it finds another or none.
    """

    model: str
    batch: str | None = None
    loader: str | None = None
    val_loader: str | None = None
    model_arguments: tuple[tuple[str, Any], ...] = ()
    factory: str | None = None
    target: str | None = None
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    optimizer: str | None = None
    optimizer_arguments: tuple[tuple[str, Any], ...] = ()
    scheduler: str | None = None
    auxiliaries: tuple[tuple[str, float], ...] = ()
    patterns: tuple[str, ...] = ()
    name: str | None = None
    package: str | None = None
    vendor: bool = False
    base_trainer: str | None = None
    registry: str | None = None
    config: str | None = None
    entry_point: str | None = None
