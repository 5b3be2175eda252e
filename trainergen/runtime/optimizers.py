"""The default optimizer: AdamW that decays weight matrices alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import AdamW, Optimizer

_NORMS: tuple[type[nn.Module], ...] = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_EMBEDDINGS: tuple[type[nn.Module], ...] = (nn.Embedding, nn.EmbeddingBag)


def parameter_groups(
    model: nn.Module, weight_decay: float, *, rates: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """The trainable parameters of `model` in groups with and without decay; each parameter once, tied or not.

    No decay for norms (torch's, and any module whose class name ends in ``Norm``), embeddings, biases, and whatever has
    fewer than two dimensions. A weight that an embedding shares with another layer counts as an embedding's.
    Frozen parameters (``requires_grad`` False) are left out.

    Args:
        model: whose parameters.
        weight_decay: of those that decay.
        rates: learning rates of parts of the model, by the part's name (``encoder``, ``encoder.layers.0``; the longest
            that fits counts); what no part holds gets the optimizer's own rate.

    Raises:
        ValueError: nothing is trainable, or a part has no trainable parameter.
    """
    decays: dict[int, bool] = {}
    for module in model.modules():
        exempt = isinstance(module, (*_NORMS, *_EMBEDDINGS)) or type(module).__name__.endswith("Norm")
        for name, parameter in module.named_parameters(recurse=False):
            decay = not exempt and not name.endswith("bias") and parameter.dim() >= 2
            decays[id(parameter)] = decays.get(id(parameter), True) and decay
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError(f"{type(model).__name__} has no trainable parameter: nothing to optimize")
    parts = sorted(rates or {}, key=len, reverse=True)
    for part in parts:
        if not any(_belongs(name, part) for name, _ in trainable):
            raise ValueError(f"{type(model).__name__} has no trainable parameter below {part!r}: it gets no rate")
    groups: dict[tuple[str | None, bool], list[nn.Parameter]] = {}
    for each in (None, *(rates or {})):  # the optimizer's own rate first: it is the one that is logged
        groups |= {(each, True): [], (each, False): []}
    for name, parameter in trainable:
        found = next((part for part in parts if _belongs(name, part)), None)
        groups[found, decays[id(parameter)]].append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decay else 0.0}
        | ({} if rates is None or found is None else {"lr": rates[found]})
        for (found, decay), parameters in groups.items()
        if parameters
    ]


def _belongs(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def build_adamw(model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
    """AdamW (Loshchilov and Hutter 2019) over `parameter_groups`."""
    return AdamW(parameter_groups(model, weight_decay), lr=learning_rate)
