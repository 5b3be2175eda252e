"""How many bytes of tensors live at once: exact on every device, since each operation's results are counted."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts storages that operations make inside, until they are freed. What a kernel takes for itself is not seen.

    Args:
        known: tensors that lived before, which are not counted.

    Attributes:
        now: bytes that live.
        peak: the most that lived at once.
    """

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._alive: dict[weakref.ref[torch.UntypedStorage], int] = {}
        self._known = {weakref.ref(each.untyped_storage()) for each in known}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Do the operation and count what it made."""
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor) and each.layout is torch.strided and each.device.type != "meta":
                self._count(each.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        mark = weakref.ref(storage, self._freed)
        if mark in self._alive or mark in self._known:
            return
        self._alive[mark] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)

    def _freed(self, mark: weakref.ref[torch.UntypedStorage]) -> None:
        self.now -= self._alive.pop(mark, 0)


class SavedBytes:
    """What forward keeps for backward: the activations.

    Args:
        known: tensors that live anyway (weights, buffers, the batch), which are not counted.
    """

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        self._known = {each.untyped_storage().data_ptr() for each in known}
        self._sizes: dict[int, int] = {}

    @property
    def total(self) -> int:
        """Bytes, each storage once."""
        return sum(self._sizes.values())

    def watching(self) -> AbstractContextManager[None]:
        """The context of a forward pass."""
        return torch.autograd.graph.saved_tensors_hooks(self._pack, _as_it_is)

    def _pack(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout is torch.strided:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._known:
                self._sizes[storage.data_ptr()] = storage.nbytes()
        return tensor


def _as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Of their storages, each once."""
    sizes = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors if _plain(each)}
    return sum(sizes.values())


def _plain(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.device.type != "meta"
