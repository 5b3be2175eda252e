"""Does an evaluation leave everything as it was, and run in eval mode without gradients?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .session import Fault, Measurement, Session
from .walk import seed_everything

NAME = "eval_is_pure"


def measure(session: Session, *, seed: int) -> Measurement:
    """Evaluate once, in the middle of a training, and compare the model before and after."""
    model = session.model
    if not model.training:
        model.train()
    tensors = {("parameter", name): value.detach().clone() for name, value in model.named_parameters()}
    tensors |= {("buffer", name): value.detach().clone() for name, value in model.named_buffers()}
    modes = {name: module.training for name, module in model.named_modules()}
    watch = _Watch(session)
    seed_everything(seed)
    try:
        result = session.evaluate()
    finally:
        watch.detach()
    faults = watch.faults()
    after: dict[tuple[str, str], torch.Tensor] = {
        ("parameter", name): v.detach() for name, v in model.named_parameters()
    }
    after |= {("buffer", name): value.detach() for name, value in model.named_buffers()}
    for (kind, name), old in tensors.items():
        new = after.get((kind, name))
        if new is None or not _same(old, new):
            faults.append(Fault(kind, name, f"evaluation changes the {kind} {name}", "evaluate under model.eval()"))
    for name, module in model.named_modules():
        if module.training != modes.get(name, module.training):
            mode = "train" if module.training else "eval"
            what = name or type(module).__name__
            hint = "put the model back into the mode it was in"
            faults.append(Fault("mode", name, f"evaluation leaves {what} in {mode} mode", hint))
            break  # the first, outermost one says it for all below
    title = "evaluation changes nothing" if not faults else faults[0].text
    numbers = {key: float(value) for key, value in result.items() if isinstance(value, (int, float))}
    return Measurement(NAME, title, tuple(faults), numbers)


def _same(old: torch.Tensor, new: torch.Tensor) -> bool:
    if old.shape != new.shape or old.dtype != new.dtype:
        return False
    return torch.equal(old, new) or (
        old.is_floating_point() and torch.equal(torch.nan_to_num(old), torch.nan_to_num(new))
    )


class _Watch:
    """Notes, at each forward of the whole model, its mode, whether a graph is built, and steps of the optimizer."""

    def __init__(self, session: Session) -> None:
        self.training: dict[str, str] = {}
        self.graph = False
        self.steps = 0
        self.forward = session.model.register_forward_pre_hook(self._forward)
        optimizer = session.optimizer
        self.step = None if optimizer is None else optimizer.register_step_pre_hook(self._step)

    def _forward(self, model: nn.Module, _: Any) -> None:
        self.graph = self.graph or torch.is_grad_enabled()
        for name, module in model.named_modules():
            if module.training:
                self.training.setdefault(name, type(module).__name__)

    def _step(self, *_: Any) -> None:
        self.steps += 1

    def detach(self) -> None:
        self.forward.remove()
        if self.step is not None:
            self.step.remove()

    def faults(self) -> list[Fault]:
        faults = []
        if self.steps:
            text = f"the optimizer steps during evaluation ({self.steps} times)"
            faults.append(Fault("optimizer", "", text, "evaluation measures; only training steps"))
        for name, kind in self.training.items():
            what = f"{name} ({kind})" if name else kind
            faults.append(Fault("training", name, f"{what} is in train mode during evaluation", "call model.eval()"))
        if self.graph:
            text = "evaluation builds a graph that nobody uses"
            faults.append(Fault("graph", "", text, "evaluate under torch.no_grad()"))
        return faults
