"""Data-parallel training with a whole model on each rank: torch's DistributedDataParallel, around the loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


class Replicas:
    """Keeps the models of all ranks equal: gradients are averaged while backward runs, buffers are rank 0's.

    DDP acts on the backward pass: it only has to see the loss before that, and the parameters' hooks do the rest. So
    it wraps a module that holds what is trained and hands a loss through, and user code calls ``self.model`` (twice,
    by other methods than forward, in closures) as it does on one process; the model itself is never wrapped.
    """

    def __init__(self) -> None:
        self._parallel: DistributedDataParallel | None = None
        self._trained: list[int] = []
        self._buffers: list[list[torch.Tensor]] = []
        self._averaged = True

    def follow(self, modules: Sequence[nn.Module]) -> None:
        """Train `modules` from here on: at first, and again where parameters came, went, or were frozen since.

        All ranks get rank 0's weights.

        Raises:
            ValueError: a part gives sparse gradients.
        """
        modules = [each for each in modules if _is_trained(each)]
        parameters = {id(each): each for module in modules for each in module.parameters() if each.requires_grad}
        self.follow_buffers(modules)
        if list(parameters) == self._trained:
            return
        for module in modules:
            _refuse_sparse(module)
        self._parallel = None  # first, for its hooks to go
        # Unused parameters are looked for: which ones a batch uses may depend on it. It also keeps the buckets, and
        # with them the order of summation, as they were at first: DDP would rebuild them after one step, and a run
        # that is resumed would round otherwise than one that is not.
        if parameters:
            self._parallel = DistributedDataParallel(_Held(list(parameters.values())), find_unused_parameters=True)
        self._trained = list(parameters)

    def follow_buffers(self, modules: Sequence[nn.Module]) -> None:
        """Keep the buffers of `modules` equal from here on."""
        self._buffers = _by_type([buffer for module in modules for buffer in module.buffers()])

    def before_forward(self) -> None:
        """Give all ranks rank 0's buffers, as DDP does itself where forward runs inside it."""
        with torch.no_grad():
            for tensors in self._buffers:
                flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
                distributed.broadcast(flat, src=0)
                if distributed.get_rank() > 0:
                    _copy_back(flat, tensors)

    def backward(self, loss: torch.Tensor, *, average: bool) -> None:
        """Backward through `loss`, whose mean over all ranks is what is minimised.

        Args:
            loss: this rank's, a scalar with a graph.
            average: whether the gradients, with those that came before, are averaged over the ranks now.
        """
        if self._parallel is None:
            raise RuntimeError("nothing is followed yet: _backward runs inside train() only")
        self._averaged = average
        if average:
            self._parallel(loss).backward()
        else:
            with self._parallel.no_sync():
                self._parallel(loss).backward()

    def finish(self) -> None:
        """Before the optimizer steps: average what no backward pass has averaged, as in an epoch's short last window."""
        if self._averaged or self._parallel is None:
            return
        trained = list(self._parallel.module.trained)
        used = torch.tensor([parameter.grad is not None for parameter in trained], dtype=torch.float32)
        used = used.to(trained[0].device)
        distributed.all_reduce(used, distributed.ReduceOp.MAX)
        gradients = [
            (parameter, torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
            for parameter, is_used in zip(trained, used.tolist(), strict=True)
            if is_used
        ]
        for tensors in _by_type([gradient for _, gradient in gradients]):
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors]) / distributed.get_world_size()
            distributed.all_reduce(flat)
            _copy_back(flat, tensors)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        self._averaged = True


class _Held(nn.Module):
    """What a trainer trains, where DDP looks for it; a loss is handed through.

    Without the buffers, which DDP would change between forward and backward.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()
        self.trained = nn.ParameterList(parameters)
        if parameters[0].device.type == "cpu":
            # DDP warns where it looks for unused parameters and there is none; on a GPU one that is unused makes the
            # host wait in every step, and the warning is the lesser evil
            self.never_used = nn.Parameter(torch.zeros(()))

    def forward(self, loss: torch.Tensor) -> torch.Tensor:
        return loss


def _is_trained(module: nn.Module) -> bool:
    # a loss with nothing but buffers is, a frozen teacher isn't
    parameters = list(module.parameters())
    return not parameters or any(parameter.requires_grad for parameter in parameters)


def _refuse_sparse(module: nn.Module) -> None:
    for name, part in module.named_modules():
        if isinstance(part, (nn.Embedding, nn.EmbeddingBag)) and part.sparse:
            where = name or type(module).__name__
            raise ValueError(
                f"{where} gives sparse gradients, which are not averaged over ranks: build it with sparse=False"
            )


def _by_type(tensors: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    found: dict[tuple[torch.dtype, torch.device], list[torch.Tensor]] = {}
    for tensor in tensors:
        if tensor.numel():
            found.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    return list(found.values())


def _copy_back(flat: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for part, tensor in zip(parts, tensors, strict=True):
        tensor.copy_(part.view_as(tensor))
