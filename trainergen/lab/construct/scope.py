"""What names mean inside one function that is read: which argument, which attribute of self, which known value."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any

from ..sources import MISSING, dotted, meaning
from .uses import ITEM

if TYPE_CHECKING:
    from types import FunctionType

    from .uses import Path

_METHODS = {
    "str": "lower upper split startswith endswith strip format replace encode title",
    "mapping": "items keys values get pop setdefault update",
    "module": "parameters named_parameters modules named_modules children named_children state_dict load_state_dict eval train "
    "apply requires_grad_ register_forward_hook get_submodule",
    "tensor": "numel detach clone size view reshape unsqueeze float long to",
    "sequence": "append extend insert",
}
METHODS = {name: kind for kind, names in _METHODS.items() for name in names.split()}
"""What a call of a method of this name says of its object; as an attribute that is not called it is a name like any other."""
TENSOR_ATTRIBUTES = frozenset({"shape", "ndim"})
SEQUENCE_CALLS = frozenset(
    {"len", "enumerate", "zip", "reversed", "list", "tuple", "sum", "sorted", "iter", "map", "all", "any", "prod"}
)
SAME_CALLS = frozenset(
    {"int", "float", "bool", "list", "tuple", "deepcopy", "copy", "default", "exists", "max", "min", "round", "abs", "pair", "to_2tuple",
     "to_3tuple"}
)  # fmt: skip


class Scope:
    """One function; `names` and `held` (attributes of self) grow as values are assigned.

    Attributes:
        names: local name -> the argument that it is.
        held: attribute of self -> the argument that it is; shared by all methods of an object.
        owner: the class whose method it is, or None.
        locals: local name -> its value, where it is known without running anything.
    """

    def __init__(
        self, function: FunctionType, names: dict[str, Path], held: dict[str, Path], owner: type | None
    ) -> None:
        self.function = function
        self.names = names
        self.held = held
        self.owner = owner
        arguments = list(inspect.signature(function).parameters) if owner is not None else []
        self.self_name = arguments[0] if arguments else None
        self.locals: dict[str, Any] = {}

    def path(self, node: ast.AST | None) -> Path | None:
        """The argument (or the part of one) that an expression gives, or None."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == self.self_name:
                return self.held.get(node.attr)
            base = self.path(node.value)
            return None if base is None else (*base, node.attr)
        if isinstance(node, ast.Subscript):
            base = self.path(node.value)
            if base is None:
                return None
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                return (*base, node.slice.value)
            return base if isinstance(node.slice, ast.Slice) else (*base, ITEM)
        if isinstance(node, ast.BoolOp):
            return next((found for each in node.values if (found := self.path(each)) is not None), None)
        if isinstance(node, ast.IfExp):
            return self.path(node.body) or self.path(node.orelse)
        if isinstance(node, ast.Starred):
            return self.path(node.value)
        if isinstance(node, ast.NamedExpr):
            return self.path(node.value)
        if isinstance(node, ast.Call) and node.args:
            name = (dotted(node.func) or "").rpartition(".")[2]
            if name in {"get", "pop"} and isinstance(node.func, ast.Attribute):
                base = self.path(node.func.value)
                key = node.args[0]
                return (
                    (*base, key.value)
                    if base and isinstance(key, ast.Constant) and isinstance(key.value, str)
                    else None
                )
            if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                base = self.path(node.args[0])
                return (*base, str(node.args[1].value)) if base else None
            if name in SAME_CALLS:
                return self.path(node.args[0])
        return None

    def value(self, node: ast.expr) -> Any:
        """What a dotted name or a literal means without any argument of ours, or `MISSING`."""
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            pass
        name = dotted(node)
        if name is None:
            return MISSING
        if name in self.locals:
            return self.locals[name]
        if self.owner is not None and name.startswith(f"{self.self_name}."):
            return getattr(self.owner, name.partition(".")[2], MISSING)
        return meaning(name, self.function.__globals__)
