"""What the gates may know of the project around a file: names followed through imports, lines of descent, sections."""

# ruff: noqa: PTH112, PTH118, PTH123, PTH208  (importing pathlib costs more than a whole static check)

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from .source import Function, Source, methods
from .versions import Range, torch_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VENDORED = "_runtime"
TRAINER = "Trainer"
CONFIG = "BaseTrainerConfig"
REEXPORTS = {TRAINER: (["base_trainer"],), CONFIG: (["base"], ["config"], ["base_trainer"])}


class Lineage(NamedTuple):
    """A class's line of descent, as far as the project's own files tell it.

    Attributes:
        classes: the class and its ancestors in the project, nearest first, each with its file.
        ends: dotted names of the bases that lie outside, in order.
        certain: False where a base could not be named at all (a call, a star import of an unknown module).
    """

    classes: tuple[tuple[Source, ast.ClassDef], ...]
    ends: tuple[str, ...]
    certain: bool

    def method(self, name: str) -> tuple[Source, Function] | None:
        """The method that an instance would have by that name, if the project defines it."""
        for source, owner in self.classes:
            for function in methods(owner):
                if function.name == name:
                    return source, function
        return None

    def attribute(self, name: str) -> tuple[Source, ast.AnnAssign | ast.Assign] | None:
        """The statement that gives the class attribute `name`, if a class of the project does."""
        for source, owner in self.classes:
            statement = class_attribute(owner, name)
            if statement is not None:
                return source, statement
        return None


class Facts:
    """The files of a project, staged text first, then the disk; each is parsed at most once, when first asked for.

    Args:
        root: the project's folder; None: only `files` exist.
        files: relative path -> text that stands (staged) or will stand there.
        codes: the gates that apply here, as the contract says; None: all.

    Attributes:
        consulted: paths that were asked for since it was last cleared, found or not: what a verdict depends on.
        listed: whether a folder was listed since then: what it depends on can't be said by paths.
    """

    __slots__ = ("_locals", "_sources", "_torch", "codes", "consulted", "files", "listed", "root")

    def __init__(
        self, root: str | None = None, files: Mapping[str, str] | None = None, codes: frozenset[str] | None = None
    ) -> None:
        self.root = root
        self.files = {path.replace("\\", "/"): text for path, text in (files or {}).items()}
        self.codes = codes
        self._sources: dict[str, Source | None] = {}
        self._locals: frozenset[str] | None = None
        self.consulted: set[str] = set()
        self.listed = False
        self._torch: tuple[Range | None] | None = None

    @property
    def torch(self) -> Range | None:
        """The releases of torch that the project asks for; None where it says nothing."""
        if self._torch is None:
            self._torch = (torch_of(self.root),)
        return self._torch[0]

    def adopt(self, source: Source) -> None:
        """Take `source` for what its path holds: the file under judgement counts as it is given."""
        self._sources[source.path] = source

    def source(self, path: str) -> Source | None:
        """The parsed file at `path`, or None where there is none or it does not parse."""
        self.consulted.add(path)
        if path not in self._sources:
            text = self._read(path)
            try:
                self._sources[path] = None if text is None else Source(text, path)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self._sources[path] = None
        return self._sources[path]

    def _read(self, path: str) -> str | None:
        if path in self.files:
            return self.files[path]
        if self.root is None:
            return None
        try:
            with open(os.path.join(self.root, path), encoding="utf-8") as stream:
                return stream.read()
        except (OSError, UnicodeDecodeError):
            return None

    def module(self, dotted: str) -> Source | None:
        """The project's file that ``import dotted`` would load (also below ``src/``)."""
        if not dotted:
            return None
        stem = dotted.replace(".", "/")
        for path in (f"{stem}/__init__.py", f"{stem}.py", f"src/{stem}/__init__.py", f"src/{stem}.py"):
            found = self.source(path)
            if found is not None:
                return found
        return None

    def local_names(self) -> frozenset[str]:
        """First parts of the names that are imported from the project itself."""
        self.listed = True
        if self._locals is None:
            names = set()
            # Paths that were looked for in vain are remembered too: they are nobody's modules.
            known = [path for path, source in self._sources.items() if source is not None]
            for path in [*self.files, *known]:
                parts = path.removeprefix("src/").split("/")
                names.add(parts[0].removesuffix(".py"))
            if self.root is not None:
                for folder in (self.root, os.path.join(self.root, "src")):
                    names.update(_importable(folder))
            self._locals = frozenset(names)
        return self._locals

    def definition(
        self, dotted: str, _depth: int = 0
    ) -> tuple[Source, ast.ClassDef | Function | ast.expr] | str | None:
        """What a dotted name leads to: a definition in the project, the dotted name of something outside it, or None.

        Re-exports are followed. None means: a file of the project should hold it and does not say so (a star import of
        something unknown, a module ``__getattr__``).
        """
        head, _, name = dotted.rpartition(".")
        if _is_runtime(dotted.split(".")[:-1]) or _depth > 20:
            return dotted
        source = self.module(head) if head else None
        if source is None:
            return dotted
        if name in source.classes:
            return source, source.classes[name]
        if name in source.functions:
            return source, source.functions[name]
        if name in source.imports:
            target = source.imports[name]
            return None if target == dotted else self.definition(target, _depth + 1)
        if name in source.assigned:
            value = source.assigned[name]
            alias = source.dotted(value)
            return self.definition(alias, _depth + 1) if alias and alias != dotted else (source, value)
        for star in source.stars:
            found = self.definition(f"{star}.{name}", _depth + 1)
            if isinstance(found, tuple):
                return found
        return None

    def lineage(self, source: Source, owner: ast.ClassDef) -> Lineage:
        """The line of descent of a class, depth first, which is the method order wherever no diamond is involved."""
        classes: list[tuple[Source, ast.ClassDef]] = []
        ends: list[str] = []
        certain = self._descend(source, owner, classes, ends)
        return Lineage(tuple(classes), tuple(ends), certain)

    def _descend(
        self, source: Source, owner: ast.ClassDef, classes: list[tuple[Source, ast.ClassDef]], ends: list[str]
    ) -> bool:
        if any(known is owner for _, known in classes):
            return True
        classes.append((source, owner))
        certain = True
        for base in owner.bases:
            expression = base.value if isinstance(base, ast.Subscript) else base
            dotted = source.dotted(expression)
            if dotted is None:
                certain = False
                continue
            found = self.definition(dotted)
            if isinstance(found, str):
                ends.append(found)
            elif found is not None and isinstance(found[1], ast.ClassDef):
                certain = self._descend(found[0], found[1], classes, ends) and certain
            else:
                certain = False
        return certain

    def sections(self, near: str) -> Iterator[tuple[str, str, int, str]]:
        """Every ``SECTION = "..."``: value, file, line, class; in staged files and beside the file `near`."""
        self.listed = True
        folder = near.rpartition("/")[0]
        paths = {path for path in self.files if path.endswith(".py")}
        if self.root is not None:
            place = os.path.join(self.root, folder)
            names = os.listdir(place) if os.path.isdir(place) else []
            paths.update(f"{folder}/{name}".lstrip("/") for name in names if name.endswith(".py"))
        for path in sorted(paths | {near}):
            source = self.source(path)
            for owner in source.classes.values() if source is not None else ():
                value = constant_of(class_attribute(owner, "SECTION"))
                if isinstance(value, str):
                    yield value, path, owner.lineno, owner.name


