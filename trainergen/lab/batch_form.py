"""The form of a live batch or output: containers taken apart and put together again, and described as `BatchSpec`."""

from __future__ import annotations

import copy
import dataclasses
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import torch

from ..inspection.batch_spec import BATCH, BatchSpec, Branch, Leaf, Node, Path, leaves

ContainerKind = Literal["mapping", "tuple", "list", "dataclass", "namedtuple"]
Source = Literal["given", "measured", "assumed"]


class Container(NamedTuple):
    """One level of a nested value: what it is, its entries in order, and the class of a dataclass or namedtuple."""

    kind: ContainerKind
    entries: list[tuple[str | int, Any]]
    type_name: str | None = None


def open_container(value: Any) -> Container | None:
    """`value` taken apart by one level; None for a leaf (tensors, lists of strings or numbers, foreign objects).

    A dataclass comes before a mapping (Hugging Face's ``ModelOutput`` is both, and its fields that are None are left
    out); a mapping whose keys are neither text nor integers is a leaf.
    """
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return None  # a namedtuple, but its parts make no sense one by one
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
        if isinstance(value, Mapping):
            fields = [(name, item) for name, item in fields if item is not None]
        return Container("dataclass", [*fields], type_name(value))
    graph = sys.modules.get("torch_geometric.data")
    if graph is not None and isinstance(value, graph.Data):
        return Container("dataclass", list(value.to_dict().items()), "torch_geometric.data:Data")
    if isinstance(value, Mapping):
        if all(isinstance(key, (str, int)) and not isinstance(key, bool) for key in value):
            return Container("mapping", list(value.items()))
        return None
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return Container("namedtuple", list(zip(value._fields, value, strict=True)), type_name(value))
    if isinstance(value, (tuple, list)):
        if _sizes_of(value, (str,)) or (isinstance(value, list) and _sizes_of(value, (int, float))):
            return None
        return Container("tuple" if isinstance(value, tuple) else "list", list(enumerate(value)))
    return None


def type_name(value: object) -> str:
    """``module:Class`` of `value`, as it would be imported."""
    return f"{type(value).__module__}:{type(value).__qualname__}"


def part(value: Any, path: Path) -> Any:
    """The part of a batch or output at `path`.

    Raises:
        KeyError: there is none.
    """
    for key in path:
        container = open_container(value)
        entries: dict[str | int, Any] = dict(container.entries) if container else {}
        if key not in entries:
            raise KeyError(path)
        value = entries[key]
    return value


