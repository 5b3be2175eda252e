"""One Python file as discovery needs it: imports, classes with their methods, functions; bodies only where they say something."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..source_tree import dotted
from ..training_facts import ClassFacts, MethodFacts, Parameter

Function = ast.FunctionDef | ast.AsyncFunctionDef
Gives = Literal["", "loader", "dataset"]


class Unreadable(Exception):
    """A file that is no Python: the message says why, `line` where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class FunctionFacts:
    """One function at a module's top level.

    Attributes:
        name, line, parameters, returns, decorators, docstring: as `MethodFacts` has them.
        gives: whether it returns a data loader or a data set that it makes.
    """

    name: str
    line: int
    parameters: tuple[Parameter, ...] = ()
    returns: str | None = None
    decorators: tuple[str, ...] = ()
    gives: Gives = ""
    docstring: str = ""


@dataclass(frozen=True)
class Outline:
    """One file.

    Attributes:
        imports: local name, module as written (dots of a relative import in front), the name in it ("" for the module).
        stars: modules imported with ``*``, as written.
        aliases: local name and the dotted name that it was assigned from.
        classes: at the top level; their `module` and `file` are "" and their bases as written, subscripts dropped.
        functions: at the top level.
        loaders: names at the top level that a call of DataLoader is assigned to, with the line.
        future_annotations: it postpones its annotations.
    """

    imports: tuple[tuple[str, str, str], ...] = ()
    stars: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    functions: tuple[FunctionFacts, ...] = ()
    loaders: tuple[tuple[str, int], ...] = ()
    future_annotations: bool = False


def parse(data: bytes) -> tuple[ast.Module, bytes]:
    """The syntax tree of a file and its text as UTF-8, the form that the tree's columns count in.

    Raises:
        Unreadable: it is no Python, or in another encoding than it says.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.removeprefix(b"\xef\xbb\xbf")
        if encoding not in ("utf-8", "utf-8-sig"):
            text = data.decode(encoding).encode("utf-8")
        with warnings.catch_warnings():  # of the user's code (an invalid escape): theirs, and not asked for here
            warnings.simplefilter("ignore")
            return ast.parse(data), text
    except SyntaxError as problem:
        raise Unreadable(f"syntax error: {problem.msg}", problem.lineno or 1) from None
    except (ValueError, LookupError) as problem:  # null bytes, an encoding that does not exist or does not fit
        raise Unreadable(str(problem), 1) from None
    except (RecursionError, MemoryError):
        raise Unreadable("nested too deeply to be parsed", 1) from None


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, those below ``if``, ``try`` and ``with`` included."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            yield from top_level(statement.body)
            for handler in getattr(statement, "handlers", []):
                yield from top_level(handler.body)
            yield from top_level(getattr(statement, "orelse", []))
            yield from top_level(getattr(statement, "finalbody", []))


def outline(data: bytes) -> Outline:
    """The outline of one file.

    Raises:
        Unreadable: see `parse`.
    """
    tree, text = parse(data)
    return _Reader(text).read(tree)


class Excerpts:
    """Source text of syntax nodes, line breaks within it as blanks."""

    def __init__(self, text: bytes) -> None:
        self._lines = text.split(b"\n")

    def of(self, node: ast.expr | ast.stmt) -> str:
        """The text of `node`."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        if first == last:
            return self._lines[first][node.col_offset : node.end_col_offset].decode("utf-8", "replace")
        parts = [
            self._lines[first][node.col_offset :],
            *self._lines[first + 1 : last],
            self._lines[last][: node.end_col_offset],
        ]
        return " ".join(b" ".join(parts).decode("utf-8", "replace").split())


