"""Watches a forward and backward: what each layer gave, which gradient came back, where units are dead or saturated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ....lab.batch_form import live_leaves

RECTIFIERS = frozenset({"relu", "relu_", "relu6", "threshold", "threshold_"})
SQUASHERS = {"sigmoid": (0.005, 0.995), "sigmoid_": (0.005, 0.995), "tanh": (-0.99, 0.99), "tanh_": (-0.99, 0.99)}
"""The flat ends: beyond 99 % of the range."""

FEWEST = 8
"""Samples (times positions) from which a unit that is zero for all of them counts as dead."""


@dataclass
class Layer:
    """What one module gave, on its first call."""

    name: str
    kind: str
    shape: list[int]
    rms: float
    mean: float
    std: float
    zeros: float
    finite: bool
    gradient: float | None = None
    weight: float | None = None
    weight_gradient: float | None = None


@dataclass
class Watch(TorchFunctionMode):
    """Collects the outputs of layers, and of activations that no module shows."""

    layers: dict[str, Layer] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    dead: list[tuple[str, float, int]] = field(default_factory=list)
    flat: list[tuple[str, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        where = self.running[-1] if self.running else "(itself)"
        if name in RECTIFIERS and isinstance(result, torch.Tensor):
            share, seen = dead_share(result.detach())
            if seen >= FEWEST and (where, share, seen) not in self.dead:
                self.dead.append((where, share, seen))
        elif name in SQUASHERS and isinstance(result, torch.Tensor) and result.numel():
            low, high = SQUASHERS[name]
            values = result.detach()
            self.flat.append((where, name.rstrip("_"), float(((values < low) | (values > high)).float().mean())))
        return result

    def attach(self, model: nn.Module) -> list[Any]:
        """Hooks on every module; statistics of those that hold parameters or have no children."""
        hooks = []
        for name, module in model.named_modules():
            own = any(True for _ in module.parameters(recurse=False))
            leaf = next(module.children(), None) is None
            hooks.append(
                module.register_forward_pre_hook(lambda *_, name=name: self.running.append(name or "(itself)"))
            )
            hooks.append(module.register_forward_hook(self._leave(name or "(itself)", own or leaf)))
        return hooks

    def _leave(self, name: str, counted: bool) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if self.running:
                self.running.pop()
            if not counted or name in self.layers:
                return
            found = [leaf for _, leaf in live_leaves(output) if isinstance(leaf, torch.Tensor)]
            tensor = next((each for each in found if each.is_floating_point() and each.numel()), None)
            if tensor is not None:
                self.layers[name] = _statistics(name, type(module).__name__, tensor)
                if tensor.requires_grad:
                    tensor.register_hook(self._gradient(name))  # type: ignore[no-untyped-call]

        return hook

    def _gradient(self, name: str) -> Any:
        def hook(gradient: torch.Tensor) -> None:
            self.layers[name].gradient = float(gradient.detach().double().square().mean().sqrt())

        return hook


def dead_share(output: torch.Tensor) -> tuple[float, int]:
    """The share of units (channels where there are positions after them, else the last axis) that are zero for all samples.

    Returns:
        The share, and how many samples times positions each unit was seen with.
    """
    if output.dim() < 2 or not output.numel():
        return 0.0, 0
    axis = 1 if output.dim() >= 4 else output.dim() - 1
    units = output.transpose(0, axis).flatten(1)
    return float((units == 0).all(dim=1).float().mean()), int(units.shape[1])


def _statistics(name: str, kind: str, tensor: torch.Tensor) -> Layer:
    values = tensor.detach().float()
    finite = bool(torch.isfinite(values).all())
    kept = values if finite else values[torch.isfinite(values)]
    if not kept.numel():
        return Layer(name, kind, list(tensor.shape), math.nan, math.nan, math.nan, 0.0, False)
    return Layer(
        name=name,
        kind=kind,
        shape=list(tensor.shape),
        rms=float(kept.double().square().mean().sqrt()),
        mean=float(kept.mean()),
        std=float(kept.std(unbiased=False)),
        zeros=float((kept == 0).float().mean()),
        finite=finite,
    )
