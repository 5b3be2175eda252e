"""torch.compile for a model's forward pass, and what happens where it can't be compiled: it runs as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from .errors import full_text

T = TypeVar("T")

logger = logging.getLogger("trainergen")

TRACED = "aot_eager"
"""The mode that captures forward and backward, and runs them uncompiled: no compiler is needed."""


class Compilation:
    """A model whose forward is compiled when it is first called; names, types and state_dict stay as they are.

    Other methods than forward run as they are. Where compiling fails (no C++ compiler for the CPU, an operation that it
    can't lower) the model runs uncompiled from there on, which is said once in the log, and in the manifest.

    Args:
        model: compiled in place.
        mode: of torch.compile, or ``aot_eager``.
        note: told of a fallback.

    Attributes:
        mode: that of the setting.
        fallback: why the model runs uncompiled, or None.
    """

    def __init__(self, model: nn.Module, mode: str, note: Callable[[dict[str, str | None]], None]) -> None:
        self.mode = mode
        self.fallback: str | None = None
        self._model = model
        self._note = note
        call = model._call_impl

        def forward(*args: Any, **kwargs: Any) -> Any:
            # a frame of our own: model.compile() leaves out what torch's own classes do, an nn.Sequential say
            return call(*args, **kwargs)  # type: ignore[no-untyped-call]

        how: dict[str, Any] = {"backend": TRACED} if mode == TRACED else {"mode": mode}
        self._compiled: Callable[..., Any] = torch.compile(forward, **how)
        model._compiled_call_impl = self._call

    def as_plain(self) -> dict[str, str | None]:
        """``{"mode", "fallback"}``, as the manifest has it."""
        return {"mode": self.mode, "fallback": self.fallback}

    def uncompiled(self, action: Callable[[], T]) -> T:
        """Do `action` while the model runs as it is; what is compiled stays so."""
        call, self._model._compiled_call_impl = self._model._compiled_call_impl, None
        try:
            return action()
        finally:
            self._model._compiled_call_impl = call

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        from torch._dynamo.exc import TorchDynamoException  # loaded by the first compilation anyway

        try:
            return self._compiled(*args, **kwargs)
        except TorchDynamoException as problem:
            self.fallback = full_text(problem).partition("\n")[0]
            logger.warning("compile = %s fails, the model runs uncompiled: %s", self.mode, self.fallback)
            self._model._compiled_call_impl = None
            self._note(self.as_plain())
        return self._model(*args, **kwargs)
