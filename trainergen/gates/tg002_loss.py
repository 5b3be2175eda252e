"""TG002: compute_loss returns a scalar tensor that still hangs on its graph."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .loss_flow import LossFlow
from .subject import ENTRIES, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding
    from .source import Function, Scope

CODE = "TG002"
NAME = "compute_loss returns a scalar tensor with its graph"
WHAT = (
    "No return of compute_loss or _forward_batch hands back what is certainly no scalar tensor with a graph: a "
    "detached or newly made tensor, a Python number, a tuple or dict, nothing, a loss with reduction='none'; "
    "neither runs under no_grad, and a return annotation, if given, is a tensor's."
)
WHY = "backward() on it raises, or worse, runs and moves nothing: the loss is logged, and no parameter learns."
PASSING = """\
from torch.nn import functional

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        image, label = batch
        loss = functional.cross_entropy(self.model(image), label)
        self._last_batch_metrics = {"cross_entropy": loss.detach()}
        return loss
"""
FAILING = """\
from torch.nn import functional

from train.base_trainer import Trainer


class DigitsTrainer(Trainer):
    def compute_loss(self, batch):
        image, label = batch
        loss = functional.cross_entropy(self.model(image), label)
        return loss.detach()
"""
FIX = "none"
TORCH = ">=2.6"
SOURCE = "the contract of trainergen's own trainers, gate 2 of ten"
WATCHES = (ast.FunctionDef, ast.AsyncFunctionDef)

_NOT_TENSORS = {
    "None", "bool", "bytes", "complex", "dict", "float", "int", "list", "set", "str", "tuple", "numpy.ndarray",
    "typing.Dict", "typing.List", "typing.Optional", "typing.Tuple",
}  # fmt: skip
_NO_GRADIENT = {"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad", "torch.autograd.inference_mode"}


def check(node: ast.AST, scope: Scope, subject: Subject) -> Iterator[Finding]:
    """See WHAT."""
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    lineage = subject.trainers.get(scope.owner) if scope.owner is not None else None
    if lineage is None or scope.function is not None or node.name not in ENTRIES:
        return
    yield from _annotation(node, subject)
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if subject.dotted(target) in _NO_GRADIENT:
            yield subject.finding(CODE, decorator, f"{node.name} runs without gradients", "take the decorator off")
    flow = LossFlow(subject, lineage, node)
    for fault in flow.faults():
        yield subject.finding(CODE, fault.node, f"{node.name} returns {fault.what}", fault.hint, fault.label)


def _annotation(function: Function, subject: Subject) -> Iterator[Finding]:
    annotation = function.returns
    if annotation is None:
        return
    shown = ast.unparse(annotation)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return
    for part in _alternatives(annotation):
        plain = part.value if isinstance(part, ast.Subscript) else part
        dotted = "None" if isinstance(plain, ast.Constant) and plain.value is None else subject.dotted(plain)
        if dotted in _NOT_TENSORS and function.returns is not None:
            message = f"{function.name} is annotated to return {shown}, not a tensor"
            yield subject.finding(
                CODE, function.returns, message, "annotate it -> torch.Tensor and return the scalar loss"
            )
            return


def _alternatives(annotation: ast.expr) -> Iterator[ast.expr]:
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _alternatives(annotation.left)
        yield from _alternatives(annotation.right)
    else:
        yield annotation
