"""A forward that failed, as repairs look at it: the exception, the operation if there was one, and the live frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

import torch

from .origins import Operand, operand
from .trace import Call, Misread

_OURS = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)
_PYTHON = str(Path(os.__file__).parent)


@dataclass(frozen=True, eq=False)
class Failure:
    """What a repair has to go by.

    Attributes:
        error: as caught.
        call: the torch operation that raised it, if one did.
        frames: with the line each was at, deepest first, without ours.
        inactive: optional arguments that the call left out.
    """

    error: BaseException
    call: Call | None
    frames: tuple[tuple[FrameType, int], ...]
    inactive: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """The message."""
        return str(self.error)

    def operands(self) -> list[Operand]:
        """Of the operation; without one, the tensors that the deepest frame holds."""
        if self.call is not None:
            return self.call.operands()
        if not self.frames:
            return []
        return [operand(each) for each in self.frames[0][0].f_locals.values() if isinstance(each, torch.Tensor)]


def failure_of(error: BaseException, found: tuple[BaseException, Call] | None, inactive: tuple[str, ...]) -> Failure:
    """The failure that `error` is; `found` is the operation that last raised, maybe long before."""
    call = error.call if isinstance(error, Misread) else None
    if call is None and found is not None:
        cause: BaseException | None = error
        while cause is not None and call is None:
            call = found[1] if cause is found[0] else None
            cause = cause.__cause__ or cause.__context__
    frames = tuple((frame, line) for frame, line in reversed(list(_frames(error.__traceback__))))
    return Failure(error, call, frames, inactive)


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def user_frame(failure: Failure) -> tuple[FrameType, int] | None:
    """The deepest frame that is not torch's; the deepest of all where every one is."""
    for frame, line in failure.frames:
        if not _is_machinery(frame.f_code.co_filename):
            return frame, line
    return failure.frames[0] if failure.frames else None


def _is_machinery(file: str) -> bool:
    if file.startswith(("<", _TORCH)):
        return True
    return file.startswith(_PYTHON) and "-packages" not in file
