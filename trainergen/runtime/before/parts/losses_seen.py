"""What torch's loss functions are called with while a trainer computes its loss: shapes, value, what was to be expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

CLASSIFYING = ("cross_entropy", "nll_loss")
JUDGED = (*CLASSIFYING, "binary_cross_entropy", "binary_cross_entropy_with_logits")
"""Their first value is known but for the weights' noise: nothing learnt, nothing preferred."""
REGRESSING = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
SUBTRACTING = ("sub", "subtract", "__sub__", "__rsub__", "rsub")


@dataclass(frozen=True)
class LossCall:
    """One call of a loss function.

    Attributes:
        name: ``cross_entropy``.
        input_shape: of the prediction.
        target_shape: of the target.
        value: the mean of what it gave.
        expected: the same call's value for a model that knows nothing: ``cross_entropy`` with equal logits, which is
            ln C; ``binary_cross_entropy`` with probabilities of one half; a regression with zeros.
        floor: the least value that any prediction can have with this target.
        classes: the head's measured width, where it chooses one of so many.
    """

    name: str
    input_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    value: float
    expected: float
    floor: float
    classes: int | None


@dataclass(frozen=True)
class Stretched:
    """A prediction and a target of as many values in other shapes, which one operation stretched into a square."""

    name: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    result: tuple[int, ...]


class LossWatch(TorchFunctionMode):
    """Notes the loss functions of ``torch.nn.functional`` that are called inside, by modules too.

    Attributes:
        calls: in their order.
        stretched: in their order, each form once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[LossCall] = []
        self.stretched: list[Stretched] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Do what was called, and look at it."""
        named = kwargs or {}
        result = func(*args, **named)
        name = getattr(func, "__name__", "")
        if name in JUDGED or name in REGRESSING:
            self._note(name, func, args, named, result)
        if name in SUBTRACTING or name in REGRESSING:
            self._compare(name, args, named, result)
        return result

    def _note(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], result: Any
    ) -> None:
        pair = _pair(args, named)
        if pair is None or not isinstance(result, torch.Tensor) or not pair[0].is_floating_point():
            return
        prediction, target = pair
        classes = None
        if name in CLASSIFYING:
            classes = prediction.shape[1 if prediction.dim() > 1 else 0]
        with torch.no_grad():
            neutral = {
                "nll_loss": lambda: torch.full_like(prediction, -math.log(classes or 1)),
                "binary_cross_entropy": lambda: torch.full_like(prediction, 0.5),
            }.get(name, lambda: torch.zeros_like(prediction))()
            same = (neutral, *args[1:]) if args else ()
            expected = func(*same, **(named if args else named | {"input": neutral}))
            self.calls.append(
                LossCall(
                    name,
                    tuple(prediction.shape),
                    tuple(target.shape),
                    float(result.detach().double().mean()),
                    float(expected.double().mean()),
                    _floor(name, target, classes, named),
                    classes,
                )
            )

    def _compare(self, name: str, args: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        pair = _pair(args, named)
        if pair is None or not isinstance(result, torch.Tensor):
            return
        first, second = (tuple(each.shape) for each in pair)
        one_learns = pair[0].requires_grad != pair[1].requires_grad
        equally_many = pair[0].numel() == pair[1].numel() > 1
        if one_learns and equally_many and first != second:
            both = tuple(torch.broadcast_shapes(first, second))  # type: ignore[no-untyped-call]
            found = Stretched(name, first, second, both)
            if math.prod(both) > pair[0].numel() and found not in self.stretched:
                self.stretched.append(found)


def _pair(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor] | None:
    both = (*args[:2], *(named[key] for key in ("input", "target", "other") if key in named))[:2]
    if len(both) == 2 and isinstance(both[0], torch.Tensor) and isinstance(both[1], torch.Tensor):
        return both[0], both[1]
    return None


def _floor(name: str, target: torch.Tensor, classes: int | None, named: dict[str, Any]) -> float:
    """The target's own entropy: nothing for hard targets, something for soft or smoothed ones."""
    if name in REGRESSING:
        return 0.0
    if classes is None:
        likely = target.double().clamp(0, 1)
        return float((_surprise(likely) + _surprise(1 - likely)).mean())
    if name == "nll_loss":
        return 0.0
    smoothing = float(named.get("label_smoothing", 0.0))
    if target.is_floating_point():
        spread = target.double() * (1 - smoothing) + smoothing / classes
        return float(_surprise(spread).sum(dim=1 if target.dim() > 1 else 0).mean())
    other = torch.tensor(smoothing / classes, dtype=torch.float64)
    return float(_surprise(1 - smoothing + other) + (classes - 1) * _surprise(other))


def _surprise(probability: torch.Tensor) -> torch.Tensor:
    return 0.0 - torch.xlogy(probability, probability)  # and not a minus before it, which makes -0
