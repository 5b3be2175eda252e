"""Fully sharded training: each rank holds a part of every parameter, gradient and optimizer state (torch's FSDP2).

Imported where the setting ``strategy = fsdp`` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from .errors import CheckpointError
from .replicas import Replicas


def shard(model: nn.Module) -> nn.Module:
    """`model` itself, sharded over all ranks: each member of a ModuleList (a block) is gathered by itself.

    All ranks begin with rank 0's values. To be done before an optimizer is built.
    """
    values = [*model.parameters(), *model.buffers()]
    with torch.no_grad():
        for value in values:
            distributed.broadcast(value, src=0)
    mesh = init_device_mesh(values[0].device.type, (distributed.get_world_size(),))
    blocks = [
        block
        for holder in model.modules()
        if isinstance(holder, nn.ModuleList)
        for block in holder
        if not isinstance(block, (nn.ModuleList, nn.ModuleDict)) and any(True for _ in block.parameters())
    ]
    for block in reversed(blocks):  # inner ones first
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


class Shards(Replicas):
    """What keeps the ranks together where the model itself does most of it: buffers are still rank 0's.

    Gradients are averaged in every batch, not once a window: a rank has no room for those of the whole model.
    """

    def follow(self, modules: Sequence[nn.Module]) -> None:
        """Train `modules`, of which only sharded ones may have trainable parameters.

        Raises:
            ValueError: another one has.
        """
        for module in modules:
            if not is_sharded(module) and any(parameter.requires_grad for parameter in module.parameters()):
                kind = type(module).__name__
                raise ValueError(f"strategy fsdp trains self.model alone, but {kind} has parameters: put it inside")
        self.follow_buffers(modules)

    def backward(self, loss: torch.Tensor, *, average: bool) -> None:  # noqa: ARG002
        """Backward through `loss`; the model's own hooks average."""
        loss.backward()  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """Nothing is left to average."""


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` was done."""
    return isinstance(model, FSDPModule)


def whole(value: torch.Tensor) -> torch.Tensor:
    """A tensor of which each rank holds a part, or a partial sum, complete on all of them."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def whole_weights(model: nn.Module) -> dict[str, Any]:
    """The plain state_dict on rank 0, on the CPU; elsewhere an empty one. All ranks call it."""
    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


def gather_parts(model: nn.Module) -> None:
    """Have each rank hold its part alone, where a forward pass without backward has left whole parameters behind."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def save_shards(folder: Path, model: nn.Module, optimizer: Optimizer, averages: Mapping[str, torch.Tensor]) -> None:
    """Write model, optimizer and an average of the weights below `folder`, each rank its part; all ranks call it.

    Buffers and their averages, which each rank has whole, become rank 0's before: which rank writes them is not said.
    """
    for buffer in [*model.buffers(), *(value for value in averages.values() if not isinstance(value, DTensor))]:
        distributed.broadcast(buffer, src=0)
    weights, states = get_state_dict(model, optimizer)
    save({"model": weights, "optimizer": states, "averages": dict(averages)}, checkpoint_id=folder)


def load_shards(folder: Path, model: nn.Module, optimizer: Optimizer, averages: Mapping[str, torch.Tensor]) -> None:
    """Read what `save_shards` wrote, by however many ranks; all ranks call it.

    Averages that were not saved stay as they are.

    Raises:
        CheckpointError: it does not fit.
    """
    weights, states = get_state_dict(model, optimizer)
    try:
        saved = FileSystemReader(folder).read_metadata().state_dict_metadata
        there = {name: each for name, each in averages.items() if f"averages.{name}" in saved}
        state = {"model": weights, "optimizer": states} | ({"averages": there} if there else {})
        load(state, checkpoint_id=folder, no_dist=not distributed.is_initialized())
        set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=states)
    except (CheckpointException, RuntimeError, ValueError, KeyError) as problem:
        first_line = str(problem).partition("\n")[0]
        raise CheckpointError(f"{folder} can't be read into this model: {first_line}") from problem
