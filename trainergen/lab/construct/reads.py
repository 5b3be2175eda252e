"""What a class's source does with its arguments: attributes and keys read, indexed, called, compared, handed to layers.

Followed from ``__init__`` through aliases, ``self``, ``super().__init__`` and the classes and functions it hands arguments
to, down to the torch layer an argument ends in: ``self.net = Block(a, n1)`` and ``nn.Linear(a, n1)`` there say what ``a`` is.
"""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..sources import MISSING, code_node, dotted, meaning, own_init, plain_function, words
from .roles import role_of
from .scope import METHODS, SEQUENCE_CALLS, TENSOR_ATTRIBUTES, Scope
from .uses import ITEM, Uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FunctionType

    from .roles import Role
    from .uses import Path, Reads

MOST_FUNCTIONS = 60
"""Functions looked into for one class: a model of sixty blocks says nothing more at the sixty-first."""
MOST_HOPS = 5


_SLOTS: dict[str, Role] = {
    "normalized_shape": "width",
    "num_features": "width",
    "num_parameters": "width",
    "max_norm": "ratio",
}


def read_uses(make: Callable[..., Any]) -> Reads:
    """What the source of a class (or function) does with its arguments; empty without source."""
    return _read(make).reads


def read_prefixes(make: Callable[..., Any]) -> list[str]:
    """Texts like ``enc_`` in the source of what the arguments go through: beginnings of names in ``**kwargs``."""
    return _read(make).prefixes


def _read(make: Callable[..., Any]) -> _Reader:
    reader = _Reader()
    if isinstance(make, type):
        found = own_init(make)
        if found is not None:
            names = list(inspect.signature(found[1]).parameters)[1:]
            reader.class_body(make, found, {name: (name,) for name in names}, 0)
    else:
        function = plain_function(make)
        if function is not None:
            names = list(inspect.signature(function).parameters)
            reader.function(function, {name: (name,) for name in names}, {}, None, 0)
    return reader


class _Reader:
    def __init__(self) -> None:
        self.reads: Reads = {}
        self.prefixes: list[str] = []
        self.visited = 0
        self._signatures: dict[int, tuple[object, list[inspect.Parameter]]] = {}

    def parameters(self, callee: Any) -> list[inspect.Parameter]:
        """What `callee` takes; nothing where that can't be known, and of Python's own, which give an argument no role."""
        if getattr(callee, "__module__", None) == "builtins":
            return []
        if id(callee) not in self._signatures:
            try:
                found = list(inspect.signature(callee).parameters.values())
            except (TypeError, ValueError):
                found = []
            self._signatures[id(callee)] = callee, found  # held, so that its id stays its own
        return self._signatures[id(callee)][1]

    def uses(self, path: Path) -> Uses:
        return self.reads.setdefault(path, Uses())

    def class_body(self, cls: type, init: tuple[type, FunctionType], names: dict[str, Path], hops: int) -> None:
        """``__init__`` first, for what ends up on ``self``, then every other method of the user's line of classes."""
        held: dict[str, Path] = {}
        self.function(init[1], names, held, init[0], hops)
        if not held:
            return
        done = {init[1]}
        for owner in cls.__mro__:
            if owner.__module__.partition(".")[0] == "torch" or owner is object:
                break
            for member in vars(owner).values():
                function = (
                    plain_function(member) if callable(member) or isinstance(member, (classmethod, property)) else None
                )
                if function is not None and function not in done and self.visited < MOST_FUNCTIONS:
                    done.add(function)
                    self.function(function, {}, held, owner, hops, constructing=False)

    def function(
        self,
        function: FunctionType,
        names: dict[str, Path],
        held: dict[str, Path],
        owner: type | None,
        hops: int,
        *,
        constructing: bool = True,
    ) -> None:
        node = code_node(function.__code__)
        if node is None or self.visited >= MOST_FUNCTIONS or hops > MOST_HOPS:
            return
        if not constructing and words(node).isdisjoint(held):
            return
        self.visited += 1
        _Body(self, (function, dict(names), held, owner), hops, constructing).read(node)


