"""Follows values through a function, far enough to say which returned one certainly is no loss to learn from."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from .source import Function, methods, own_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Lineage
    from .subject import Subject


class Fault(NamedTuple):
    """What a value certainly is, and the expression that made it so."""

    kind: str  # cut, number, container, unreduced
    node: ast.expr | ast.stmt | ast.keyword
    label: str

    @property
    def what(self) -> str:
        """The value in words, after "returns"."""
        return {
            "cut": "a tensor that nothing can be learnt from",
            "number": "a Python number, not a tensor",
            "nothing": "nothing",
            "container": "a container, not one scalar tensor",
            "unreduced": "one loss per sample, not a scalar",
        }[self.kind]

    @property
    def hint(self) -> str:
        """How to return the loss itself."""
        return {
            "cut": "return the loss itself; put the detached value into self._last_batch_metrics",
            "number": "return the loss tensor; put its detached value into self._last_batch_metrics",
            "nothing": "return the scalar loss",
            "container": "return the weighted sum of the parts; put each detached part into self._last_batch_metrics",
            "unreduced": 'reduce it: .mean(), or reduction="mean"',
        }[self.kind]


# A name's state: None means that nothing is certain, which is also what a healthy loss is.
State = Fault | None
Names = dict[str, State]

_NUMBERS = {"item", "tolist", "numpy", "__float__"}
_REDUCING = {"mean", "sum", "nanmean", "nansum", "prod", "logsumexp", "max", "min", "median"}
_KEEPING = {"to", "cpu", "float", "double", "half", "clone", "contiguous", "abs", "clamp", "sqrt", "exp", "log", "pow"}
_FRESH = {
    f"torch.{name}" for name in ("tensor", "from_numpy", "zeros", "ones", "full", "empty", "rand", "randn", "arange")
}
_OWN_GRAPHLESS = {"torch.no_grad", "torch.inference_mode"}


class LossFlow:
    """One pass over a function's statements in order; branches are joined, loops run once.

    Args:
        subject: the file.
        lineage: the class's descent, for losses made in ``__init__`` with ``reduction="none"``.
        function: ``compute_loss`` or ``_forward_batch``.
    """

    def __init__(self, subject: Subject, lineage: Lineage, function: Function) -> None:
        self._subject = subject
        self._function = function
        self._returns: list[Fault] = []
        self._returned = False
        self._graphless = 0
        self._unreduced = _unreduced_attributes(lineage)

    def faults(self) -> Iterator[Fault]:
        """What each faulty return hands back, once a place."""
        self._block(self._function.body, {})
        seen = set()
        for fault in self._returns:
            if id(fault.node) not in seen:
                seen.add(id(fault.node))
                yield fault
        raises = any(isinstance(part, (ast.Raise, ast.Yield, ast.YieldFrom)) for part in ast.walk(self._function))
        stub = all(
            isinstance(item, ast.Pass) or (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            for item in self._function.body
        )
        abstract = any("abstract" in ast.unparse(item) for item in self._function.decorator_list)
        if not self._returned and not abstract and (stub or not raises):
            yield Fault("nothing", self._function, "")

    def _block(self, statements: list[ast.stmt], names: Names) -> bool:
        """Runs the statements; True if they leave the block (return, raise, break, continue)."""
        return any(self._statement(statement, names) for statement in statements)

    def _statement(self, statement: ast.stmt, names: Names) -> bool:
        if isinstance(statement, ast.Return):
            self._return(statement, names)
            return True
        if isinstance(statement, (ast.Raise, ast.Break, ast.Continue)):
            return True
        if isinstance(statement, ast.Assign):
            state = self._state(statement.value, names)
            for target in statement.targets:
                self._assign(target, state, names)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, self._state(statement.value, names), names)
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            before = names.get(statement.target.id)
            after = self._state(statement.value, names)
            names[statement.target.id] = self._combined(before, after, statement.op, statement.value)
        elif isinstance(statement, ast.If):
            return self._branches([statement.body, statement.orelse], names)
        elif isinstance(statement, (ast.For, ast.AsyncFor, ast.While)):
            self._branches([statement.body, []], names)
            return self._block(statement.orelse, names)
        elif isinstance(statement, ast.Match):
            self._branches([*(case.body for case in statement.cases), []], names)
        elif isinstance(statement, ast.Try):
            bodies = [[*statement.body, *statement.orelse], *(handler.body for handler in statement.handlers)]
            left = self._branches(bodies, names)
            return self._block(statement.finalbody, names) or left
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            return self._with(statement, names)
        return False

    def _with(self, statement: ast.With | ast.AsyncWith, names: Names) -> bool:
        managers = [item.context_expr for item in statement.items]
        called = [self._subject.dotted(item.func) for item in managers if isinstance(item, ast.Call)]
        graphless = any(name in _OWN_GRAPHLESS for name in called)
        self._graphless += graphless
        left = self._block(statement.body, names)
        self._graphless -= graphless
        return left

    def _branches(self, bodies: list[list[ast.stmt]], names: Names) -> bool:
        outcomes = []
        for body in bodies:
            own = dict(names)
            if not self._block(body, own):
                outcomes.append(own)
        if not outcomes:
            return True
        for name in set().union(*outcomes):
            states = [own.get(name) for own in outcomes]
            # Certain only if it is faulty whichever way was taken.
            names[name] = states[0] if all(states) else None
        return False

    def _return(self, statement: ast.Return, names: Names) -> None:
        self._returned = True
        value = statement.value
        if value is None or (isinstance(value, ast.Constant) and value.value is None):
            self._returns.append(Fault("nothing", statement, ""))
            return
        if isinstance(value, ast.Constant):
            self._returns.append(Fault("number", value, ""))
            return
        state = self._state(value, names)
        if state is not None:
            self._returns.append(state)

    def _assign(self, target: ast.expr, state: State, names: Names) -> None:
        if isinstance(target, ast.Name):
            names[target.id] = state
        elif isinstance(target, (ast.Tuple, ast.List)):
            for item in target.elts:
                self._assign(item.value if isinstance(item, ast.Starred) else item, None, names)

    def _state(self, value: ast.expr, names: Names) -> State:
        if isinstance(value, ast.Name):
            return names.get(value.id)
        if isinstance(value, (ast.Tuple, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
            return Fault("container", value, "")
        if isinstance(value, ast.Constant):
            return Fault("number", value, "") if isinstance(value.value, int | float) else None
        if isinstance(value, ast.UnaryOp):
            return self._state(value.operand, names)
        if isinstance(value, ast.NamedExpr):
            state = self._state(value.value, names)
            names[value.target.id] = state
            return state
        if isinstance(value, ast.BinOp):
            left, right = self._state(value.left, names), self._state(value.right, names)
            return self._combined(left, right, value.op, value)
        if isinstance(value, ast.IfExp):
            first, second = self._state(value.body, names), self._state(value.orelse, names)
            return first if second else None
        if isinstance(value, ast.Subscript):
            state = self._state(value.value, names)
            return state if state and state.kind == "cut" else None
        if isinstance(value, ast.Attribute):
            inner = self._state(value.value, names)
            if value.attr == "data" and isinstance(value.value, ast.Name) and "loss" in value.value.id:
                return Fault("cut", value, ".data leaves the graph behind")
            return inner if value.attr in ("T", "mT") else None
        return self._call(value, names) if isinstance(value, ast.Call) else None

    def _call(self, call: ast.Call, names: Names) -> State:
        dotted = self._subject.dotted(call.func)
        if dotted in ("float", "int"):
            return Fault("number", call, f"{dotted}() leaves the graph behind")
        if dotted in ("tuple", "list", "dict"):
            return Fault("container", call, "")
        if dotted in _FRESH:
            return Fault("cut", call, "a new tensor: it has no graph")
        unreduced = next((word for word in call.keywords if _says_none(word)), None)
        if unreduced is not None and dotted is not None and dotted.startswith("torch."):
            return Fault("unreduced", unreduced, "one value per sample")
        own = own_attribute(call.func)
        if own in self._unreduced:
            return Fault("unreduced", call, 'made with reduction="none"')
        if isinstance(call.func, ast.Attribute) and (dotted is None or not dotted.startswith("torch.")):
            state = self._method(call, call.func, names)
            if state is not None:
                return state
        elif dotted is not None and dotted.startswith("torch.") and call.args:
            inner = self._state(call.args[0], names)
            if dotted.removeprefix("torch.") in _REDUCING:
                return inner if inner and inner.kind == "cut" else None
        if self._graphless and dotted is not None and dotted.startswith("torch.nn.functional."):
            return Fault("cut", call, "computed without gradients")
        return None

    def _method(self, call: ast.Call, target: ast.Attribute, names: Names) -> State:
        if target.attr in ("detach", "detach_") and not call.args:
            return Fault("cut", _tail(call, target), "the graph is cut here")
        if target.attr in _NUMBERS and not call.args:
            return Fault("number", _tail(call, target), f".{target.attr}() leaves the graph behind")
        if target.attr == "backward":
            return Fault("nothing", _tail(call, target), "backward() returns None, and the loop calls it")
        inner = self._state(target.value, names)
        if inner is None:
            return None
        if target.attr in _REDUCING:
            return inner if inner.kind == "cut" or (inner.kind == "unreduced" and _along_samples(call)) else None
        if target.attr in _KEEPING or (inner.kind == "cut" and target.attr == "requires_grad_"):
            return inner
        return None

    def _combined(self, left: State, right: State, operator: ast.operator, _at: ast.expr) -> State:
        if isinstance(operator, ast.MatMult):
            return None
        for state in (left, right):
            if state is not None and state.kind == "unreduced":
                return state
        if left is None or right is None:
            return None
        if left.kind == right.kind == "number":
            return left
        if {left.kind, right.kind} <= {"cut", "number"}:
            return left if left.kind == "cut" else right
        return None


def _along_samples(call: ast.Call) -> bool:
    """Whether a reduction leaves the first dimension: ``.mean(dim=1)``."""
    said = next(
        (word.value for word in call.keywords if word.arg in ("dim", "axis")), call.args[0] if call.args else None
    )
    return isinstance(said, ast.Constant) and isinstance(said.value, int) and said.value >= 1


def _tail(call: ast.Call, target: ast.Attribute) -> ast.expr:
    """The last ``name(...)`` of a call chain as an expression of its own place, so that the carets mark only it."""
    if target.end_lineno != call.end_lineno or target.end_lineno is None or target.end_col_offset is None:
        return call
    start = target.end_col_offset - len(target.attr.encode())
    place = ast.Name(target.attr, ast.Load())
    place.lineno = place.end_lineno = target.end_lineno
    place.col_offset, place.end_col_offset = start, call.end_col_offset
    return place


def _says_none(word: ast.keyword) -> bool:
    return word.arg == "reduction" and isinstance(word.value, ast.Constant) and word.value.value == "none"


def _unreduced_attributes(lineage: Lineage) -> set[str]:
    """``self.<name>`` that ``__init__`` sets to a loss with ``reduction="none"``, and that nothing else sets."""
    found: set[str] = set()
    others: set[str] = set()
    for source, owner in lineage.classes:
        for function in methods(owner):
            for part in ast.walk(function):
                if isinstance(part, ast.Assign):
                    names = {name for target in part.targets if (name := own_attribute(target)) is not None}
                    value = part.value
                    unreduced = (
                        isinstance(value, ast.Call)
                        and any(_says_none(word) for word in value.keywords)
                        and (source.dotted(value.func) or "").startswith("torch.nn.")
                    )
                    (found if unreduced else others).update(names)
    return found - others
