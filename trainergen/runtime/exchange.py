"""Values of any type from rank to rank through gloo; torch's own functions for it need NumPy, which may be absent."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import distributed

if TYPE_CHECKING:
    Group: TypeAlias = distributed.ProcessGroup | None


def broadcast_value(value: Any, group: Group) -> Any:
    """Rank 0's `value`, on every rank."""
    main = distributed.get_rank() == 0
    sent = bytearray(pickle.dumps(value)) if main else bytearray()
    size = torch.tensor([len(sent)])
    distributed.broadcast(size, src=0, group=group)
    buffer = sent if main else bytearray(int(size.item()))
    distributed.broadcast(_view(buffer), src=0, group=group)
    return value if main else _read(buffer)


def gather_values(value: Any, group: Group) -> list[Any]:
    """The value of each rank, on every rank."""
    sent, longest = _padded(value, group)
    buffers = [bytearray(longest) for _ in range(distributed.get_world_size())]
    distributed.all_gather([_view(buffer) for buffer in buffers], _view(sent), group=group)
    return [_read(buffer) for buffer in buffers]


def gather_values_on_main(value: Any, group: Group) -> list[Any] | None:
    """The value of each rank, on rank 0; None elsewhere."""
    sent, longest = _padded(value, group)
    if distributed.get_rank() != 0:
        distributed.gather(_view(sent), dst=0, group=group)
        return None
    buffers = [bytearray(longest) for _ in range(distributed.get_world_size())]
    distributed.gather(_view(sent), [_view(buffer) for buffer in buffers], dst=0, group=group)
    return [_read(buffer) for buffer in buffers]


def _padded(value: Any, group: Group) -> tuple[bytearray, int]:
    sent = bytearray(pickle.dumps(value))
    size = torch.tensor([len(sent)])
    distributed.all_reduce(size, distributed.ReduceOp.MAX, group=group)
    longest = int(size.item())
    return sent.ljust(longest, b"\0"), longest


def _view(buffer: bytearray) -> torch.Tensor:
    return torch.frombuffer(buffer, dtype=torch.uint8)


def _read(buffer: bytearray) -> Any:
    return pickle.loads(buffer)  # noqa: S301 - from another process of this run; what follows the end is padding
