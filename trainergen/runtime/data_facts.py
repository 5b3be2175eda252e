"""What a loader's data is, as far as it can be told without taking a sample: name, version, counts, checksum."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterable
from typing import Any

import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from .schedulers import batches_an_epoch

LARGEST_CHECKSUM = 1 << 26
"""Bytes of tensors that are hashed (a fraction of a second); more than that get no checksum."""


def describe_data(loader: Iterable[Any] | None) -> dict[str, Any] | None:
    """``{"name", "version", "samples", "batches", "checksum"}``, each None where unknown; None without a loader.

    A dataset may say ``name``, ``version`` and ``checksum`` itself (text attributes; the ``_fingerprint`` of Hugging
    Face's counts as one). Otherwise datasets of tensors, and subsets and concatenations of such, are hashed.
    """
    if loader is None:
        return None
    dataset = getattr(loader, "dataset", None)
    source = loader if dataset is None else dataset
    return {
        "name": _text(source, "name") or type(source).__name__,
        "version": _text(source, "version"),
        "samples": None if dataset is None else batches_an_epoch(dataset),
        "batches": batches_an_epoch(loader),
        "checksum": _text(source, "checksum") or _text(source, "_fingerprint") or _checksum(source),
    }


def _text(source: Any, attribute: str) -> str | None:
    try:
        value = getattr(source, attribute, None)
    except Exception:  # a property of the user's that fails is no reason not to train
        return None
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _checksum(source: Any) -> str | None:
    parts = _tensors(source)
    if not parts or any(part.layout is not torch.strided for part in parts):
        return None
    if sum(part.numel() * part.element_size() for part in parts) > LARGEST_CHECKSUM:
        return None
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part.dtype} {tuple(part.shape)};".encode())
        whole = part.detach().cpu().resolve_conj().resolve_neg().contiguous()
        size = whole.numel() * whole.element_size()
        if size:  # the memory as it is: NumPy may be absent, and lacks bfloat16
            digest.update((ctypes.c_char * size).from_address(whole.data_ptr()))
    return f"sha256:{digest.hexdigest()}"


def _tensors(source: Any) -> list[torch.Tensor] | None:
    """The tensors that the dataset is made of, or None where it is of another kind."""
    if type(source) is TensorDataset:
        return list(source.tensors)
    if type(source) is Subset:
        inner = _tensors(source.dataset)
        return None if inner is None else [*inner, torch.as_tensor([int(index) for index in source.indices])]
    if type(source) is ConcatDataset:
        found: list[torch.Tensor] = []
        for part in source.datasets:
            inner = _tensors(part)
            if inner is None:
                return None
            found += inner
        return found
    return None