def is_end(lineage: Lineage, name: str) -> bool:
    """Whether the line leads to the runtime's class `name` (``Trainer``, ``BaseTrainerConfig``)."""
    return any(of_runtime(end, name) for end in lineage.ends)


def of_runtime(dotted: str, name: str) -> bool:
    """Whether a dotted name that could be followed no further is the runtime's `name`.

    Installed, vendored, or by the name of the default project's re-exporting modules, for a file judged without them.
    """
    *module, last = dotted.split(".")
    return last == name and (_is_runtime(module) or module[-1:] in REEXPORTS[name])


def _is_runtime(module: list[str]) -> bool:
    return module[:2] == ["trainergen", "runtime"] or VENDORED in module


def surely_foreign(lineage: Lineage) -> bool:
    """Whether the line certainly does not lead to a trainer base: all its ends are Python's or torch's own."""
    known = sys.stdlib_module_names | {"torch", "object", "builtins"}
    return lineage.certain and all(end.partition(".")[0] in known for end in lineage.ends)


def class_attribute(owner: ast.ClassDef, name: str) -> ast.AnnAssign | ast.Assign | None:
    """The statement in the class body that assigns `name`, with or without annotation."""
    for statement in owner.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.target.id == name:
                return statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    return statement
    return None


def constant_of(statement: ast.AnnAssign | ast.Assign | None) -> object:
    """The literal that a statement assigns, or None."""
    value = statement.value if statement is not None else None
    return value.value if isinstance(value, ast.Constant) else None


def _importable(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            yield entry.name[:-3]
        elif entry.name.isidentifier() and entry.is_dir():
            yield entry.name
