"""A batch in words: its leaves with their names, dtypes, shapes, ranges, and the first sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

SHOWN = 6
"""Values of a sample that are shown."""


def leaves(batch: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each tensor or plain value of a batch with the path to it (``image``, ``[1]``, ``boxes[0]``; "" for itself)."""
    if isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(batch, tuple) and hasattr(batch, "_fields"):
        for key, value in zip(batch._fields, batch, strict=True):
            yield from leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(batch, (tuple, list)) and not all(isinstance(each, (str, int, float)) for each in batch):
        for index, value in enumerate(batch):
            yield from leaves(value, f"{name}[{index}]")
    elif dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        for field in dataclasses.fields(batch):
            yield from leaves(getattr(batch, field.name), f"{name}.{field.name}" if name else field.name)
    else:
        yield name, batch


def describe_batch(batch: Any) -> tuple[str, ...]:
    """Two lines a tensor: dtype, shape and range; and of its first sample the first values."""
    lines: list[str] = []
    for name, value in leaves(batch):
        if not isinstance(value, torch.Tensor):
            lines.append(f"{name or 'batch'}: {_short(repr(value))} ({type(value).__name__})")
            continue
        lines.append(f"{name or 'batch'}: {form(value)}{_range(value)}")
        sample = value[0] if value.dim() > 0 and len(value) else value
        if sample.numel():
            numbers = sample.detach().flatten()[:SHOWN].tolist()
            more = ", ..." if sample.numel() > SHOWN else ""
            text = ", ".join(f"{each:.4g}" if isinstance(each, float) else str(each) for each in numbers)
            lines.append(f"  a sample of it: {text}{more}")
    return tuple(lines)


def form(tensor: torch.Tensor) -> str:
    """``float32[32, 1, 8, 8]``."""
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def _range(value: torch.Tensor) -> str:
    if value.numel() == 0:
        return ", empty"
    if value.is_complex() or value.layout is not torch.strided:
        return ""
    numbers = value.detach().double()
    told = f", {float(numbers.min()):.4g} to {float(numbers.max()):.4g}"
    if not value.is_floating_point():
        return told
    bad = int((~torch.isfinite(numbers)).sum())
    return f"{told}, mean {float(numbers.mean()):.4g}" + (f", {bad} values not finite" if bad else "")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
