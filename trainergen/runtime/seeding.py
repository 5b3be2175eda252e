"""Seeds, and the state of every random generator a run draws from: Python's, NumPy's where loaded, torch's, CUDA's."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy (only where something has imported it) and torch on all devices."""
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def capture_random_state() -> dict[str, Any]:
    """The state of all generators, as tensors and plain values that ``torch.load(weights_only=True)`` accepts."""
    version, words, gauss = random.getstate()
    state: dict[str, Any] = {
        "python": (version, torch.tensor(words, dtype=torch.int64), gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if _cuda_is_in_use() else [],
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        name, keys, position, has_gauss, cached = numpy.random.get_state()
        state["numpy"] = (name, torch.tensor(keys.tolist(), dtype=torch.int64), position, has_gauss, float(cached))
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Set all generators to what `capture_random_state` saw; CUDA's only where as many devices are here."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([each.cpu() for each in state["cuda"]])
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy" in state:
        name, keys, position, has_gauss, cached = state["numpy"]
        numpy.random.set_state((name, keys.tolist(), position, has_gauss, cached))


def _cuda_is_in_use() -> bool:
    return torch.cuda.is_available() and bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Whatever is drawn inside does not change what is drawn after: an evaluation leaves the training as it was."""
    state = capture_random_state()
    try:
        yield
    finally:
        restore_random_state(state)
