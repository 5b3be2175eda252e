"""Gradient checkpointing by module name: what a part keeps for backward is computed again there instead."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from .errors import SettingError, did_you_mean

CONTAINERS = (nn.ModuleList, nn.ModuleDict)
"""They have no forward: their members have."""


def recompute(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Have the modules of `model` whose name fits a pattern compute their inside again in backward (Chen et al. 2016).

    Loss and gradients are those without it, bit for bit: random generators and buffers (running means, codebooks) are
    put back for the second time, which leaves no trace in them. Names, types and state_dict of the model stay as they
    are. Nothing changes where no gradient is asked for.

    Args:
        model: changed in place.
        patterns: as in fnmatch, where ``*`` also takes dots; of nested modules that fit, the outermost counts.

    Returns:
        The names of the modules, in the model's order.

    Raises:
        SettingError: a pattern fits nothing, or what it fits has no forward that can be run twice.
    """
    names = [name for name, module in model.named_modules() if name and not isinstance(module, CONTAINERS)]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            inside = f"{pattern}.*"
            if any(fnmatch.fnmatchcase(name, inside) for name in names):
                raise SettingError("recompute_modules", f"{pattern!r} has no forward of its own: say {inside!r}")
            near = did_you_mean(pattern, sorted({*names, *(re.sub(r"\b\d+\b", "*", name) for name in names)}))
            raise SettingError("recompute_modules", f"{pattern!r} fits no module of {type(model).__name__}; {near}")
    found: list[str] = []
    for name in names:
        is_inside = any(name.startswith(f"{outer}.") for outer in found)
        if not is_inside and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            found.append(name)
            _wrap(model.get_submodule(name), name)
    return found


def _wrap(module: nn.Module, name: str) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise SettingError("recompute_modules", f"{name} is a scripted module, whose forward can't be run twice")
    if not isinstance(vars(module).get("forward"), Recomputed):  # else another trainer of this model has asked for it
        module.forward = Recomputed(module, module.forward)


class Recomputed:
    """Stands where a module's ``forward`` stood. A copy of the module has a copy of this, which runs the copy.

    Args:
        module: whose buffers are put back.
        forward: its own.
    """

    _inside: ClassVar[Callable[[Any], AbstractContextManager[None]] | None] = None
    _meter: ClassVar[Callable[[], int] | None] = None
    _repeated: ClassVar[list[int]] = []

    @classmethod
    @contextmanager
    def metered(cls, meter: Callable[[], int]) -> Iterator[list[int]]:
        """Note what `meter` counts in each second pass inside: operations that are no part of the model's work."""
        cls._meter, cls._repeated = meter, []
        try:
            yield cls._repeated
        finally:
            cls._meter = None

    @classmethod
    @contextmanager
    def looked_into(cls, inside: Callable[[Any], AbstractContextManager[None]]) -> Iterator[None]:
        """Have every first pass run in the context that `inside` makes of its arguments, and none be recomputed."""
        cls._inside = inside
        try:
            yield
        finally:
            cls._inside = None

    @classmethod
    def count(cls) -> int:
        """What the meter says; 0 without one."""
        return 0 if cls._meter is None else cls._meter()

    @classmethod
    def note(cls, amount: int) -> None:
        """A second pass has counted so much."""
        if cls._meter is not None:
            cls._repeated.append(amount)

    def __init__(self, module: nn.Module, forward: Callable[..., Any]) -> None:
        self._module = module
        self._forward = forward
        # batch norm's kernels change running means without a trace in the tensor's version
        self._norms = {path for path, each in module.named_modules() if isinstance(each, _NormBase)}
        self._constant: set[tuple[str, str]] = set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Forward; where gradients are asked for, only the arguments are kept."""
        if not torch.is_grad_enabled():
            return self._forward(*args, **kwargs)
        inside = type(self)._inside
        if inside is not None:
            with inside((args, kwargs)):
                return self._forward(*args, **kwargs)
        if torch.compiler.is_compiling():
            return checkpoint(self._forward, *args, use_reentrant=False, **kwargs)
        before = self._buffers()
        versions = {slot: (buffer, buffer._version) for slot, buffer in before.items()}
        # those that no forward pass has changed so far need no copy: a mask may be larger than all that is saved
        earlier = {slot: each.detach().clone() for slot, each in before.items() if slot not in self._constant}
        contexts = (nullcontext(), _Again(self._module, earlier))
        result = checkpoint(self._forward, *args, use_reentrant=False, context_fn=lambda: contexts, **kwargs)
        after = self._buffers()
        self._constant = {
            slot
            for slot, (buffer, version) in versions.items()
            if after[slot] is buffer and buffer._version == version and slot[0] not in self._norms
        }
        for slot in self._constant:
            earlier.pop(slot, None)
        return result

    def _buffers(self) -> dict[tuple[str, str], torch.Tensor]:
        return {
            (path, key): buffer
            for path, module in self._module.named_modules()
            for key, buffer in module._buffers.items()
            if buffer is not None
        }


class _Again:
    """The context of a second pass, which may be entered again: a graph can be gone through twice."""

    def __init__(self, module: nn.Module, earlier: dict[tuple[str, str], torch.Tensor]) -> None:
        self._module = module
        self._earlier = earlier
        self._now: dict[tuple[str, str], torch.Tensor | None] = {}
        self._counted = 0

    def __enter__(self) -> None:
        for slot, value in self._earlier.items():
            path, key = slot
            buffers = self._module.get_submodule(path)._buffers
            self._now[slot] = buffers[key]
            buffers[key] = value.clone()
        self._counted = Recomputed.count()

    def __exit__(self, *_: object) -> None:
        Recomputed.note(Recomputed.count() - self._counted)
        for (path, key), buffer in self._now.items():
            self._module.get_submodule(path)._buffers[key] = buffer
