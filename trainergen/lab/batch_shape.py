"""Whether two batches have the same form: containers, keys, dtypes and ranks. Sizes may differ from batch to batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch


def differences(expected: Any, found: Any, where: str = "batch") -> list[str]:
    """Where `found` differs in form from `expected`, one line each; empty if nowhere."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(found, torch.Tensor):
            return [f"{where} is a {type(found).__name__}, not a tensor"]
        if (expected.dtype, expected.dim()) != (found.dtype, found.dim()):
            return [f"{where} is {_spell(found)}, not {_spell(expected)}"]
        return []
    if type(expected) is not type(found):
        return [f"{where} is a {type(found).__name__}, not a {type(expected).__name__}"]
    if isinstance(expected, Mapping):
        if set(expected) != set(found):  # their order is nobody's business
            return [f"{where} has the keys {list(found)}, not {list(expected)}"]
        return [line for key in expected for line in differences(expected[key], found[key], f"{where}[{key!r}]")]
    if dataclasses.is_dataclass(expected):
        names = [field.name for field in dataclasses.fields(expected)]
        pairs = [(name, getattr(expected, name), getattr(found, name)) for name in names]
        return [line for name, one, two in pairs for line in differences(one, two, f"{where}.{name}")]
    if isinstance(expected, tuple):
        if len(expected) != len(found):
            return [f"{where} has {len(found)} parts, not {len(expected)}"]
        places = [f"{where}[{index}]" for index in range(len(expected))]
        return [line for each in zip(expected, found, places, strict=True) for line in differences(*each)]
    if isinstance(expected, list) and expected and found:
        return differences(expected[0], found[0], f"{where}[0]")  # a list may be as long as its batch
    return []


def _spell(value: torch.Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
