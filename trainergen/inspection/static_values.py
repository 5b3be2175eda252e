"""What an expression of the project's source comes to, as plain data, without running anything.

Literals, constants of the same or another module of the project, defaults of ``argparse`` options, fields of config classes,
entries of dictionaries that are written out or loaded from a file that can be read here, and arithmetic on those.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .config_values import read_config
from .expressions import CALL, REF, TUPLE, Value, call, is_tagged, items_of, reference, tuple_of
from .source_tree import Definition, Module, SourceTree, dotted

UNKNOWN: Value = object()
"""What `Scope.value` gives for what can't be known without running it."""

MOST_STEPS = 120
"""Expressions looked at for one value; a value that takes more is computed, not written."""

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_LOADERS = frozenset({"load", "safe_load", "full_load", "loads", "unsafe_load"})


class Scope:
    """One file of the project, and the function in it whose local names count too.

    Args:
        module: the parsed file.
        tree: finds the project's other modules.
        function: the function (or None) that the expressions stand in.
    """

    def __init__(
        self, module: Module, tree: SourceTree, function: ast.FunctionDef | ast.AsyncFunctionDef | None
    ) -> None:
        self.module = module
        self.tree = tree
        self.assigned = _assigned(module.tree.body)
        self.local = _assigned(function.body) if function is not None else {}
        self.defaults = _parameter_defaults(function) if function is not None else {}
        self.options = _options(module.tree)
        self.steps = 0

    def fresh(self, node: ast.expr) -> Value:
        """The value, or `UNKNOWN`: counted from the start."""
        self.steps = 0
        return self.value(node)

    def value(self, node: ast.expr) -> Value:
        """The value, or `UNKNOWN`, as part of what is being counted."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, (bool, int, float, str, type(None))) else UNKNOWN
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return self._sequence(node)
        if isinstance(node, ast.Dict):
            return self._mapping(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return UNKNOWN

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        items = [self.value(each) for each in node.elts]
        if any(each is UNKNOWN for each in items):
            return UNKNOWN
        return tuple_of(items) if isinstance(node, ast.Tuple) else items

    def _mapping(self, node: ast.Dict) -> Value:
        found: dict[str, Value] = {}
        for key, each in zip(node.keys, node.values, strict=True):
            value = self.value(each)
            if key is None:
                if not isinstance(value, dict):
                    return UNKNOWN
                found |= value
            elif isinstance(key, ast.Constant) and isinstance(key.value, str):
                found[key.value] = value
            else:
                return UNKNOWN
        return found

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not) and isinstance(value, bool):
            return not value
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value
        return UNKNOWN

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        operate = _OPERATORS.get(type(node.op))
        if operate is None or not all(isinstance(each, (int, float, list)) for each in (left, right)):
            return UNKNOWN
        if isinstance(node.op, ast.Pow) and isinstance(right, (int, float)) and abs(right) > 64:
            return UNKNOWN
        try:
            value = operate(left, right)
        except (TypeError, ArithmeticError):
            return UNKNOWN
        return value if not isinstance(value, list) or len(value) < 1000 else UNKNOWN

    def _name(self, name: str) -> Value:
        for names in (self.local, self.assigned):
            if name in names:
                source = names[name]
                return self.value(source) if source is not None else UNKNOWN
        if name in self.defaults:
            return self.value(self.defaults[name])
        if name in self.module.defined:
            return self._own(name, self.module)
        if name in self.module.imported:
            origin, inner = self.module.imported[name]
            return self._imported(origin, inner)
        return UNKNOWN

    def _imported(self, origin: str, inner: str | None) -> Value:
        if inner is None:
            return UNKNOWN
        other = self.tree.module(origin)
        if other is None:
            return _foreign(origin, inner)
        if inner in other.defined:
            return self._own(inner, other)
        if inner in other.assigned:
            scope = Scope(other, self.tree, None)
            scope.steps = self.steps
            return scope._name(inner)
        return _foreign(origin, inner)

    def _own(self, name: str, module: Module) -> Value:
        """A class or function of the project, by the name that it is imported by."""
        return reference(f"{module.name}:{name}") if module.name else UNKNOWN

    def _attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Name) and node.attr in self.options and self._is_parsed(node.value.id):
            return self.value(self.options[node.attr])
        name = dotted(node)
        if name is not None:
            head, _, rest = name.partition(".")
            bound = head in self.local or head in self.assigned or head in self.defaults
            if not bound and head in self.module.imported:
                return self._through_import(head, rest)
        owner = self.value(node.value)
        if owner is UNKNOWN:
            return UNKNOWN
        if is_tagged(owner, CALL):
            kept = owner.get("kwargs", {})
            return kept[node.attr] if node.attr in kept else self._field(owner[CALL], node.attr)
        if is_tagged(owner, REF):
            return self._field(owner[REF], node.attr)
        return owner.get(node.attr, UNKNOWN) if isinstance(owner, dict) else UNKNOWN

    def _through_import(self, head: str, rest: str) -> Value:
        """``nn.ReLU``, ``config.DIM``: the module that the name leads to, then a name in it."""
        origin, inner = self.module.imported[head]
        module = ".".join(part for part in (origin, inner) if part)
        parts = rest.split(".")
        other = self.tree.module(".".join([module, *parts[:-1]]))
        if other is not None and other.file.is_relative_to(self.tree.root):
            scope = Scope(other, self.tree, None)
            scope.steps = self.steps
            return scope._name(parts[-1])
        if inner is not None and (found := self._imported(origin, inner)) is not UNKNOWN and is_tagged(found, REF):
            field = self._field(found[REF], rest)
            if field is not UNKNOWN:
                return field
            if self.tree.module(origin) is not None and self.tree.module(module) is None and origin != "torch":
                return reference(f"{found[REF]}.{rest}")
        return _foreign(".".join([module, *parts[:-1]]), parts[-1])

    def _field(self, target: str, name: str) -> Value:
        """What a class of the project sets for an attribute in its body: the default of a config's field."""
        module_name, _, class_name = target.partition(":")
        module = self.module if module_name == self.module.name else self.tree.module(module_name)
        definition = module.defined.get(class_name) if module is not None else None
        if module is None or not isinstance(definition, ast.ClassDef) or not module.file.is_relative_to(self.tree.root):
            return UNKNOWN
        fields = _assigned(definition.body)
        if fields.get(name) is None:
            return UNKNOWN
        scope = Scope(module, self.tree, None)
        scope.steps = self.steps
        default = fields[name]
        assert default is not None
        value = scope.value(default)
        return reference(f"{target}.{name}") if _is_member(definition) else value

    def _subscript(self, node: ast.Subscript) -> Value:
        owner, key = self.value(node.value), self.value(node.slice)
        items = items_of(owner) if owner is not UNKNOWN else None
        if items is not None and isinstance(key, int) and -len(items) <= key < len(items):
            return items[key]
        return owner.get(key, UNKNOWN) if isinstance(owner, dict) and isinstance(key, str) else UNKNOWN

    def _call(self, node: ast.Call) -> Value:
        name = dotted(node.func) or ""
        last = name.rpartition(".")[2]
        if last in _LOADERS and node.args:
            return self._loaded(node)
        if isinstance(node.func, ast.Attribute) and last in {"get", "getint", "getfloat", "getboolean"} and node.args:
            return self._got(node)
        given = [self.value(each) for each in node.args]
        keywords = {each.arg: self.value(each.value) for each in node.keywords if each.arg is not None}
        if any(each.arg is None for each in node.keywords) or UNKNOWN in given or UNKNOWN in keywords.values():
            return UNKNOWN
        if (
            name in {"int", "float", "list", "tuple", "len", "dict", "max", "min", "sum", "round"}
            and name not in self.module.defined
        ):
            return _builtin(name, given, keywords)
        target = self.value(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else UNKNOWN
        if target is not UNKNOWN and is_tagged(target, REF):
            return call(target[REF], given, keywords)
        return UNKNOWN

    def _loaded(self, node: ast.Call) -> Value:
        """``yaml.safe_load(open("config.yaml"))`` and its like: the file, where one of the project's is named in it."""
        named: list[Any] = [
            each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in {**self.local, **self.assigned}:
                source = self.local.get(part.id) or self.assigned.get(part.id)
                named += (
                    [each.value for each in ast.walk(source) if isinstance(each, ast.Constant)]
                    if source is not None
                    else []
                )
            elif isinstance(part, ast.Name):
                named += self._opened_as(part.id)
        for text in named:
            if isinstance(text, str) and Path(text).suffix in {".yaml", ".yml", ".json", ".toml"}:
                for folder in (self.tree.root, self.module.file.parent):
                    found = read_config(folder / text)
                    if found:
                        return found
        return UNKNOWN

    def _opened_as(self, name: str) -> list[str]:
        """The file names in ``with open("config.yaml") as name``."""
        return [
            each.value
            for statement in ast.walk(self.module.tree)
            if isinstance(statement, ast.With)
            for item in statement.items
            if isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name
            for each in ast.walk(item.context_expr)
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]

    def _got(self, node: ast.Call) -> Value:
        """``config.get("dim", 32)``: of a known mapping."""
        assert isinstance(node.func, ast.Attribute)
        owner, key = self.value(node.func.value), self.value(node.args[0])
        if not isinstance(owner, dict) or not isinstance(key, str):
            return UNKNOWN
        if key in owner:
            return owner[key]
        return self.value(node.args[1]) if len(node.args) > 1 else None

    def _is_parsed(self, name: str) -> bool:
        """Whether a name is what ``parse_args()`` gave, as far as the file tells."""
        for names in (self.local, self.assigned):
            source = names.get(name)
            if source is not None:
                return any(
                    isinstance(each, ast.Attribute) and each.attr.startswith("parse") for each in ast.walk(source)
                )
        return name in {"args", "opt", "opts", "flags", "FLAGS", "hparams", "params", "cfg", "config"}


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr | None]:
    """Names that a body assigns; None where it does so twice or in a way that is not one value."""
    found: dict[str, ast.expr | None] = {}
    for statement in _flat(body):
        if isinstance(statement, ast.Assign) and all(isinstance(each, ast.Name) for each in statement.targets):
            for target in statement.targets:
                assert isinstance(target, ast.Name)
                found[target.id] = None if target.id in found else statement.value
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                _unpack(target, statement.value, found)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            found[statement.target.id] = None if statement.target.id in found else statement.value
        elif isinstance(statement, (ast.AugAssign, ast.For)) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = None
    return found


def _unpack(target: ast.expr, value: ast.expr, found: dict[str, ast.expr | None]) -> None:
    if isinstance(target, ast.Tuple):
        values = (
            value.elts
            if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
            else [None] * len(target.elts)
        )
        for each, part in zip(target.elts, values, strict=True):
            if isinstance(each, ast.Name):
                found[each.id] = None if each.id in found else part


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of a body and of the blocks in it, without those of functions and classes."""
    found: list[ast.stmt] = []
    for statement in body:
        found.append(statement)
        if not isinstance(statement, Definition):
            for part in ("body", "orelse", "finalbody"):
                found += _flat(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                found += _flat(handler.body)
    return found


def _parameter_defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    positional = [*function.args.posonlyargs, *function.args.args]
    pairs = zip(positional[len(positional) - len(function.args.defaults) :], function.args.defaults, strict=True)
    found = {each.arg: default for each, default in pairs}
    for each, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None:
            found[each.arg] = default
    return found


def _options(tree: ast.Module) -> dict[str, ast.expr]:
    """Defaults of the file's ``argparse`` options, by the attribute that holds them."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or node.func.attr != "add_argument"
        ):
            continue
        names = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        keywords: Mapping[str | None, ast.expr] = {each.arg: each.value for each in node.keywords}
        long = next((name for name in names if name.startswith("--")), names[0] if names else "")
        chosen = keywords.get("dest")
        name = str(chosen.value) if isinstance(chosen, ast.Constant) else long.lstrip("-").replace("-", "_")
        action = keywords.get("action")
        if "default" in keywords:
            found[name] = keywords["default"]
        elif isinstance(action, ast.Constant) and action.value in {"store_true", "store_false"}:
            found[name] = ast.Constant(action.value == "store_false")
    return found


def _is_member(definition: ast.ClassDef) -> bool:
    """Whether a class is an enumeration: its attributes are members, not fields."""
    return any(
        (dotted(base) or "").rpartition(".")[2] in {"Enum", "IntEnum", "StrEnum", "Flag"} for base in definition.bases
    )


def _foreign(module: str, name: str) -> Value:
    """A name of a module that is not the project's: a class, or a function of torch's; a value only running tells."""
    return reference(f"{module}:{name}") if name[:1].isupper() or module.partition(".")[0] == "torch" else UNKNOWN


def _builtin(name: str, given: list[Value], keywords: dict[str, Value]) -> Value:
    if any(is_tagged(each, tag) for each in given for tag in (REF, CALL)):
        return UNKNOWN
    plain: list[Any] = [items_of(each) if is_tagged(each, TUPLE) else each for each in given]
    functions: dict[str, Callable[..., Any]] = {
        "int": int,
        "float": float,
        "len": len,
        "max": max,
        "min": min,
        "sum": sum,
        "round": round,
        "dict": dict,
        "list": list,
        "tuple": lambda *items: tuple_of(list(*items)),
    }
    try:
        return functions[name](*plain, **keywords)
    except (TypeError, ValueError):
        return UNKNOWN
