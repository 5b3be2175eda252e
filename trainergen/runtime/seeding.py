"""Seeds, and the state of every random generator a run draws from: Python's, NumPy's where loaded, torch's, CUDA's."""

from __future__ import annotations

import hashlib
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
    return _packed(_host_state()) | {"cuda": torch.cuda.get_rng_state_all() if _cuda_is_in_use() else []}


def restore_random_state(state: dict[str, Any]) -> None:
    """Set all generators to what `capture_random_state` saw; CUDA's only where as many devices are here."""
    _set_host_state(_unpacked(state))
    if state["cuda"] and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([each.cpu() for each in state["cuda"]])


class OwnRandomness:
    """Random numbers of its own for what runs inside: the generators of the process stay as they were outside.

    Those of Python, NumPy (where loaded) and torch on the CPU; of devices they are the process's.
    """

    def __init__(self) -> None:
        self._state: _HostState | None = None

    @property
    def has_begun(self) -> bool:
        """Whether there is a state to go on from."""
        return self._state is not None

    def begin(self) -> None:
        """Begin from a seed that is made of torch's present state, without drawing from it."""
        outside = _host_state()
        digest = hashlib.sha256(bytes(outside[1].tolist())).digest()
        seed = int.from_bytes(digest[:7], "big")
        random.seed(seed)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the devices too
        self._state = _host_state()
        _set_host_state(outside)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw from these inside."""
        if self._state is None:
            raise RuntimeError("begin() comes first")
        outside = _host_state()
        _set_host_state(self._state)
        try:
            yield
        finally:
            self._state = _host_state()
            _set_host_state(outside)

    def state_dict(self) -> dict[str, Any] | None:
        """The state, as `capture_random_state` has it; None before `begin`."""
        return None if self._state is None else _packed(self._state)

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Go on from `state_dict`."""
        self._state = None if state is None else _unpacked(state)


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Whatever is drawn inside does not change what is drawn after: an evaluation leaves the training as it was."""
    state = capture_random_state()
    try:
        yield
    finally:
        restore_random_state(state)


_HostState = tuple[tuple[Any, ...], torch.Tensor, Any]
"""Of Python, torch on the CPU, and NumPy (None where it is not loaded)."""


def _host_state() -> _HostState:
    numpy = sys.modules.get("numpy")
    return random.getstate(), torch.get_rng_state(), None if numpy is None else numpy.random.get_state()


def _set_host_state(state: _HostState) -> None:
    random.setstate(state[0])
    torch.set_rng_state(state[1])
    numpy = sys.modules.get("numpy")
    if numpy is not None and state[2] is not None:
        numpy.random.set_state(state[2])


def _packed(state: _HostState) -> dict[str, Any]:
    (version, words, gauss), of_torch, of_numpy = state
    packed: dict[str, Any] = {
        "python": (version, torch.tensor(words, dtype=torch.int64), gauss),
        "torch": of_torch,
    }
    if of_numpy is not None:
        name, keys, position, has_gauss, cached = of_numpy
        packed["numpy"] = (name, torch.tensor(keys.tolist(), dtype=torch.int64), position, has_gauss, float(cached))
    return packed


def _unpacked(state: dict[str, Any]) -> _HostState:
    version, words, gauss = state["python"]
    of_numpy = None
    if "numpy" in state:
        name, keys, position, has_gauss, cached = state["numpy"]
        of_numpy = (name, keys.tolist(), position, has_gauss, cached)
    return (version, tuple(words.tolist()), gauss), state["torch"].cpu(), of_numpy


def _cuda_is_in_use() -> bool:
    return torch.cuda.is_available() and bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
