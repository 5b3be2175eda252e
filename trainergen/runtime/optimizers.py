"""The default optimizer: AdamW that decays weight matrices alone."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import AdamW, Optimizer

_NORMS: tuple[type[nn.Module], ...] = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_EMBEDDINGS: tuple[type[nn.Module], ...] = (nn.Embedding, nn.EmbeddingBag)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters of `model` in a group with decay and one without; each parameter once, tied or not.

    No decay for norms (torch's, and any module whose class name ends in ``Norm``), embeddings, biases, and whatever has
    fewer than two dimensions. A weight that an embedding shares with another layer counts as an embedding's.
    Frozen parameters (``requires_grad`` False) are left out.

    Raises:
        ValueError: nothing is trainable.
    """
    decays: dict[int, bool] = {}
    trainable = {id(parameter): parameter for parameter in model.parameters() if parameter.requires_grad}
    for module in model.modules():
        exempt = isinstance(module, (*_NORMS, *_EMBEDDINGS)) or type(module).__name__.endswith("Norm")
        for name, parameter in module.named_parameters(recurse=False):
            decay = not exempt and not name.endswith("bias") and parameter.dim() >= 2
            decays[id(parameter)] = decays.get(id(parameter), True) and decay
    if not trainable:
        raise ValueError(f"{type(model).__name__} has no trainable parameter: nothing to optimize")
    decayed = [parameter for key, parameter in trainable.items() if decays[key]]
    exempted = [parameter for key, parameter in trainable.items() if not decays[key]]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": exempted, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def build_adamw(model: nn.Module, learning_rate: float, weight_decay: float) -> Optimizer:
    """AdamW (Loshchilov and Hutter 2019) over `parameter_groups`."""
    return AdamW(parameter_groups(model, weight_decay), lr=learning_rate)
