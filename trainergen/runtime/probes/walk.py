"""A few steps taken once and written down, so that the probes about steps read one record instead of stepping again."""

from __future__ import annotations

import copy
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.optim import Optimizer

    from .session import Session


@dataclass(frozen=True)
class Walk:
    """What happened in a few steps. Parameters go by the names of ``model.named_parameters()``, tied ones once.

    Attributes:
        losses: what each step answered; None: the session does not say.
        optimizer_steps: how often the optimizer really stepped; None without an optimizer.
        gradients: per step, each trainable parameter's gradient norm at the moment the optimizer stepped; None: it had
            no gradient; 0.0: all zero. Empty where no moment could be seen (an optimizer that takes a closure).
        trainable: parameters with ``requires_grad``.
        moved: parameters whose bits differ from before the first step.
        held: parameters that the optimizer holds; None without an optimizer.
        movable: parameters that a plain step (rate times gradient) would have moved, given their dtype's precision.
        rates: the largest learning rate each held parameter was stepped with.
    """

    losses: tuple[float | None, ...]
    optimizer_steps: int | None
    gradients: tuple[dict[str, float | None], ...]
    trainable: tuple[str, ...]
    moved: frozenset[str]
    held: frozenset[str] | None
    movable: frozenset[str]
    rates: dict[str, float]

    @property
    def gradient_norm(self) -> float | None:
        """The norm of all gradients at the last step."""
        if not self.gradients:
            return None
        return float(sum((norm or 0.0) ** 2 for norm in self.gradients[-1].values()) ** 0.5)


def seed_everything(seed: int) -> None:
    """Seed Python, torch, and NumPy where it is loaded."""
    random.seed(seed)
    # torch.manual_seed notes a stack for CUDA's later start, which takes longer than a small step.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)


def fresh(batch: Any) -> Any:
    """A copy of `batch` that shares no memory with it: a step that writes into its batch spoils nobody else's."""
    return copy.deepcopy(batch)


def gradient_of(parameter: nn.Parameter) -> torch.Tensor | None:
    """The parameter's gradient, dense and detached."""
    gradient = parameter.grad
    if gradient is None:
        return None
    return gradient.detach().to_dense() if gradient.is_sparse else gradient.detach()


def walk(
    session: Session,
    batches: Sequence[Any],
    *,
    seed: int,
    before: Callable[[int, Any], None] | None = None,
    observe: Callable[[int, dict[str, torch.Tensor | None]], None] | None = None,
) -> Walk:
    """Take one step a batch and record it. Each step starts from a seed of its own (`seed` plus its number).

    Args:
        session: what is stepped.
        batches: one a step; each step gets a copy.
        seed: as above.
        before: called with (step, batch) before each step; may load the session's weights elsewhere.
        observe: called with (step, gradients) as the optimizer is about to step, once a step.
    """
    record = _Record(session, observe)
    losses: list[float | None] = []
    try:
        for number, batch in enumerate(batches):
            record.begin(number)
            if before is not None:
                before(number, fresh(batch))
            seed_everything(seed + number)
            losses.append(session.step(fresh(batch)))
            record.end()
    finally:
        record.detach()
    return record.written(tuple(losses))


class _Record:
    """Looks over the optimizer's shoulder."""

    def __init__(self, session: Session, observe: Callable[[int, dict[str, torch.Tensor | None]], None] | None) -> None:
        self.model = session.model
        self.optimizer = session.optimizer
        self.observe = observe
        self.parameters = dict(self.model.named_parameters())
        self.trainable = tuple(name for name, parameter in self.parameters.items() if parameter.requires_grad)
        self.before = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.gradients: list[dict[str, float | None]] = []
        self.movable: set[str] = set()
        self.rates: dict[str, float] = {}
        self.steps = 0
        self.step_number = 0
        self.seen = False
        self.closure = False
        self.hook = self.optimizer.register_step_pre_hook(self._stepping) if self.optimizer is not None else None

    def begin(self, number: int) -> None:
        self.step_number = number
        self.seen = False

    def end(self) -> None:
        # Without an optimizer to watch, what the step left behind is the best there is.
        if not self.seen and self.optimizer is None:
            self._look({})

    def detach(self) -> None:
        if self.hook is not None:
            self.hook.remove()

    def _stepping(self, optimizer: Optimizer, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.steps += 1
        if self.seen:
            return
        rates = self._rates(optimizer)
        for name, rate in rates.items():
            self.rates[name] = max(rate, self.rates.get(name, rate))
        # The first argument of `step` is the optimizer itself; a closure computes its gradients later.
        self.closure = len(arguments) > 1 or keywords.get("closure") is not None
        self.seen = True
        if not self.closure:
            self._look(rates)

    def _rates(self, optimizer: Optimizer) -> dict[str, float]:
        names = {id(parameter): name for name, parameter in self.parameters.items()}
        return {
            names[id(parameter)]: float(group.get("lr", 0.0))
            for group in optimizer.param_groups
            for parameter in group["params"]
            if id(parameter) in names
        }

    def _look(self, rates: dict[str, float]) -> None:
        found = {name: gradient_of(self.parameters[name]) for name in self.trainable}
        norms: dict[str, float | None] = {}
        for name, gradient in found.items():
            norms[name] = None if gradient is None else float(torch.linalg.vector_norm(gradient))
            if gradient is not None and norms[name] != 0.0 and name in rates:
                parameter = self.parameters[name].detach()
                if not torch.equal(parameter - rates[name] * gradient, parameter):
                    self.movable.add(name)
        self.gradients.append(norms)
        if self.observe is not None:
            self.observe(self.step_number, found)

    def written(self, losses: tuple[float | None, ...]) -> Walk:
        now = dict(self.model.named_parameters())
        moved = {name for name, old in self.before.items() if name in now and not torch.equal(old, now[name].detach())}
        return Walk(
            losses=losses,
            optimizer_steps=None if self.optimizer is None else self.steps,
            gradients=tuple(self.gradients),
            trainable=self.trainable,
            moved=frozenset(moved),
            held=None if self.optimizer is None else frozenset(self._rates(self.optimizer)),
            movable=frozenset(self.movable),
            rates=self.rates,
        )
