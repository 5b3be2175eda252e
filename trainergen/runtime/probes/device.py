"""Does the loss follow the trainer to another device? Seen on a machine that has only one, by bookkeeping.

Torch's own device without storage would answer too, but first it imports sympy (0.8 s), and it holds no values.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ..device import tensors_in
from .session import Fault, Measurement, Session, unmeasured
from .walk import fresh

NAME = "device"

ELSEWHERE = torch.device("meta")
"""The name of the device that the trainer is said to be on; nothing is computed there."""


def measure(session: Session, batch: Any) -> Measurement:
    """Compute the loss of `batch` as if the model were on a device where the batch is not.

    Parameters and buffers count as there, the batch's tensors and those made without a device as here; ``.to(device)``
    brings them there. An operation on both is what a real second device refuses.
    """
    if not session.pretend(ELSEWHERE):
        return unmeasured(NAME, "the trainer has no device that could be another one: not measured")
    session.model.train()
    books = _Books([*session.model.parameters(), *session.model.buffers()])
    try:
        with books:
            copy = fresh(batch)
            books.arrive(copy)
            loss = session.loss(copy)
    except Exception as problem:
        if not books.meetings:
            first = (str(problem).splitlines() or [""])[0][:200]
            return unmeasured(NAME, f"needs a real second device: {type(problem).__name__}: {first}")
        loss = problem
    if loss is None:
        return unmeasured(NAME, "the trainer computes its loss inside its step: not measured by itself")
    if books.meetings:
        text = f"on another device the loss fails: {books.meetings[0]} meets tensors of both devices"
        hint = "move each part of the batch with .to(self.device), and make tensors with device=self.device"
        return Measurement(NAME, text, (Fault("device", "", text, hint),))
    return Measurement(NAME, "the loss follows the trainer to another device")


class _Books(TorchFunctionMode):
    """Keeps, for each tensor that an operation shows, whether it would be on the other device."""

    def __init__(self, there: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.meetings: list[str] = []
        # The tensors are kept with their entry, so that no id is used twice.
        self._there: dict[int, tuple[torch.Tensor, bool]] = {id(tensor): (tensor, True) for tensor in there}

    def arrive(self, batch: Any) -> None:
        """Tensors of a batch, here."""
        for tensor in tensors_in(batch):
            self._note(tensor, False)

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        name = getattr(function, "__name__", str(function))
        if function == torch.Tensor.device.__get__:  # not `is`: a getter is made anew each time
            return ELSEWHERE if self._is_there(args[0]) else function(*args, **keywords)
        if name in ("to", "cuda", "cpu") and args and isinstance(args[0], torch.Tensor):
            return self._moved(name, args[0], args[1:], keywords)
        known = [self._is_there(each) for each in tensors_in((args, keywords)) if each.dim() > 0]
        if True in known and False in known and name not in ("__getitem__", "__setitem__", "copy_"):
            self.meetings.append(name)  # index and copy may cross devices
        keywords, asked = self._here(keywords)
        result = function(*args, **keywords)
        there: bool | None = True if True in known else False if False in known else None
        if asked is not None or (there is None and not known):
            there = bool(asked)  # a new tensor: where it was asked for, else here
        for tensor in tensors_in(result):
            if there is not None and id(tensor) not in self._there:
                self._note(tensor, there)
        return result

    def _moved(self, name: str, tensor: torch.Tensor, args: tuple[Any, ...], keywords: dict[str, Any]) -> torch.Tensor:
        there = self._is_there(tensor) if name == "to" else False
        rest = []
        for each in args if name == "to" else ():
            target = _device(each)
            if isinstance(each, torch.Tensor):
                there = self._is_there(each)
                rest.append(each.dtype)
            elif target is not None:
                there = target == ELSEWHERE
            else:
                rest.append(each)
        if "device" in keywords:
            there = _device(keywords["device"]) == ELSEWHERE
        options = {key: value for key, value in keywords.items() if key in ("dtype", "copy", "non_blocking")}
        convert: Any = tensor.to
        result = convert(*rest, **options) if rest or "dtype" in options else tensor
        moved: torch.Tensor = result.view_as(result)  # an object of its own, whose entry can differ
        if there is not None:
            self._note(moved, there)
        return moved

    def _here(self, keywords: dict[str, Any]) -> tuple[dict[str, Any], bool | None]:
        """Keywords that can be computed with, and whether they asked for the other device (None: for none)."""
        device = keywords.get("device")
        if device is None:
            return keywords, None
        if _device(device) == ELSEWHERE:
            return keywords | {"device": None}, True
        return keywords, False

    def _note(self, tensor: torch.Tensor, there: bool) -> None:
        self._there[id(tensor)] = (tensor, there)

    def _is_there(self, tensor: torch.Tensor) -> bool | None:
        """None: a tensor that no operation has shown, such as what a metric has collected."""
        return self._there.get(id(tensor), (None, None))[1]


def _device(value: Any) -> torch.device | None:
    if isinstance(value, torch.device):
        return value
    if isinstance(value, str):
        with suppress(RuntimeError):
            return torch.device(value)
    return None
