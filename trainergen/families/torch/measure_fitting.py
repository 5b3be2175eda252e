"""Fits guessed constructor arguments to the batch that the user gave: which sizes the layers want, and which they get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from ...inspection.construction import BuiltArgument, Construction

WANTED: Mapping[str, tuple[str, int]] = {
    "Linear": ("in_features", -1),
    "Conv1d": ("in_channels", 1),
    "Conv2d": ("in_channels", 1),
    "Conv3d": ("in_channels", 1),
    "ConvTranspose1d": ("in_channels", 1),
    "ConvTranspose2d": ("in_channels", 1),
    "ConvTranspose3d": ("in_channels", 1),
    "BatchNorm1d": ("num_features", 1),
    "BatchNorm2d": ("num_features", 1),
    "BatchNorm3d": ("num_features", 1),
    "GroupNorm": ("num_channels", 1),
    "LSTM": ("input_size", -1),
    "GRU": ("input_size", -1),
    "RNN": ("input_size", -1),
    "MultiheadAttention": ("embed_dim", -1),
}
"""torch's layers that fix a size of their input: the attribute that has it, and the axis that it fixes."""


@dataclass(frozen=True)
class Mismatch:
    """A layer that wants one size and got another."""

    wanted: int
    got: int

    def told(self, built: Construction, before: Construction, name: str) -> Construction:
        """The new construction with the fitted argument as the guess that it is, the batch being its evidence.

        Args:
            built: where fitted arguments look as if the user had given them.
            before: with those of earlier fittings.
            name: of the one that was fitted now.
        """
        fitted = BuiltArgument(name, self.got, "source", f"the batch has {self.got} where {self.wanted} was guessed")
        known = {each.name: each for each in before.arguments} | {name: fitted}
        told = (known.get(each.name, each) if each.source == "given" else each for each in built.arguments)
        return replace(built, arguments=tuple(told))


@contextmanager
def watched(found: list[Mismatch]) -> Iterator[None]:
    """While it lasts, layers that an exception leaves are looked at; what they wanted and got goes into `found`, in order."""
    running: list[tuple[nn.Module, tuple[Any, ...]]] = []

    def enter(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        running.append((module, arguments))

    def leave(module: nn.Module, _: Any, __: Any) -> None:
        while running and running.pop()[0] is not module:
            pass

    hooks = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        # Layers that an exception left stay on the list, those of the first feeding that was tried in front.
        found += [each for each in (_mismatch(*entry) for entry in running) if each is not None]


def _mismatch(module: nn.Module, arguments: tuple[Any, ...]) -> Mismatch | None:
    value = next((each for each in arguments if isinstance(each, torch.Tensor)), None)
    if value is None:
        return None
    if isinstance(module, nn.Embedding):
        rows = int(value.max()) + 1 if value.numel() and not value.is_floating_point() else 0
        return Mismatch(module.num_embeddings, rows) if rows > module.num_embeddings else None
    if isinstance(module, nn.LayerNorm):
        wanted, axis = int(module.normalized_shape[-1]), -1
    else:
        named = next((WANTED[kind.__name__] for kind in type(module).__mro__ if kind.__name__ in WANTED), None)
        if named is None:
            return None
        wanted, axis = int(getattr(module, named[0])), named[1]
    if value.dim() <= abs(axis):
        return None
    got = int(value.shape[axis])
    return Mismatch(wanted, got) if got != wanted else None


def fitting(arguments: tuple[BuiltArgument, ...], mismatch: Mismatch) -> tuple[str, ...]:
    """Guessed arguments that may have given the layer its size: those of that value, the likeliest by name first."""
    equal = [each.name for each in arguments if each.assumed and each.value == mismatch.wanted]
    inputs = ("in", "input", "feature", "channel", "dim", "vocab", "token", "num_embeddings", "size")
    return tuple(sorted(equal, key=lambda name: not any(word in name.lower() for word in inputs)))
