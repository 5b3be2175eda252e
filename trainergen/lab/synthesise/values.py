"""Live values of a guess: seeded, in range, and with the extremes of the range among them."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import torch

from .guess import Box, Guess, Node, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...inspection.batch_spec import Path

MOST_ELEMENTS = 1 << 24
"""Of one tensor: what a search tries is small, and a repair that multiplies wrongly must not fill the memory."""


PACKED = "torch.nn.utils.rnn:PackedSequence"


class TooLarge(Exception):
    """A tensor of the guess has more than `MOST_ELEMENTS` elements."""


def make(guess: Guess, seed: int, mark: Callable[[Path, torch.Tensor], None] | None = None) -> list[tuple[str, Any]]:
    """The value of every argument.

    Args:
        guess: what to make.
        seed: equal seeds give equal values.
        mark: is called with every tensor and where it sits.

    Raises:
        TooLarge: see there.
    """
    generator = torch.Generator().manual_seed(seed)
    return [(name, _make(node, guess, generator, (name,), mark)) for name, node in guess.arguments]


def _make(
    node: Node,
    guess: Guess,
    generator: torch.Generator,
    path: Path,
    mark: Callable[[Path, torch.Tensor], None] | None,
) -> Any:
    if isinstance(node, Box) and node.repeat is not None:
        (key, child), count = node.entries[0], guess.size(node.repeat)
        return [_make(child, guess, generator, (*path, key), mark) for _ in range(count)]
    if isinstance(node, Box):
        parts = {key: _make(child, guess, generator, (*path, key), mark) for key, child in node.entries}
        return _boxed(node, parts)
    value = _value(node, guess, generator)
    if mark is not None and isinstance(value, torch.Tensor):
        mark(path, value)
    return value


def _boxed(box: Box, parts: dict[str | int, Any]) -> Any:
    if box.kind == "mapping":
        return parts
    if box.kind == "list":
        return list(parts.values())
    if box.kind == "tuple":
        return tuple(parts.values())
    if box.type_name == PACKED and int(parts["batch_sizes"].sum()) != parts["data"].shape[0]:
        raise ValueError("the sizes of a packed sequence don't add up")  # torch would read past its end
    assert box.type_name is not None
    module, _, name = box.type_name.partition(":")
    kind: Any = importlib.import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    return kind(**{str(key): value for key, value in parts.items()})


def _value(slot: Slot, guess: Guess, generator: torch.Generator) -> Any:
    sizes = guess.shape(slot)
    if math.prod(sizes) > MOST_ELEMENTS:
        raise TooLarge(f"{slot.dtype}{list(sizes)} has more than {MOST_ELEMENTS} elements")
    high = bound(slot, guess)
    if slot.dtype == "str":
        return _strings(sizes)
    if slot.dtype in ("int", "float"):
        low = slot.low if slot.low is not None else 1
        return int(low) if slot.dtype == "int" else float(low)
    dtype: torch.dtype = getattr(torch, slot.dtype)
    if slot.form == "packed_sizes":
        return torch.full(sizes, guess.size("batch"), dtype=dtype)
    if dtype == torch.bool:
        value = torch.randint(0, 2, sizes, generator=generator).bool()
        if slot.form == "prefix" and sizes:
            value[..., : max(1, sizes[-1] // 2)] = True
        return value
    if dtype.is_complex:
        parts = torch.randn((*sizes, 2), generator=generator)
        return torch.view_as_complex(parts).to(dtype)
    if dtype.is_floating_point:
        return _floats(slot, sizes, high, generator).to(dtype)
    return _integers(slot, sizes, high, generator).to(dtype)


def _floats(slot: Slot, sizes: tuple[int, ...], high: float | None, generator: torch.Generator) -> torch.Tensor:
    if slot.low is None or high is None:
        value = torch.randn(sizes, generator=generator)
    else:
        value = torch.rand(sizes, generator=generator) * (high - slot.low) + slot.low
    if slot.form == "symmetric" and len(sizes) >= 2 and sizes[-1] == sizes[-2]:
        value = (value + value.transpose(-1, -2)) / 2
    if slot.form == "binary":
        value = value.round()
    if slot.form == "boxes":
        value = torch.cat([value[..., :2] * 0.5, value[..., :2] * 0.5 + 0.1 + value[..., 2:] * 0.4], -1)
    if slot.form == "prefix" and sizes:
        value = value.round()
        value[..., : max(1, sizes[-1] // 2)] = 1
    return value


def _integers(slot: Slot, sizes: tuple[int, ...], high: float | None, generator: torch.Generator) -> torch.Tensor:
    low, top = (0, 2) if slot.low is None or high is None else (int(slot.low), int(high))
    top = max(top, low + 1)
    value = torch.randint(low, top, sizes, generator=generator)
    flat = value.view(-1)
    if slot.form == "sorted":
        value = torch.arange(flat.numel()).mul(top - low).div(max(flat.numel(), 1), rounding_mode="floor") + low
        return value.view(sizes)
    if slot.form == "offsets":
        return (torch.arange(flat.numel()) * (top // max(flat.numel(), 1))).view(sizes)
    if slot.form == "lengths" and flat.numel():
        value, _ = value.clamp_min(top // 2).sort(descending=True)
        value.view(-1)[0] = top - 1
    elif slot.form == "prefix" and sizes:
        value[..., : max(1, sizes[-1] // 2)] = 1
    elif flat.numel() > 1 and slot.high is not None:
        flat[0], flat[-1] = top - 1, low  # the extremes are there, so that a range that is too wide shows itself
    return value


def bound(slot: Slot, guess: Guess) -> float | int | None:
    """The upper bound of a slot's values as a number: lengths may be as long as the sequence."""
    if not isinstance(slot.high, str):
        return slot.high
    return guess.size(slot.high) + (slot.form == "lengths")


def _strings(sizes: tuple[int, ...]) -> Any:
    if not sizes:
        return "text_0"
    return [_strings(sizes[1:]) if len(sizes) > 1 else f"text_{index}" for index in range(sizes[0])]
