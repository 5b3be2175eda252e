"""One parsed Python file: its tree and what its top level binds, which is all that names are resolved by."""

from __future__ import annotations

import ast
import io
import warnings
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Scope(NamedTuple):
    """Where a node sits: the class and the function around it, innermost first; None at the top level."""

    owner: ast.ClassDef | None
    function: Function | None


TOP = Scope(None, None)


class Source:
    """A file's tree, and the names that its top level binds (``if TYPE_CHECKING:`` and ``try:`` bodies included).

    Args:
        text: the file's content.
        path: relative to the project root where there is one, with forward slashes.

    Attributes:
        module: the dotted name that the file is imported by (``train.digits_net_trainer``).
        imports: local name -> dotted name it stands for.
        stars: modules imported with ``*``.
        top_imports: the import statements directly at the top level, in order.
        classes, functions: what the top level defines, by name.
        assigned: top-level name -> the value last assigned to it.

    Raises:
        SyntaxError: the text is not Python.
    """

    __slots__ = (
        "assigned",
        "classes",
        "functions",
        "imports",
        "lines",
        "module",
        "package",
        "path",
        "stars",
        "text",
        "top_imports",
        "tree",
    )

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path.replace("\\", "/")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that Python frowns on is the linter's affair
            self.tree = ast.parse(text, self.path)
        self.lines = [line.rstrip("\r\n") for line in split_lines(text)]
        self.module, self.package = module_of(self.path)
        self.imports: dict[str, str] = {}
        self.stars: list[str] = []
        self.classes: dict[str, ast.ClassDef] = {}
        self.functions: dict[str, Function] = {}
        self.assigned: dict[str, ast.expr] = {}
        self.top_imports = [node for node in self.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        for statement in _top_level(self.tree.body):
            self._bind(statement)

    def _bind(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                bound = alias.asname or alias.name.partition(".")[0]
                self.imports[bound] = alias.name if alias.asname else bound
        elif isinstance(statement, ast.ImportFrom):
            origin = self.absolute(statement)
            for alias in statement.names:
                if alias.name == "*":
                    self.stars.append(origin)
                else:
                    self.imports[alias.asname or alias.name] = f"{origin}.{alias.name}".lstrip(".")
        elif isinstance(statement, ast.ClassDef):
            self.classes[statement.name] = statement
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.functions[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    self.assigned[target.id] = statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            self.assigned[statement.target.id] = statement.value

    def absolute(self, statement: ast.ImportFrom) -> str:
        """The dotted module that a ``from`` import names, its leading dots resolved against this file's package."""
        if not statement.level:
            return statement.module or ""
        parts = self.package.split(".") if self.package else []
        kept = parts[: len(parts) - (statement.level - 1)]
        return ".".join([*kept, *([statement.module] if statement.module else [])])

    def dotted(self, expression: ast.expr) -> str | None:
        """The dotted name that a name or attribute chain stands for; None for anything else, and for ``self.x``.

        A name of this file's own top level is prefixed with the module; an unbound name (a builtin) stands alone.
        """
        attributes: list[str] = []
        while isinstance(expression, ast.Attribute):
            attributes.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name) or expression.id in ("self", "cls"):
            return None
        name = expression.id
        if name in self.imports:
            head = self.imports[name]
        elif name in self.classes or name in self.functions or name in self.assigned:
            head = f"{self.module}.{name}" if self.module else name
        else:
            head = name
        return ".".join([head, *reversed(attributes)])

    def columns(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> tuple[int, int]:
        """First column of `node` and one past its last on its first line, 1-based, in characters (ast counts bytes)."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        encoded = line.encode()
        start = len(encoded[: node.col_offset].decode(errors="replace"))
        stop = len(line.rstrip())
        if node.end_lineno == node.lineno and node.end_col_offset is not None:
            stop = len(encoded[: node.end_col_offset].decode(errors="replace"))
        return start + 1, max(stop, start + 1) + 1


def split_lines(text: str) -> list[str]:
    """The lines as Python counts them, with their ends: a form feed or a Unicode separator ends none."""
    return list(io.StringIO(text, newline=""))


def module_of(path: str) -> tuple[str, str]:
    """Module and package that a relative path is imported by: ``src/`` is not part of either."""
    parts = [part for part in path.removesuffix(".py").split("/") if part not in ("", ".")]
    if parts and parts[0] == "src":
        parts = parts[1:]
    if parts and parts[-1] == "__init__":
        package = ".".join(parts[:-1])
        return package, package
    return ".".join(parts), ".".join(parts[:-1])


def is_of_tests(source: Source) -> bool:
    """Whether a file is one of tests: it is called so (``test_x.py``, ``x_test.py``) and holds test functions."""
    name = source.path.rpartition("/")[2]
    if not (name.startswith("test_") or name.endswith("_test.py")):
        return False
    functions = [*source.functions.values(), *(each for owner in source.classes.values() for each in methods(owner))]
    return any(each.name.startswith("test_") for each in functions)


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            yield from _top_level(statement.body)
            yield from _top_level(statement.orelse)
        elif isinstance(statement, ast.Try):
            yield from _top_level(statement.body)
            for handler in statement.handlers:
                yield from _top_level(handler.body)


def live_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Nodes of `body` that can run when it does.

    Nothing after a return or raise, nothing below ``if False:``, no bodies of nested functions or classes.
    """
    for statement in body:
        yield from _live(statement)
        if isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
            return


def _live(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    never = isinstance(node, ast.If) and isinstance(node.test, ast.Constant) and not node.test.value
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            if value and isinstance(value[0], ast.stmt):
                if not (never and name == "body"):
                    yield from live_nodes(value)
            else:
                for item in value:
                    if isinstance(item, ast.AST):
                        yield from _live(item)
        elif isinstance(value, ast.AST):
            yield from _live(value)


def methods(owner: ast.ClassDef) -> Iterator[Function]:
    """The functions that a class body defines itself."""
    for statement in owner.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield statement


def is_public(function: Function) -> bool:
    """Whether a method is part of the class's face: no leading underscore."""
    return not function.name.startswith("_")


def own_attribute(node: ast.expr) -> str | None:
    """``name`` for ``self.name`` or ``cls.name``, else None."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        return node.attr
    return None


def super_method(call: ast.Call) -> str | None:
    """``name`` for ``super().name(...)``, else None."""
    target = call.func
    if (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Call)
        and isinstance(target.value.func, ast.Name)
        and target.value.func.id == "super"
    ):
        return target.attr
    return None