class _Body(Scope, ast.NodeVisitor):
    """One function, statement by statement."""

    def __init__(
        self,
        reader: _Reader,
        scope: tuple[FunctionType, dict[str, Path], dict[str, Path], type | None],
        hops: int,
        constructing: bool,
    ) -> None:
        super().__init__(*scope)
        self.reader = reader
        self.hops = hops
        self.constructing = constructing

    def read(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if not self.constructing:
            own = {each.arg for each in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]}
            self.names = {name: path for name, path in self.names.items() if name not in own}
        for statement in node.body:
            self.visit(statement)

    def note(self, node: ast.AST | None, kind: str) -> Uses | None:
        path = self.path(node)
        if path is None:
            return None
        uses = self.reader.uses(path)
        uses.note(kind)
        return uses

    # Statements.

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._bind(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self._bind(node.target, node.value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        path = self.path(value)
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for inner, each in zip(target.elts, value.elts, strict=True):
                    self._bind(inner, each)
            elif path is not None:
                uses = self.reader.uses(path)
                uses.note("sequence")
                if not any(isinstance(each, ast.Starred) for each in target.elts):
                    uses.count = max(uses.count, len(target.elts))
                for each in target.elts:
                    self._name(each, (*path, ITEM))
            return
        if path is not None:
            self._name(target, path)
        elif isinstance(target, ast.Name):
            known = self.value(value)
            if known is not MISSING:
                self.locals[target.id] = known
            if target.id in self.names and len(self.names[target.id]) > 1:
                del self.names[target.id]

    def _name(self, target: ast.AST, path: Path) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = path
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == self.self_name
        ):
            self.held.setdefault(target.attr, path)

    def visit_For(self, node: ast.For) -> None:
        self._loop(node.target, node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._loop(node.target, node.iter)
        self.generic_visit(node)

    def _visit_comprehension_first(self, node: Any) -> None:
        for generator in node.generators:
            self.visit(generator)
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                self.visit(getattr(node, part))

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _visit_comprehension_first  # noqa: N815

    def _loop(self, target: ast.AST, source: ast.AST) -> None:
        path = self.path(source)
        if path is not None:
            self.reader.uses(path).note("sequence")
            self._name(target, (*path, ITEM))
            for inner in target.elts if isinstance(target, ast.Tuple) else ():
                self._name(inner, (*path, ITEM))
            return
        name = dotted(source.func) if isinstance(source, ast.Call) else None
        if isinstance(source, ast.Call) and name == "enumerate" and source.args and isinstance(target, ast.Tuple):
            self._loop(target.elts[-1], source.args[0])
        elif isinstance(source, ast.Call) and name == "zip" and isinstance(target, ast.Tuple):
            for inner, each in zip(target.elts, source.args, strict=False):
                self._loop(inner, each)
        elif isinstance(source, ast.Call) and name == "reversed" and source.args:
            self._loop(target, source.args[0])
        elif (
            isinstance(source, ast.Call)
            and isinstance(source.func, ast.Attribute)
            and source.func.attr in {"items", "values"}
        ):
            self.note(source.func.value, "mapping")

    # Expressions.

    def visit_Constant(self, node: ast.Constant) -> None:
        self._prefix(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        self._prefix(self.function.__globals__.get(node.id))

    def _prefix(self, value: Any) -> None:
        if (
            isinstance(value, str)
            and value.endswith("_")
            and value[:-1].isidentifier()
            and value not in self.reader.prefixes
        ):
            self.reader.prefixes.append(value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = self.path(node.value)
        if base is not None:
            uses = self.reader.uses(base)
            if node.attr in TENSOR_ATTRIBUTES:
                uses.note("tensor")
            elif not node.attr.startswith("__"):
                uses.attributes.setdefault(node.attr, MISSING)
                self.reader.uses((*base, node.attr))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        base = self.path(node.value)
        index = node.slice
        if base is not None:
            uses = self.reader.uses(base)
            if isinstance(index, ast.Constant) and isinstance(index.value, str):
                uses.keys.setdefault(index.value, MISSING)
                self.reader.uses((*base, index.value))
            else:
                uses.note("sequence")
                if isinstance(index, ast.Constant) and isinstance(index.value, int):
                    uses.count = max(uses.count, index.value + 1, -index.value)
        looked_up = self.path(index)
        table = self.value(node.value) if looked_up is not None else MISSING
        if looked_up is not None and isinstance(table, dict):
            self._choose(looked_up, table)
        elif looked_up is not None and isinstance(node.value, ast.Dict):
            self._choose(looked_up, [self.value(key) for key in node.value.keys if key is not None])
        self.generic_visit(node)

    def _choose(self, path: Path, choices: Iterable[Any]) -> None:
        uses = self.reader.uses(path)
        for choice in choices:
            if isinstance(choice, (str, int, float)) and choice not in uses.choices:
                uses.choices.append(choice)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            path, other = self.path(left), right
            if path is None:
                path, other = self.path(right), left
            if path is None:
                continue
            if isinstance(operator, (ast.In, ast.NotIn)) and other is left:
                if isinstance(left, ast.Constant) and isinstance(left.value, str):
                    self.reader.uses(path).note("mapping")
                continue
            known = self.value(other)
            if known is None:
                self.reader.uses(path).note("none")
            elif isinstance(known, (list, tuple, set, frozenset, dict)) and isinstance(operator, (ast.In, ast.NotIn)):
                self._choose(path, sorted(known) if isinstance(known, (set, frozenset)) and _sortable(known) else known)
            elif isinstance(known, str) and isinstance(operator, (ast.Eq, ast.NotEq)):
                self._choose(path, [known])
            elif isinstance(known, (int, float)) and not isinstance(known, bool):
                self.reader.uses(path).note("number")
        self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> None:
        path = self.path(node.subject)
        if path is not None:
            for case in node.cases:
                patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else [case.pattern]
                self._choose(path, [self.value(each.value) for each in patterns if isinstance(each, ast.MatchValue)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        arithmetic = isinstance(node.op, (ast.FloorDiv, ast.Mod, ast.Sub, ast.Div, ast.Pow))
        listed = any(isinstance(side, (ast.List, ast.Tuple, ast.ListComp)) for side in (node.left, node.right))
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
                continue
            if listed and isinstance(node.op, ast.Add) and not isinstance(side, (ast.List, ast.Tuple, ast.ListComp)):
                self.note(side, "sequence")
            elif arithmetic or (isinstance(node.op, ast.Mult) and not isinstance(other, (ast.List, ast.Tuple))):
                self.note(side, "number")
            elif isinstance(node.op, ast.Mult):
                self.note(side, "int")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        test = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
        if isinstance(test, (ast.Name, ast.Attribute)):
            self.note(test, "flag")
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self.note(node.value, "spread")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = dotted(node.func) or ""
        last = name.rpartition(".")[2]
        first = node.args[0] if node.args else None
        if last == "isinstance" and len(node.args) == 2:
            path, known = self.path(first), self.value(node.args[1])
            if isinstance(node.args[1], ast.Tuple):
                known = tuple(self.value(each) for each in node.args[1].elts)
            if path is not None:
                kinds = known if isinstance(known, tuple) else (known,)
                self.reader.uses(path).types += [kind for kind in kinds if isinstance(kind, type)]
        elif last == "range" and len(node.args) == 1:
            self.note(first, "int")
        elif last in SEQUENCE_CALLS:
            for each in node.args[1:] if last == "map" else node.args:
                self.note(each, "sequence")
        elif last == "callable":
            self.note(first, "factory")
        elif last == "from_numpy":
            self.note(first, "array")
        elif last in {"get", "pop"} and isinstance(node.func, ast.Attribute) and first is not None:
            base = self.path(node.func.value)
            if base is not None and isinstance(first, ast.Constant) and isinstance(first.value, str):
                default = self.value(node.args[1]) if len(node.args) > 1 else None
                self.reader.uses(base).keys.setdefault(first.value, default)
        elif last == "getattr" and len(node.args) > 1:
            self._getattr(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            self.note(node.func.value, METHODS[node.func.attr])
            for part in (*node.args, *node.keywords, node.func.value):
                self.visit(part)
            return
        called = self.path(node.func)
        if called is not None:
            self.reader.uses(called).note("factory" if self.constructing else "module")
        else:
            self._handed(node)
        self.generic_visit(node)

    def _getattr(self, node: ast.Call) -> None:
        base = self.path(node.args[0])
        key = node.args[1]
        if base is not None and isinstance(key, ast.Constant):
            default = self.value(node.args[2]) if len(node.args) > 2 else MISSING
            self.reader.uses(base).attributes.setdefault(str(key.value), default)
        chosen = self.path(key)
        if chosen is not None:
            owner = self.value(node.args[0])
            self.reader.uses(chosen).note("str")
            if owner is nn:
                self._choose(chosen, ["ReLU", "GELU"])
            elif owner is nn.functional or owner is torch:
                self._choose(chosen, ["relu", "gelu", "tanh"])

    def _handed(self, node: ast.Call) -> None:
        """Arguments that go on into another function or class."""
        given = [(index, each) for index, each in enumerate(node.args)]
        if not any(self.path(each) for each in [*node.args, *(keyword.value for keyword in node.keywords)]):
            return
        callee, owner = self._callee(node)
        parameters = [] if callee is None else self.reader.parameters(callee)
        if callee is None or not parameters:
            return
        if owner is not None and not isinstance(callee, type):
            parameters = parameters[1:]
        bound: dict[str, Path] = {}
        for index, each in given:
            path = self.path(each)
            if isinstance(each, ast.Starred) or path is None or index >= len(parameters):
                continue
            if parameters[index].kind is inspect.Parameter.VAR_POSITIONAL:
                break
            bound[parameters[index].name] = path
        for keyword in node.keywords:
            path = self.path(keyword.value)
            if keyword.arg is not None and path is not None:
                bound[keyword.arg] = path
        self._note_slots(callee, bound)
        self._follow(callee, owner, bound)

    def _callee(self, node: ast.Call) -> tuple[Any, type | None]:
        """The live function or class that is called; the class whose method it is where it takes ``self``."""
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
            if dotted(function.value.func) == "super" and self.owner is not None:
                return self._inherited(function.attr)
            return None, None
        name = dotted(function)
        if name is None:
            return None, None
        head, _, rest = name.partition(".")
        if head == self.self_name and self.owner is not None:
            member = getattr(self.owner, rest, None)
            return (member, self.owner) if plain_function(member) is not None else (None, None)
        found = self.locals.get(name, MISSING)
        if found is MISSING:
            found = meaning(name, self.function.__globals__)
        if found is MISSING or not callable(found):
            return None, None
        return found, None

    def _inherited(self, method: str) -> tuple[Any, type | None]:
        assert self.owner is not None
        for owner in self.owner.__mro__[1:]:
            if method in vars(owner) and owner is not nn.Module:
                return vars(owner)[method], owner
        return None, None

    def _note_slots(self, callee: Any, bound: dict[str, Path]) -> None:
        module = getattr(callee, "__module__", "") or ""
        own = module.startswith("torch.nn")
        for name, path in bound.items():
            role = _SLOTS.get(name) if own else None
            role = role or role_of(name)
            uses = self.reader.uses(path)
            if role is None:
                continue
            if own and isinstance(callee, type):
                if role not in uses.roles:
                    uses.roles.append(role)
                uses.note("flag" if role in {"on", "flag"} else "number")
            elif role not in uses.named and path[-1] != name:
                uses.named.append(role)

    def _follow(self, callee: Any, owner: type | None, bound: dict[str, Path]) -> None:
        module = getattr(callee, "__module__", "") or ""
        if not bound or module.partition(".")[0] == "torch" or self.reader.visited >= MOST_FUNCTIONS:
            return
        if isinstance(callee, type):
            found = own_init(callee)
            if found is not None and found[0] is not nn.Module and found[0].__module__.partition(".")[0] != "torch":
                self.reader.class_body(callee, found, bound, self.hops + 1)
            return
        function = plain_function(callee)
        if function is not None:
            held = self.held if owner is not None else {}
            self.reader.function(function, bound, held, owner, self.hops + 1, constructing=True)


def _sortable(values: Iterable[Any]) -> bool:
    kinds = {type(value) for value in values}
    return len(kinds) == 1 and kinds <= {str, int, float}
