"""The project's files as a registry sees them: parsed, their names resolved, and drafts of those that are edited."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from ..errors import Conflict
from ..inspection.module_names import module_name
from .draft import Draft
from .imports import spell_module
from .joining import Sibling
from .source import Source

Read = Callable[[str], bytes]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def root_of(sibling: Sibling) -> str | None:
    """The folder that a sibling's module name starts from; None where the file is somewhere else."""
    stem = PurePosixPath(sibling.file).with_suffix("").as_posix().removesuffix("/__init__")
    path = sibling.module.replace(".", "/")
    if stem == path:
        return ""
    return stem[: -len(path) - 1] if stem.endswith("/" + path) else None


def same_module(spelled: str, module: str) -> bool:
    """Whether `spelled` can mean `module`: itself, its end (another root), or a package above that re-exports."""
    spelled = spelled.lstrip(".")
    return not spelled or module == spelled or module.startswith(spelled + ".") or module.endswith("." + spelled)


class CodeFile:
    """One parsed file.

    Args:
        source: its text and tree.
        module: the dotted name that it is imported by.
    """

    def __init__(self, source: Source, module: str) -> None:
        self.source = source
        self.path = source.path
        self.module = module
        self.tree = source.tree

    @property
    def package(self) -> str:
        """What a relative import with one dot starts from."""
        return self.module if PurePosixPath(self.path).name == "__init__.py" else self.module.rpartition(".")[0]

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that a from-import names, without leading dots."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".") if self.package else []
        return ".".join([*parts[: len(parts) - node.level + 1], *(node.module.split(".") if node.module else ())])

    @cached_property
    def names(self) -> dict[str, str]:
        """Every name that an import, class or function of the file binds -> ``module:Name``, or ``module:`` for a module."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{self.absolute(node)}:{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname:
                        found[alias.asname] = f"{alias.name}:"
                    else:
                        found.setdefault(alias.name.partition(".")[0], alias.name.partition(".")[0] + ":")
        for statement in self.tree.body:
            if isinstance(statement, ast.ClassDef | Function):
                found[statement.name] = f"{self.module}:{statement.name}"
        return found

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Every node's parent."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def resolve(self, node: ast.expr) -> str | None:
        """What a name or a chain of attributes stands for, as ``module:dotted.name``; None where nothing binds it."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            value = self.resolve(node.value)
            return None if value is None else value + node.attr if value.endswith(":") else f"{value}.{node.attr}"
        return None

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes that hold `node`, the nearest first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds `node`, or is it."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements among which one stands."""
        parent = self.parents[statement]
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and statement in value:
                return value
        return [statement]

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function that holds `node`."""
        return next((each for each in self.above(node) if isinstance(each, Function)), None)

    def qualified(self, node: ast.AST) -> str:
        """The dotted name of a function or class within its module (``BaseTrainer.create``)."""
        names = [each.name for each in (node, *self.above(node)) if isinstance(each, Function | ast.ClassDef)]
        return ".".join(reversed(names))

    def text(self, node: ast.stmt | ast.expr) -> str:
        """A node's own source."""
        return self.source.data[self.source.start(node) : self.source.end(node)].decode("utf-8-sig")


