"""The project's files as the styles of configuration look at them: parsed once, names followed to where they are defined."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ....errors import Conflict
from ...source import Source
from ..syntax.formats import load_quietly
from ..syntax.tree import Tree

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
HOPS = 6
"""How many re-exports are followed."""
LARGEST = 200_000
"""Bytes of a settings file; larger ones are data."""


@dataclass(frozen=True)
class Found:
    """A definition, and the file that holds it."""

    path: str
    node: Definition


class Project:
    """Files of one project.

    Args:
        read: the bytes of a relative POSIX path; raises OSError where there is none.
        files: those that can matter.
    """

    def __init__(self, read: Callable[[str], bytes], files: Sequence[str]) -> None:
        self.read = read
        self.files = tuple(dict.fromkeys(sorted(files)))
        self._sources: dict[str, Source | None] = {}
        self._texts: dict[str, bytes] = {}
        self._values: dict[str, Tree | None] = {}

    def data(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            Conflict: there is none.
        """
        try:
            return self.read(path)
        except OSError as problem:
            raise Conflict(f"{path} can't be read: {problem}", place=path) from None

    def source(self, path: str) -> Source | None:
        """A Python file, parsed; None where it does not parse or is not there."""
        if path not in self._sources:
            try:
                self._sources[path] = Source(self.read(path), path)
            except (Conflict, OSError):
                self._sources[path] = None
        return self._sources[path]

    def values(self, path: str) -> Tree | None:
        """What a settings file holds; None where it can't be read, or is larger than any that is written by hand."""
        if path not in self._values:
            data = self.data(path)
            self._values[path] = load_quietly(data, path) if len(data) <= LARGEST else None
        return self._values[path]

    def python(self, *words: str) -> Iterator[Source]:
        """Every Python file that parses; with `words` only those in whose text one of them stands."""
        wanted = [word.encode("utf-8") for word in words]
        for path in self.files:
            if not path.endswith(".py") or (wanted and not any(word in self.text(path) for word in wanted)):
                continue
            if (source := self.source(path)) is not None:
                yield source

    def text(self, path: str) -> bytes:
        """The bytes of a file; empty where there is none."""
        if path not in self._texts:
            try:
                self._texts[path] = self.read(path)
            except OSError:
                self._texts[path] = b""
        return self._texts[path]

    def with_suffix(self, *suffixes: str) -> list[str]:
        """The files that end so."""
        return [path for path in self.files if path.lower().endswith(suffixes)]

    def module_file(self, module: str, importer: str = "") -> str | None:
        """The file of a module, `importer` being the file in which a relative one is written."""
        stripped = module.lstrip(".")
        dots = len(module) - len(stripped)
        tail = PurePosixPath(*stripped.split(".")) if stripped else PurePosixPath()
        if dots:
            base = PurePosixPath(importer).parent
            for _ in range(dots - 1):
                base = base.parent
            wanted = [str(base / f"{tail}.py") if stripped else "", str(base / tail / "__init__.py")]
            return next((path for path in wanted if path in self.files), None)
        wanted = [f"{tail}.py", f"{tail}/__init__.py"]
        fitting = [path for path in self.files if any(path == each or path.endswith("/" + each) for each in wanted)]
        beside = [path for path in fitting if importer and PurePosixPath(path).parent == PurePosixPath(importer).parent]
        return min(
            fitting, key=lambda path: (path not in wanted, path not in beside, path.count("/"), path), default=None
        )

    def module_name(self, path: str, like: str = "", like_file: str = "") -> str:
        """What a file is imported as; `like` is the module name of `like_file`, whose root is the same."""
        parts = list(PurePosixPath(path).with_suffix("").parts)
        if like and like_file:
            known = list(PurePosixPath(like_file).with_suffix("").parts)
            root = len(known) - len(like.split("."))
            if root > 0 and parts[:root] == known[:root]:
                parts = parts[root:]
        elif parts[:1] == ["src"]:
            parts = parts[1:]
        if parts[-1:] == ["__init__"]:
            parts = parts[:-1]
        return ".".join(parts)

    def resolve(self, name: str, path: str, hops: int = HOPS) -> Found | None:
        """Where a name that the file at `path` uses is defined; dotted names go through modules; None outside the project."""
        source = self.source(path)
        if source is None or hops == 0:
            return None
        head, _, rest = name.partition(".")
        for node in source.tree.body:
            if head in _defines(node):
                assert isinstance(node, Definition)
                return Found(path, node) if not rest else None
        for statement in ast.walk(source.tree):
            if isinstance(statement, ast.ImportFrom):
                module = "." * statement.level + (statement.module or "")
                for alias in statement.names:
                    if (alias.asname or alias.name) == head:
                        inner = self.module_file(
                            module.rstrip(".") + "." + alias.name if statement.module else module + alias.name, path
                        )
                        if rest and inner:
                            return self.resolve(rest, inner, hops - 1)
                        file = self.module_file(module, path)
                        return self.resolve(alias.name, file, hops - 1) if file and not rest else None
                    if alias.name == "*" and (file := self.module_file(module, path)) is not None:
                        found = self.resolve(name, file, hops - 1)
                        if found is not None:
                            return found
            elif isinstance(statement, ast.Import):
                for alias in statement.names:
                    spelled = alias.asname or alias.name
                    if name.startswith(spelled + ".") and (file := self.module_file(alias.name, path)) is not None:
                        return self.resolve(name.removeprefix(spelled + "."), file, hops - 1)
        return None

    def class_of(self, name: str, path: str) -> tuple[str, ast.ClassDef] | None:
        """The class that a name means in a file, with the file that defines it."""
        found = self.resolve(name, path)
        return (found.path, found.node) if found is not None and isinstance(found.node, ast.ClassDef) else None

    def lineage(self, path: str, node: ast.ClassDef) -> list[tuple[str, ast.ClassDef]]:
        """The classes of the project that a class inherits from, nearest first, itself not."""
        found: list[tuple[str, ast.ClassDef]] = []
        queue = [(path, node)]
        while queue and len(found) < 20:
            file, each = queue.pop(0)
            for base in each.bases:
                target = base.value if isinstance(base, ast.Subscript) else base
                known = self.class_of(ast.unparse(target), file)
                if known is not None and known not in found:
                    found.append(known)
                    queue.append(known)
        return found


def _defines(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def trainer_named(source: Source, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    """The class of that name, or the function of the module where the project trains by functions."""
    function = next(
        (node for node in source.tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None
    )
    return class_named(source, name) or function


def class_named(source: Source, name: str) -> ast.ClassDef | None:
    """The class of that name, wherever it stands in the file."""
    return next(
        (node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef) and node.name == name),
        None,
    )
