"""TG126: the loss still hangs on the graph of the model when backward() meets it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .events import BACKWARD
from .flow import in_graphless
from .loss_hooks import faults, hooks, returned
from .reading import Binding, Routine, text_of
from .roles import CRITERION, MODULE
from .training import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

CODE = "TG126"
NAME = "the loss keeps its graph"
WHAT = (
    "What compute_loss returns, and what backward() is called on, is not cut from the model: no .item(), .detach(), "
    ".data, float(), torch.tensor(loss), no NumPy round trip, no forward below no_grad()."
)
WHY = (
    "backward() raises; or, with requires_grad_() put on to silence it, runs through nothing: no parameter ever learns."
)
FAILING = """\
import torch


def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        outputs = model(inputs).detach()
        loss = criterion(outputs, targets).requires_grad_()
        loss.backward()
        optimizer.step()
"""
PASSING = """\
def train(model, loader, optimizer, criterion):
    for inputs, targets in loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
"""
FIX = "none"
TORCH = ">=1.0"
SOURCE = "PyTorch, autograd mechanics; guardtower LOSS-001; hotpath KP013"

_CUTTING = {"detach", "item", "numpy", "tolist", "detach_"}
_REWRAPPING = {"tensor", "as_tensor", "from_numpy", "FloatTensor", "Tensor", "scalar_tensor"}


def check(training: Training) -> Iterator[Finding]:
    """See WHAT."""
    told: set[int] = set()
    for routine, fault in faults(training):
        if fault.kind in ("cut", "number"):
            told.add(id(routine))
            yield training.finding(CODE, fault.node, f"{routine.name} returns {fault.what}", fault.hint, fault.label)
    for routine in hooks(training):
        for value, order in returned(routine) if id(routine) not in told else ():
            cut = _Cut(training, routine).of(value, order)
            if cut is not None:
                hint = "return the loss itself; detach only what is logged"
                yield training.finding(
                    CODE, cut, f"{routine.name} returns a loss that is cut from the model", hint, "the graph ends here"
                )
                break
    for routine in training.reading.routines:
        for event in training.traces.own(routine):
            if event.kind == BACKWARD:
                yield from _at_backward(training, event.node, event.target, routine)


def _at_backward(training: Training, node: ast.AST, target: str, routine: Routine) -> Iterator[Finding]:
    order = next((step.order for step in routine.steps if step.node is node), 0)
    if not target or "[" in target:
        return
    value = _spelt(target, node)
    cut = _Cut(training, routine).of(value, order)
    if cut is not None and not in_graphless_made(cut, node):
        yield training.finding(
            CODE,
            cut,
            "the loss is cut from the model before backward() meets it",
            "compute the loss from the model's outputs themselves; detach only what is logged",
            "the graph ends here",
        )


def _spelt(target: str, node: ast.AST) -> ast.expr:
    """A dotted name as an expression, at the place of `node`."""
    head, *attributes = target.split(".")
    value: ast.expr = ast.copy_location(ast.Name(head, ast.Load()), node)
    for attribute in attributes:
        value = ast.copy_location(ast.Attribute(value, attribute, ast.Load()), node)
    return value


def in_graphless_made(cut: ast.expr, node: ast.AST) -> bool:
    """Whether the cut comes after the backward: a loop's last turn, seen from its next."""
    return cut.lineno > getattr(node, "lineno", 0)


class _Cut:
    """Follows a value back to where it certainly lost a model's graph."""

    def __init__(self, training: Training, routine: Routine) -> None:
        self._training = training
        self._routine = routine
        self._flow = training.traces.flow(routine)
        self._met: set[int] = set()

    def of(self, value: ast.expr, order: int) -> ast.expr | None:
        text = text_of(value)
        if text is not None and not (isinstance(value, ast.Attribute) and value.attr == "data"):
            return self._named(text, order)
        if isinstance(value, ast.Attribute):
            if value.attr == "data" and self._from_model(value.value, order):
                return value
            return self.of(value.value, order)
        if isinstance(value, ast.BinOp):
            left, right = self.of(value.left, order), self.of(value.right, order)
            if left is not None and not self._from_model(value.right, order):
                return left
            return right if right is not None and not self._from_model(value.left, order) else None
        if isinstance(value, (ast.Subscript, ast.Starred)):
            return self.of(value.value, order)
        return self._call(value, order) if isinstance(value, ast.Call) else None

    def _from_model(self, value: ast.expr, order: int) -> bool:
        """Whether a model's outputs or a loss are in it, graph or not."""
        return self._flow.attached(value, order)

    def _named(self, text: str, order: int) -> ast.expr | None:
        latest: Binding | None = None
        for binding in self._routine.bindings.get(text, ()):
            if binding.order < order:
                latest = binding
        if latest is None or latest.how != "assign" or id(latest) in self._met:
            return None
        self._met.add(id(latest))
        if in_graphless(latest.place.path):
            return latest.value if self._runs_model(latest.value) else None
        return self.of(latest.value, latest.order)

    def _runs_model(self, value: ast.expr) -> bool:
        roles = self._training.roles
        return any(
            isinstance(part, ast.Call) and roles.of(part.func, self._routine) == CRITERION for part in ast.walk(value)
        )

    def _call(self, call: ast.Call, order: int) -> ast.expr | None:
        function = call.func
        dotted = self._training.reading.dotted(function) or ""
        name = dotted.rpartition(".")[2]
        if isinstance(function, ast.Attribute) and not dotted.startswith(("torch.", "numpy.")):
            if function.attr in _CUTTING and not call.args:
                inner = self.of(function.value, order)
                return inner or (call if self._from_model(function.value, order) else None)
            if self._training.roles.of(function, self._routine) not in (MODULE, CRITERION):
                return self.of(function.value, order)
        if name == "float" and call.args and self._from_model(call.args[0], order):
            return call
        if dotted.startswith("torch.") and name in _REWRAPPING and call.args:
            inner = self.of(call.args[0], order)
            return call if inner is not None or self._from_model(call.args[0], order) else None
        if self._training.roles.of(function, self._routine) == CRITERION or dotted.startswith("torch.nn.functional."):
            parts = [*call.args, *(word.value for word in call.keywords)]
            if not parts or any(self._from_model(each, order) for each in parts):
                return None
            # The prediction comes first; a target that was detached is as it should be.
            return self.of(parts[0], order) or self._graphless_forward(parts[0], order)
        return None

    def _graphless_forward(self, value: ast.expr, order: int) -> ast.expr | None:
        """A prediction that was computed below no_grad, while the loss is outside of it."""
        while isinstance(value, ast.Attribute) and text_of(value) not in self._routine.bindings:
            value = value.value  # outputs.logits
        text = text_of(value)
        latest: Binding | None = None
        for binding in self._routine.bindings.get(text or "", ()):
            if binding.order < order:
                latest = binding
        if latest is None or not in_graphless(latest.place.path) or not isinstance(latest.value, ast.Call):
            return None
        return latest.value if self._training.roles.of(latest.value.func, self._routine) == MODULE else None