class ProjectCode:
    """The files that may list trainers, and the drafts of those that are edited.

    Args:
        read: the bytes of a path now.
        files: paths to look at, relative.
        siblings: the trainers that exist.
        roots: folders that import names start from.
    """

    def __init__(self, read: Read, files: Sequence[str], siblings: Sequence[Sibling], roots: Sequence[str]) -> None:
        self.read = read
        self.roots = tuple(
            dict.fromkeys([*roots, *(root for each in siblings if (root := root_of(each)) is not None), ""])
        )
        self.siblings = tuple(siblings)
        self.paths = tuple(dict.fromkeys(files))
        self.unreadable: dict[str, Conflict] = {}
        self.drafts: dict[str, Draft] = {}
        self._parsed: dict[str, CodeFile | None] = {}

    @cached_property
    def files(self) -> tuple[CodeFile, ...]:
        """Every Python file that parses, tests left out, in the order given."""
        python = [path for path in self.paths if path.endswith(".py") and not _is_test(path)]
        return tuple(file for path in python if (file := self.file(path)) is not None)

    def file(self, path: str) -> CodeFile | None:
        """One file as it is on disk; None where there is none, or it does not parse."""
        if path not in self._parsed:
            self._parsed[path] = None
            data = self.bytes_of(path)
            if data is not None:
                try:
                    self._parsed[path] = CodeFile(Source(data, path), module_name(path, self.roots))
                except Conflict as problem:
                    self.unreadable[path] = problem
        return self._parsed[path]

    def bytes_of(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        try:
            return self.read(path)
        except (OSError, KeyError):
            return None

    def of_module(self, module: str) -> CodeFile | None:
        """The file that a dotted name is imported from."""
        path = PurePosixPath(*module.split("."))
        for root in self.roots:
            for candidate in (path / "__init__.py", path.with_suffix(".py")):  # a package hides a module
                found = self.file((PurePosixPath(root) / candidate).as_posix())
                if found is not None:
                    return found
        return None

    def draft(self, path: str) -> Draft:
        """The file as edited so far."""
        if path not in self.drafts:
            self.drafts[path] = Draft(self.read(path), path)
        return self.drafts[path]

    def current(self, path: str) -> CodeFile:
        """The file as edited so far, parsed.

        Raises:
            Conflict: it does not parse.
        """
        return CodeFile(Source(self.draft(path).data, path), module_name(path, self.roots))

    def sibling_named(self, origin: str) -> Sibling | None:
        """The sibling that ``module:Name`` is, also where a package above its module re-exports it."""
        module, _, dotted = origin.partition(":")
        inner, _, name = dotted.rpartition(".")  # a module imported from its package: trainers:linear.LinearTrainer
        module = f"{module}.{inner}" if inner and module else inner or module
        found = [each for each in self.siblings if each.name == name]
        exact = [each for each in found if each.module == module]
        return next(iter(exact or [each for each in found if same_module(module, each.module)]), None)

    def sibling_in_text(self, text: str) -> Sibling | None:
        """The sibling that ``module:Class``, ``module.Class`` or ``Class`` names."""
        module, _, name = text.rpartition(":") if ":" in text else text.rpartition(".")
        return self.sibling_named(f"{module.strip().lstrip('.')}:{name.strip()}")

    def sibling_at(self, file: CodeFile, node: ast.AST, *, texts: bool = True) -> Sibling | None:
        """The sibling that an expression is or holds: its class, a call or a partial of it, a lambda, its name as text."""
        for each in ast.walk(node):
            found = None
            if isinstance(each, ast.Name | ast.Attribute):
                origin = file.resolve(each)
                found = self.sibling_named(origin) if origin else None
                if found is None and isinstance(each, ast.Name) and origin is None:
                    found = self.sibling_named(f":{each.id}")
            elif texts and isinstance(each, ast.Constant) and isinstance(each.value, str):
                found = self.sibling_in_text(each.value)
            if found is not None:
                return found
        return None

    def sibling_of_module(self, text: str) -> Sibling | None:
        """The sibling whose module a text names, where no other trainer stands in that module."""
        bare = text.lstrip(".")
        found = [each for each in self.siblings if bare and (each.module == bare or each.module.endswith("." + bare))]
        return found[0] if len(found) == 1 else None

    def defined_in(self, file: CodeFile) -> tuple[Sibling, ...]:
        """The siblings whose classes stand in a file."""
        classes = {node.name for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)}
        return tuple(each for each in self.siblings if each.file == file.path and each.name in classes)


def _is_test(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return any(part in ("tests", "test") for part in parts[:-1]) or parts[-1].startswith(("test_", "conftest"))


def import_text(node: ast.ImportFrom | ast.Import) -> str:
    """The first module of an import as written."""
    return spell_module(node) if isinstance(node, ast.ImportFrom) else node.names[0].name