def map_leaves(value: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """A copy of `value` with every leaf replaced by ``change(path, leaf)``; containers keep their types."""
    container = open_container(value)
    if container is None:
        return change(path, value)
    parts = {key: map_leaves(item, change, (*path, key)) for key, item in container.entries}
    if container.kind in ("tuple", "list"):
        return type(value)(parts.values()) if type(value) in (tuple, list) else list(parts.values())
    if container.kind == "namedtuple":
        return type(value)(*parts.values())
    copied = copy.copy(value)
    for key, item in parts.items():
        if container.kind == "mapping":
            copied[key] = item
        elif isinstance(copied, Mapping) or not dataclasses.is_dataclass(copied):
            setattr(copied, str(key), item)  # ModelOutput and a graph's Data keep their keys in step by themselves
        else:
            object.__setattr__(copied, str(key), item)  # also for frozen dataclasses
    return copied


def live_leaves(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every leaf of a nested value with its path, in order."""
    container = open_container(value)
    if container is None:
        return [(path, value)]
    return [found for key, item in container.entries for found in live_leaves(item, (*path, key))]


def describe(value: Any, source: Source, place: str | None, samples: int | None = None) -> BatchSpec:
    """The form of a live batch, its sample dimension called ``batch``.

    How many samples there are is read from the first dimensions: the size that most leaves begin with; between equals,
    the one that more leaves have as their first or second. A leaf of at least three dimensions may carry it second
    (sequence first).

    Args:
        value: tensors, numbers, lists of strings, nested in dicts, tuples, lists, dataclasses, namedtuples.
        source: for every leaf.
        place: for every leaf: ``loader data:build``, ``file batch.pt``.
        samples: how many there are, where it is known.
    """
    root = _describe(value, source, place)
    samples = _samples([leaf for _, leaf in leaves(root)]) if samples is None else samples
    return BatchSpec(_with_batch_dims(root, samples), samples=samples, place=place)


def batch_axis(sizes: tuple[int, ...], samples: int) -> int | None:
    """The axis that counts the samples: the first, or the second of three or more; None where neither does."""
    if sizes and sizes[0] == samples:
        return 0
    return 1 if len(sizes) >= 3 and sizes[1] == samples else None


def spelled_dtype(tensor: torch.Tensor) -> str:
    """``float32`` for ``torch.float32``."""
    return str(tensor.dtype).removeprefix("torch.")


def value_range(tensor: torch.Tensor) -> tuple[int | float | None, int | float | None]:
    """The smallest and largest finite value; both None for bool, complex, empty and sparse tensors."""
    if tensor.dtype == torch.bool or tensor.is_complex() or tensor.layout != torch.strided or not tensor.numel():
        return None, None
    try:
        values = tensor.detach()
        low, high = (bound.item() for bound in torch.aminmax(values))  # NaN comes through
        if not (math.isfinite(low) and math.isfinite(high)):
            values = values[torch.isfinite(values)]
            if not values.numel():
                return None, None
            low, high = (bound.item() for bound in torch.aminmax(values))
        return low, high
    except (RuntimeError, TypeError, NotImplementedError):  # quantised and other foreign tensors
        return None, None


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether every value is finite; True for what has no such values (integers, complex, sparse tensors)."""
    if not tensor.is_floating_point() or tensor.layout != torch.strided or not tensor.numel():
        return True
    try:
        return all(math.isfinite(bound.item()) for bound in torch.aminmax(tensor.detach()))
    except (RuntimeError, NotImplementedError):  # as above
        return True


def _describe(value: Any, source: Source, place: str | None) -> Node:
    container = open_container(value)
    if container is not None:
        entries = tuple((key, _describe(item, source, place)) for key, item in container.entries)
        return Branch(container.kind, entries, container.type_name)
    if isinstance(value, torch.Tensor):
        low, high = value_range(value)
        if isinstance(low, int) and isinstance(high, int):
            high += 1
        try:
            sizes = tuple(int(size) for size in value.shape)
        except RuntimeError:  # a nested tensor has no one shape
            return Leaf("object", (), (), source=source, place=place)
        return Leaf(spelled_dtype(value), sizes, sizes, low, high, source, place)
    if isinstance(value, str):
        return Leaf("str", (), (), source=source, place=place)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Leaf(type(value).__name__, (), (), source=source, place=place)
    if isinstance(value, (list, tuple)):
        for dtype, kinds in (("str", (str,)), ("int", (int,)), ("float", (int, float))):
            sizes = _sizes_of(value, kinds)
            if sizes:
                return Leaf(dtype, sizes, sizes, source=source, place=place)
    return Leaf("object", (), (), source=source, place=place)


def _sizes_of(value: list[Any] | tuple[Any, ...], kinds: tuple[type, ...]) -> tuple[int, ...]:
    """Sizes of a list (of lists) of `kinds`; () where it is not one. A ragged second level counts as one dimension."""
    if not value:
        return ()
    if all(isinstance(item, kinds) and not isinstance(item, bool) for item in value):
        return (len(value),)
    if all(isinstance(item, (list, tuple)) for item in value):
        inner = {_sizes_of(item, kinds) for item in value}
        if () in inner or str not in kinds:
            return ()
        return (len(value), *inner.pop()) if len(inner) == 1 else (len(value),)
    return ()


def _samples(found: list[Leaf]) -> int:
    firsts = Counter(leaf.sizes[0] for leaf in found if leaf.sizes)
    if not firsts:
        return 0
    early = Counter(size for leaf in found for size in set(leaf.sizes[:2]))
    most = max(firsts.values())
    tied = [size for size in firsts if firsts[size] == most]  # in order of appearance
    return max(tied, key=lambda size: early[size])


def _with_batch_dims(node: Node, samples: int) -> Node:
    if isinstance(node, Branch):
        return dataclasses.replace(
            node, entries=tuple((key, _with_batch_dims(child, samples)) for key, child in node.entries)
        )
    axis = batch_axis(node.sizes, samples)
    if axis is None or not samples:
        return node
    dims: list[int | str] = list(node.sizes)
    dims[axis] = BATCH
    return dataclasses.replace(node, dims=tuple(dims))
