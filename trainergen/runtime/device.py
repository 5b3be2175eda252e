"""Where a run happens: choose the device, move a batch of any form to it, count its samples, find its tensors."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

import torch

BatchT = TypeVar("BatchT")
Form = Callable[[torch.Tensor], torch.Tensor]


def choose_device(name: str) -> torch.device:
    """The device that `name` asks for; ``auto`` is CUDA, else Apple's GPU, else the CPU.

    Raises:
        ValueError: not a device's name, or not available here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as problem:
        raise ValueError(f"device {name!r} is not one torch knows; use auto, cpu, cuda or cuda:N") from problem
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name!r} asked for, but torch sees {torch.cuda.device_count()} CUDA devices here")
    return device


def move_batch(batch: BatchT, device: torch.device, form: Form | None = None) -> BatchT:
    """`batch` on `device`: tensors, anything with ``.to``, and dicts, lists, tuples, namedtuples, dataclasses of these.

    Containers are copied, never changed; what can't be moved (text, numbers) or is there already is passed on.

    Args:
        batch: of any form.
        device: where to.
        form: what becomes of each tensor that was moved; None for nothing.
    """
    moved: BatchT
    kind = type(batch)
    if form is None and (kind is tuple or kind is list) and _are_there(batch, device):  # in every step on a CPU
        moved = batch[:]  # type: ignore[index]  # of a list a copy, of a tuple itself
        return moved
    moved = _move(batch, device, form)
    return moved


def infer_batch_size(batch: Any) -> int:
    """Samples in `batch`: the first dimension of its first tensor that has one; 1 where there is none."""
    first = batch[0] if isinstance(batch, (tuple, list)) and batch else batch  # asked in every step: mostly this is it
    found = _first_size(first)
    if found is None and first is not batch:
        found = _first_size(batch)
    return 1 if found is None else found


def tensors_in(value: Any, depth: int = 8) -> Iterator[torch.Tensor]:
    """Every tensor of a batch, a state, or whatever nests mappings, lists, tuples and objects; modules are left out.

    Args:
        value: of any form.
        depth: containers within each other that are looked into, so that one that holds itself has an end.
    """
    if isinstance(value, torch.Tensor):
        yield value
        return
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif hasattr(value, "__dict__") and not isinstance(value, (type, torch.nn.Module)):
        inner = vars(value).values()
    if depth:
        for each in inner:
            yield from tensors_in(each, depth - 1)


def _are_there(values: Any, device: torch.device) -> bool:
    for value in values:  # noqa: SIM110 - a generator costs as much again
        if not isinstance(value, torch.Tensor) or value.device != device:
            return False
    return True


def _move(value: Any, device: torch.device, form: Form | None) -> Any:
    if isinstance(value, torch.Tensor):
        moved = value if value.device == device else value.to(device, non_blocking=True)
        return moved if form is None else form(moved)
    kind = type(value)
    if kind is tuple:
        return tuple([_move(item, device, form) for item in value])
    if kind is list:
        return [_move(item, device, form) for item in value]
    if kind is dict:
        return {key: _move(item, device, form) for key, item in value.items()}
    if kind in (str, bytes, int, float, bool, type(None)):
        return value
    if callable(getattr(value, "to", None)):
        return value.to(device)
    if dataclasses.is_dataclass(value):
        return _move_dataclass(value, device, form)
    if isinstance(value, tuple):  # a namedtuple
        return kind(*[_move(item, device, form) for item in value]) if hasattr(value, "_fields") else value
    if isinstance(value, MutableMapping):
        copied = copy.copy(value)
        for key, item in value.items():
            copied[key] = _move(item, device, form)
        return copied
    if isinstance(value, list):
        copied_list = copy.copy(value)
        copied_list[:] = [_move(item, device, form) for item in value]
        return copied_list
    return value


def _move_dataclass(value: Any, device: torch.device, form: Form | None) -> Any:
    copied = copy.copy(value)  # not dataclasses.replace: fields with init=False, and __post_init__, would be run again
    for field in dataclasses.fields(value):
        object.__setattr__(copied, field.name, _move(getattr(value, field.name), device, form))
    return copied


def _first_size(value: Any) -> int | None:
    if isinstance(value, torch.Tensor):
        return value.shape[0] if value.dim() > 0 else None
    if isinstance(value, (str, bytes)):
        return None
    children: Any = ()
    if isinstance(value, (tuple, list)):  # asked first: an abstract class costs several calls, in every step
        children = value
    elif isinstance(value, Mapping):
        children = value.values()
    elif dataclasses.is_dataclass(value):
        children = (getattr(value, field.name) for field in dataclasses.fields(value))
    for child in children:
        found = _first_size(child)
        if found is not None:
            return found
    return None
