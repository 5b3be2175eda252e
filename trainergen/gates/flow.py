"""Which values of a routine hang on a graph: model outputs, losses, and what is computed from them, until they are cut."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from . import naming
from .reading import Binding, Place, Reading, Routine, text_of
from .roles import CRITERION, MODULE, Roles

if TYPE_CHECKING:
    from .events import Traces

_COUNTED = {"count", "counts", "num", "n", "size", "sizes", "length", "lengths", "steps"}
"""Words of names that hold numbers."""
GRAPHLESS = {"no_grad", "inference_mode"}
_CUTS = {
    "item", "detach", "detach_", "numpy", "tolist", "argmax", "argmin", "size", "dim", "numel", "eq", "ne", "lt", "gt", "le",
    "ge", "topk", "argsort", "bool", "long", "int", "backward", "keys", "ndimension", "isnan", "isfinite", "isinf",
}  # fmt: skip
_CUT_ATTRIBUTES = {"data", "shape", "dtype", "device", "grad", "ndim", "requires_grad", "is_cuda", "grad_fn"}
_FRESH = {"tensor", "zeros", "ones", "empty", "full", "arange", "rand", "randn", "no_grad", "save", "load", "as_tensor"}


class Flow:
    """Attachment of expressions within one routine.

    Args:
        routine: the routine.
        reading, roles, traces: of its file.
        losses: dotted names that ``backward()`` is called on in this routine: attached whatever made them.
    """

    def __init__(
        self, routine: Routine, reading: Reading, roles: Roles, traces: Traces, losses: frozenset[str]
    ) -> None:
        self._routine = routine
        self._reading = reading
        self._roles = roles
        self._traces = traces
        self._losses = losses
        self._decided: dict[int, bool] = {}
        self._returning: bool | None = None
        self._graphless = any(is_graphless(each) for each in routine.decorators())

    def attached(self, expression: ast.expr, order: int) -> bool:
        """Whether the value of an expression at step `order` surely hangs on a graph."""
        if self._graphless:
            return False
        text = text_of(expression)
        if text is not None:
            return self._named(text, expression, order)
        if isinstance(expression, ast.Call):
            return self._call(expression, order)
        if isinstance(expression, ast.BinOp):
            return self.attached(expression.left, order) or self.attached(expression.right, order)
        if isinstance(expression, ast.UnaryOp):
            return not isinstance(expression.op, ast.Not) and self.attached(expression.operand, order)
        if isinstance(expression, (ast.Tuple, ast.List)):
            return any(self.attached(item, order) for item in expression.elts)
        if isinstance(expression, ast.Dict):
            return any(self.attached(item, order) for item in expression.values)
        if isinstance(expression, ast.IfExp):
            return self.attached(expression.body, order) or self.attached(expression.orelse, order)
        if isinstance(expression, (ast.Subscript, ast.Starred, ast.Await, ast.NamedExpr)):
            return self.attached(expression.value, order)
        if isinstance(expression, ast.Attribute):
            return expression.attr not in _CUT_ATTRIBUTES and self.attached(expression.value, order)
        return False

    def returns(self) -> bool:
        """Whether a return of the routine hands back an attached value (the first part of a returned tuple counts)."""
        if self._returning is None:
            self._returning = False  # while a routine that calls itself is looked at
            for step in self._routine.steps:
                if isinstance(step.node, ast.Return) and step.node.value is not None:
                    value = step.node.value
                    if isinstance(value, ast.Tuple) and value.elts:
                        value = value.elts[0]
                    if self.attached(value, step.order):
                        self._returning = True
        return self._returning

    def _named(self, text: str, expression: ast.expr, order: int) -> bool:
        latest = self._latest(text, order)
        if latest is not None:
            return self._bound(latest, text)
        if text in self._losses:
            return True
        if isinstance(expression, ast.Attribute):
            return expression.attr not in _CUT_ATTRIBUTES and self.attached(expression.value, order)
        if isinstance(expression, ast.Subscript):
            return self.attached(expression.value, order)
        return False

    def _latest(self, text: str, order: int) -> Binding | None:
        found = None
        for binding in self._routine.bindings.get(text, ()):
            if binding.order < order:
                found = binding
        return found

    def _bound(self, binding: Binding, text: str) -> bool:
        if id(binding) not in self._decided:
            self._decided[id(binding)] = False
            result = False
            if binding.how in ("loop", "loop unpack", "count", "with") or in_graphless(binding.place.path):
                result = False
            elif binding.how == "unpack" and binding.position > 0 and naming.is_target(text):
                result = False  # loss, targets = step(batch): handed through
            elif binding.how == "unpack" and _COUNTED & set(text.rpartition(".")[2].lower().split("_")):
                result = False  # loss, sample_count = model(batch)
            elif binding.how == "unpack" and binding.position > 0 and self._of_criterion(binding.value):
                result = False  # loss, rewards = loss_fn(...): what a criterion tells beside the loss is for the log
            elif binding.how == "augment":
                before = self._latest(text, binding.order)
                result = self.attached(binding.value, binding.order) or (
                    before is not None and self._bound(before, text)
                )
            else:
                result = self.attached(binding.value, binding.order)
            self._decided[id(binding)] = result
        return self._decided[id(binding)]

    def _of_criterion(self, value: ast.expr) -> bool:
        return isinstance(value, ast.Call) and self._roles.of(value.func, self._routine) == CRITERION

    def _call(self, call: ast.Call, order: int) -> bool:
        function = call.func
        dotted = self._reading.dotted(function) or ""
        if isinstance(function, ast.Attribute):
            if function.attr in _CUTS:
                return False
            if not dotted.startswith(("torch.", "numpy.", "math.")) and self.attached(function.value, order):
                return True
        name = dotted.rpartition(".")[2]
        if dotted in ("float", "int", "len", "str", "bool", "isinstance", "range", "type", "print"):
            return False
        if dotted.startswith(("numpy.", "math.")) or (dotted.startswith("torch.") and name in _FRESH | _CUTS):
            return False
        callee = self._traces.callee(call, self._routine)
        role = self._roles.of(function, self._routine)
        if role == MODULE and callee is None:
            return True
        if role == CRITERION:
            return not self._of_detached(call, order)
        if callee is not None:
            return self._traces.flow(callee).returns() or (
                naming.is_loss_call(callee.name) and not callee.decorators() and self._passes(call, order)
            )
        if naming.is_loss_call(name) and not name[:1].isupper():
            return not self._of_detached(call, order)
        return (dotted.startswith("torch.") or dotted in ("sum", "max", "min", "abs")) and self._passes(call, order)

    def _of_detached(self, call: ast.Call, order: int) -> bool:
        """Whether a loss is computed from detached values: a metric."""
        cut = any(
            isinstance(part, ast.Attribute) and part.attr in ("detach", "data")
            for each in call.args
            for part in ast.walk(each)
        )
        return cut and not self._passes(call, order)

    def _passes(self, call: ast.Call, order: int) -> bool:
        return any(self.attached(each, order) for each in call.args) or any(
            self.attached(word.value, order) for word in call.keywords
        )


def is_graphless(expression: ast.expr, perhaps: bool = False) -> bool:
    """Whether a context manager or decorator switches gradients off.

    Args:
        expression: the manager.
        perhaps: one that switches them off in one phase counts too: ``set_grad_enabled(phase == "train")``.
    """
    target = expression.func if isinstance(expression, ast.Call) else expression
    name = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
    if "eval_mode" in name or "evaluation_mode" in name:  # helpers of that name switch both, as far as any is known
        return True
    if any(each in name for each in GRAPHLESS):  # a project's own have such names too: smart_inference_mode
        return not (isinstance(expression, ast.Call) and _says(expression, False) and "inference_mode" in name)
    if name != "set_grad_enabled" or not isinstance(expression, ast.Call):
        return False
    return _says(expression, False) or (perhaps and not _says(expression, True))


def _says(call: ast.Call, value: bool) -> bool:
    return any(isinstance(each, ast.Constant) and each.value is value for each in call.args)


def in_graphless(path: tuple[Place, ...], perhaps: bool = False) -> bool:
    """Whether a path goes through a block or a decorated routine without gradients; `perhaps`: see `is_graphless`."""
    for place in path:
        if place.kind == "with" and isinstance(place.node, (ast.With, ast.AsyncWith)):
            if any(is_graphless(item.context_expr, perhaps) for item in place.node.items):
                return True
        elif isinstance(place.node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
            is_graphless(each, perhaps) for each in place.node.decorator_list
        ):
            return True
    return False
