"""An operation that refuses its operands says by its kind what it needs; torch's own modules say it by their sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from ..failure import Failure
from ..origins import operand
from ..wishes import Recast, Rerank, Resize, Swap, Wish
from . import arithmetic, indexing, layers, shapes  # noqa: F401  they register their rules
from .rules import rule_for


def of_operation(failure: Failure) -> Iterator[Wish]:
    """What the failed operation needs; for a module's own check, what the module's parameters say."""
    call = failure.call
    if call is not None:
        known = rule_for(call.name)
        if known is not None:
            yield from known(replace(call, said=failure.said))
    yield from _of_module(failure)


def _of_module(failure: Failure) -> Iterator[Wish]:
    """A torch module that refused before any operation: a recurrent layer that checks its input."""
    for frame, _ in failure.frames[:3]:
        module = frame.f_locals.get("self")
        if not isinstance(module, nn.Module) or not type(module).__module__.startswith("torch.nn"):
            continue
        value = frame.f_locals.get("input")
        value = value if isinstance(value, torch.Tensor) else frame.f_locals.get("src", frame.f_locals.get("query"))
        if not isinstance(value, torch.Tensor):
            continue
        x = operand(value)
        first = x.axes[0] if len(x.axes) == 3 else None
        if isinstance(module, nn.RNNBase) and not module.batch_first and first is not None and first[1] == 0:
            yield Swap(x)
        width = getattr(module, "input_size", getattr(module, "d_model", getattr(module, "embed_dim", None)))
        if isinstance(width, int) and x.shape and x.shape[-1] != width:
            if len(x.shape) == 2 and not isinstance(module, (nn.LSTMCell, nn.GRUCell, nn.RNNCell)):
                yield Rerank(x, (3,))
            yield Resize(x, -1, width, features=True)
        if not x.value.is_floating_point() and not isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            yield Recast(x, "float")
        return
