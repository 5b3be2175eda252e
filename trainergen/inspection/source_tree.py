"""Python source found and followed without running it: modules on a search path, names through imports."""

from __future__ import annotations

import ast
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserCodeFailed

MAX_HOPS = 40
"""How many imports a name is followed through before it counts as unresolved (real re-exports need three or four)."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One parsed file.

    Attributes:
        name: dotted import name.
        file: absolute path.
        is_package: the file is an ``__init__.py``.
        tree, text: its syntax tree and its text.
        defined: top-level classes and functions (also below ``if`` and ``try``), the last of a name wins.
        imported: local name -> (module, name in it or None for the module itself).
        aliases: local name -> the dotted name it was assigned from (``Net = DigitsNet``).
        assigned: every other top-level name that is assigned.
        stars: modules imported with ``*``.
    """

    name: str
    file: Path
    is_package: bool
    tree: ast.Module
    text: str
    defined: dict[str, Definition] = field(default_factory=dict)
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    assigned: dict[str, int] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """A definition and the module that holds it."""

    node: Definition
    module: Module


def parse_file(file: Path, name: str, shown: str) -> Module:
    """The module in `file`.

    Args:
        file: absolute path.
        name: the import name it is given.
        shown: how messages name the file.

    Raises:
        UserCodeFailed: it is not Python; the message has the line and its text.
    """
    try:
        with tokenize.open(file) as stream:
            text = stream.read()
        tree = ast.parse(text, filename=str(file))
    except SyntaxError as problem:
        raise UserCodeFailed(
            f"syntax error: {problem.msg}",
            place=f"{shown}:{problem.lineno or 1}",
            hint="correct the file; nothing in it was executed",
            notes=_excerpt(problem),
        ) from problem
    except (UnicodeDecodeError, ValueError) as problem:
        raise UserCodeFailed(
            f"the file is no readable Python source: {problem}", place=shown, hint="save it as UTF-8 text"
        ) from problem
    module = Module(name, file, file.name == "__init__.py", tree, text)
    for statement in _top_level(tree.body):
        _record(module, statement)
    return module


def _excerpt(problem: SyntaxError) -> tuple[str, ...]:
    if not problem.text or problem.lineno is None:
        return ()
    number = str(problem.lineno)
    line = problem.text.rstrip("\n")
    caret = " " * max((problem.offset or 1) - 1, 0) + "^"
    return (f"{number} | {line}", f"{' ' * len(number)} | {caret}")


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, in order, those below ``if``, ``try`` and ``with`` included."""
    for statement in body:
        yield statement
        for part in ("body", "handlers", "orelse", "finalbody"):
            if isinstance(statement, (ast.If, ast.Try, ast.With)):
                for child in getattr(statement, part, []):
                    yield from _top_level(child.body if isinstance(child, ast.ExceptHandler) else [child])


def _record(module: Module, statement: ast.stmt) -> None:
    if isinstance(statement, Definition):
        module.defined[statement.name] = statement
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            local = alias.asname or alias.name.partition(".")[0]
            module.imported[local] = (alias.name if alias.asname else local, None)
    elif isinstance(statement, ast.ImportFrom):
        origin = absolute_module(module, statement)
        for alias in statement.names:
            if alias.name == "*":
                module.stars.append(origin)
            else:
                module.imported[alias.asname or alias.name] = (origin, alias.name)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                source = dotted(statement.value)
                if source is not None:
                    module.aliases[target.id] = source
                module.assigned[target.id] = statement.lineno


def absolute_module(module: Module, statement: ast.ImportFrom) -> str:
    """The module that a ``from ... import`` names, relative ones resolved against `module`."""
    if not statement.level:
        return statement.module or ""
    parts = module.name.split(".")
    keep = len(parts) - statement.level + (1 if module.is_package else 0)
    return ".".join([*parts[: max(keep, 0)], *([statement.module] if statement.module else [])])


def dotted(node: ast.expr) -> str | None:
    """``nn.Module`` as text, subscripts dropped (``Base[T]`` is ``Base``); None for anything that is no name."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left is not None else None
    return node.id if isinstance(node, ast.Name) else None


class SourceTree:
    """Modules found on a search path and parsed once each.

    Args:
        search_path: folders in the order of ``sys.path``.
        root: the project; messages show paths relative to it.
    """

    def __init__(self, search_path: tuple[Path, ...], root: Path) -> None:
        self.search_path = search_path
        self.root = root
        self._modules: dict[str, Module | None] = {}

    def shown(self, file: Path) -> str:
        """`file` relative to the project where it lies below it, with forward slashes."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.as_posix()

    def locate(self, name: str) -> Path | None:
        """The source file of module `name`, or None (no such module, or no source: an extension or a namespace)."""
        parts = name.split(".")
        if not all(parts):
            return None
        for folder in self.search_path:
            stem = folder.joinpath(*parts)
            for candidate in (stem / "__init__.py", stem.with_name(stem.name + ".py")):
                if candidate.is_file():
                    return candidate
        return None

    def add(self, module: Module) -> None:
        """Makes `module` known under its name, in place of what the search path would give."""
        self._modules[module.name] = module

    def module(self, name: str) -> Module | None:
        """The parsed module `name`; None if it is not found, or is somebody else's and does not parse."""
        if name not in self._modules:
            file = self.locate(name)
            self._modules[name] = None
            if file is not None:
                try:
                    self._modules[name] = parse_file(file, name, self.shown(file))
                except UserCodeFailed:
                    if file.is_relative_to(self.root):
                        raise
        return self._modules[name]

    def find(self, module: Module, name: str, hops: int = 0) -> Found | str | None:
        """What the dotted `name` means inside `module`.

        Returns:
            the definition; or the full dotted name as text where it leads out of what can be read (``abc.ABC``, a
            module); None where the name is not bound at all.
        """
        head, _, rest = name.partition(".")
        if hops > MAX_HOPS:
            return None
        if not rest and head in module.defined:
            return Found(module.defined[head], module)
        if head in module.imported:
            origin, inner = module.imported[head]
            full = ".".join(part for part in (origin, inner, rest) if part)
            return self.find_absolute(full, hops + 1)
        if head in module.aliases and module.aliases[head] != head:
            return self.find(module, ".".join(part for part in (module.aliases[head], rest) if part), hops + 1)
        for origin in module.stars:
            found = self.find_absolute(f"{origin}.{name}", hops + 1)
            if isinstance(found, Found):
                return found
        return None

    def find_absolute(self, full: str, hops: int = 0) -> Found | str | None:
        """As `find`, for a name from the top (``torch.nn.Module``): the longest prefix that is a module is entered."""
        if full in ROOTS or full.partition(".")[0] in sys.stdlib_module_names:
            return full
        parts = full.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = self.module(".".join(parts[:cut]))
            if module is not None:
                found = self.find(module, ".".join(parts[cut:]), hops + 1)
                return found if found is not None else None
        return full if self.locate(full) else None


ROOTS = frozenset({"torch.nn.Module", "torch.nn.modules.module.Module", "torch.nn.modules.Module"})
"""Where the search of bases ends with a yes; torch itself is never parsed for it."""
