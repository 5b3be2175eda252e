"""Counts floating point operations: torch's own counter, where it is right, and around its gaps."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import flop_counter
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from collections.abc import Callable


def count_operations(run: Callable[[], object], *, by_module: bool = False) -> FlopCounterMode:
    """What `run` costs, as `torch.utils.flop_counter` counts it.

    Args:
        run: forward, or forward and backward.
        by_module: keep the account by module, too. Its hooks follow gradients, and fail on outputs that have none: only for
            what runs under ``no_grad``.
    """
    counter = FlopCounterMode(display=False, depth=3, custom_mapping=_attention_on_the_cpu())
    if not by_module:
        counter.mod_tracker = _Nowhere()  # type: ignore[assignment]
    # Fused recurrent kernels are one operation to the counter, and no product.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.backends.mkldnn.flags(enabled=False), counter:
            run()
    return counter


class _Nowhere:
    """Stands for the counter's own account of which module is running."""

    parents = frozenset({"Global"})
    is_bw = False

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _attention_on_the_cpu() -> dict[Any, Any]:
    """Attention as the CPU computes it, which the counter does not know by itself."""
    found: dict[Any, Any] = {}
    operations = torch.ops.aten
    counts: Any = flop_counter  # its functions are untyped
    forward = getattr(operations, "_scaled_dot_product_flash_attention_for_cpu", None)
    backward = getattr(operations, "_scaled_dot_product_flash_attention_for_cpu_backward", None)
    if forward is not None:
        found[forward] = lambda query, key, value, *_, **__: counts.sdpa_flop_count(query, key, value)
    if backward is not None:
        found[backward] = lambda grad, *shapes, **__: counts.sdpa_backward_flop_count(grad, *shapes[:3])
    return found