def parameters_of(node: Function, excerpts: Excerpts, *, bound: bool) -> tuple[Parameter, ...]:
    """The parameters of a function, without the first where it is bound to an object or a class."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults

    def made(
        each: ast.arg, kind: Literal["positional", "keyword", "args", "kwargs"], default: ast.expr | None
    ) -> Parameter:
        annotation = excerpts.of(each.annotation) if each.annotation is not None else None
        return Parameter(each.arg, kind, annotation, excerpts.of(default) if default is not None else None)

    found = [made(each, "positional", default) for each, default in zip(positional, defaults, strict=True)]
    if bound:
        found = found[1:]
    if arguments.vararg is not None:
        found.append(made(arguments.vararg, "args", None))
    found += [
        made(each, "keyword", default)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg is not None:
        found.append(made(arguments.kwarg, "kwargs", None))
    return tuple(found)


class _Reader:
    """Turns the tree of one file into its outline."""

    def __init__(self, text: bytes) -> None:
        self._excerpts = Excerpts(text)
        self._has_loaders = b"DataLoader" in text or b"Dataset" in text

    def read(self, tree: ast.Module) -> Outline:
        imports: list[tuple[str, str, str]] = []
        stars: list[str] = []
        aliases: list[tuple[str, str]] = []
        classes: dict[str, ClassFacts] = {}  # the last of a name wins, as at import
        functions: dict[str, FunctionFacts] = {}
        loaders: list[tuple[str, int]] = []
        future = False
        for statement in top_level(tree.body):
            if isinstance(statement, ast.ClassDef):
                classes[statement.name] = self._class(statement)
            elif isinstance(statement, Function):
                functions[statement.name] = self._function(statement)
            elif isinstance(statement, ast.Import):
                for each in statement.names:
                    head = each.name.partition(".")[0]
                    imports.append((each.asname or head, each.name if each.asname else head, ""))
            elif isinstance(statement, ast.ImportFrom):
                origin = "." * statement.level + (statement.module or "")
                future = future or (origin == "__future__" and any(it.name == "annotations" for it in statement.names))
                stars += [origin for each in statement.names if each.name == "*"]
                imports += [
                    (each.asname or each.name, origin, each.name) for each in statement.names if each.name != "*"
                ]
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                source = dotted(statement.value)
                if source is not None:
                    aliases += [(name, source) for name in names]
                elif _made(statement.value) == "loader":
                    loaders += [(name, statement.lineno) for name in names]
        return Outline(
            tuple(imports),
            tuple(stars),
            tuple(aliases),
            tuple(classes.values()),
            tuple(functions.values()),
            tuple(loaders),
            future,
        )

    def _class(self, node: ast.ClassDef) -> ClassFacts:
        methods: dict[str, MethodFacts] = {}
        attributes: dict[str, str] = {}
        before: tuple[str, ...] = ()
        for statement in top_level(node.body):
            if isinstance(statement, Function):
                decorators = tuple(self._excerpts.of(each) for each in statement.decorator_list)
                if any(each.endswith((".setter", ".deleter")) for each in decorators):
                    continue
                methods[statement.name] = self._method(statement, decorators)
                if statement.name == "__init__":
                    before = _before_super(statement)
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                attributes[statement.target.id] = self._excerpts.of(statement.value) if statement.value else ""
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        attributes[target.id] = self._excerpts.of(statement.value)
        return ClassFacts(
            node.name,
            "",
            "",
            node.lineno,
            tuple(dotted(each) or self._excerpts.of(each) for each in node.bases),
            tuple(self._excerpts.of(each) for each in node.decorator_list),
            tuple(methods.values()),
            tuple(attributes.items()),
            ast.get_docstring(node) or "",
            before,
        )

    def _method(self, node: Function, decorators: tuple[str, ...]) -> MethodFacts:
        return MethodFacts(
            node.name,
            node.lineno,
            parameters_of(node, self._excerpts, bound="staticmethod" not in decorators),
            self._excerpts.of(node.returns) if node.returns is not None else None,
            _body(node, decorators),
            decorators,
            ast.get_docstring(node) or "",
        )

    def _function(self, node: Function) -> FunctionFacts:
        returns = self._excerpts.of(node.returns) if node.returns is not None else None
        gives: Gives = ""
        if self._has_loaders:
            if returns is not None and ("DataLoader" in returns or "Dataset" in returns):
                gives = "loader" if "DataLoader" in returns else "dataset"
            elif returns is None or returns != "None":
                gives = _returned(node)
        return FunctionFacts(
            node.name,
            node.lineno,
            parameters_of(node, self._excerpts, bound=False),
            returns,
            tuple(self._excerpts.of(each) for each in node.decorator_list),
            gives,
            ast.get_docstring(node) or "",
        )


def _body(node: Function, decorators: tuple[str, ...]) -> Literal["abstract", "raises", "empty", "given"]:
    if any(each.rpartition(".")[2].startswith("abstract") for each in decorators):
        return "abstract"
    rest = [
        statement
        for statement in node.body
        if not isinstance(statement, ast.Pass)
        and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    if not rest:
        return "empty"
    if len(rest) == 1 and isinstance(rest[0], ast.Raise) and rest[0].exc is not None:
        raised = rest[0].exc.func if isinstance(rest[0].exc, ast.Call) else rest[0].exc
        if dotted(raised) == "NotImplementedError":
            return "raises"
    return "given"


def _before_super(node: Function) -> tuple[str, ...]:
    """Attributes that ``__init__`` sets on self before it calls the base's; () where it never calls it."""
    found: dict[str, None] = {}
    for statement in top_level(node.body):
        if isinstance(statement, ast.Expr) and _calls_base_init(statement.value):
            return tuple(found)
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                for each in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                    if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self":
                        found[each.attr] = None
    return ()


def _calls_base_init(node: ast.expr) -> bool:
    """``super().__init__(...)`` or ``Base.__init__(self, ...)``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__"


def _made(node: ast.expr) -> Gives:
    """What a call makes, by the name of what is called."""
    if not isinstance(node, ast.Call):
        return ""
    name = (dotted(node.func) or "").rpartition(".")[2]
    return "loader" if name.endswith("DataLoader") else "dataset" if name.endswith("Dataset") else ""


def _returned(node: Function) -> Gives:
    """What a function returns, directly or through names that it assigns to."""
    made: dict[str, Gives] = {}
    best: Gives = ""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign) and (kind := _made(inner.value)):
            made |= {target.id: kind for target in inner.targets if isinstance(target, ast.Name)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Return) and inner.value is not None:
            for each in inner.value.elts if isinstance(inner.value, ast.Tuple) else [inner.value]:
                kind = made.get(each.id, "") if isinstance(each, ast.Name) else _made(each)
                best = kind if kind == "loader" or not best else best
    return best
