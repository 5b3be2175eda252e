"""Plain Python that holds trainers' settings: dicts called after them, a dict of such, modules called after them, constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from ...joining import Sibling
from ...source import Source
from ..syntax.python_text import literal
from .names import common_pattern, matches, pattern_of
from .project import Project
from .reads import Read

Kind = Literal["dict", "entry", "module", "constants"]


@dataclass(frozen=True)
class Place:
    """Settings of one sibling, or of all.

    Attributes:
        kind: ``dict``: a name of its own; ``entry``: in a dict of them; ``module``: a file; ``constants``: one file for all.
        path, line: where.
        name: of the dict, key or file; "" for constants.
        pattern: the same as a pattern.
        owner: the dict of dicts.
        sibling: whose; any for constants.
        values: what it holds.
        node: the expression that holds the entries (`entry`), or the dict.
        called: it is written ``dict(lr=0.1)``.
        used: the sibling's own file names it.
    """

    kind: Kind
    path: str
    line: int
    name: str
    pattern: str
    owner: str
    sibling: Sibling
    values: dict[str, object]
    node: ast.expr
    called: bool = False
    used: bool = False


def places(project: Project, siblings: Sequence[Sibling], reads: Sequence[Read]) -> Place | None:
    """The place whose form the most siblings share, the last of them; constants only where the trainers read them."""
    found = list(all_places(project, siblings))
    named = [each for each in found if each.kind != "constants"]
    if named:
        groups: dict[tuple[str, str, str], list[Place]] = {}
        for each in named:
            folder = str(PurePosixPath(each.path).parent) if each.kind == "module" else each.path
            groups.setdefault((each.kind, folder, each.owner), []).append(each)
        best = max(groups.values(), key=len)
        pattern = common_pattern([(each.name, each.sibling) for each in best])
        # the last of them in its file: a new one stands below it
        return max((each for each in best if each.pattern == pattern), key=lambda each: (each.path, each.line))
    wanted = {read.keys[0] for read in reads if read.keys}
    imported = _imported(project, siblings)
    scored = [(len(set(each.values) & (wanted | imported.get(each.path, set()))), each) for each in found]
    scored = [each for each in scored if each[0]]
    return max(scored, key=lambda each: each[0])[1] if scored else None


def _imported(project: Project, siblings: Sequence[Sibling]) -> dict[str, set[str]]:
    """File -> the names that siblings import from it."""
    found: dict[str, set[str]] = {}
    for sibling in siblings:
        source = project.source(sibling.file)
        for node in ast.walk(source.tree) if source is not None else ():
            if isinstance(node, ast.ImportFrom):
                file = project.module_file("." * node.level + (node.module or ""), sibling.file)
                if file is not None:
                    found.setdefault(file, set()).update(alias.name for alias in node.names)
    return found


def all_places(project: Project, siblings: Sequence[Sibling]) -> Iterator[Place]:
    """Every such place in the project."""
    files = {sibling.file for sibling in siblings}
    sources = [source for source in project.python() if source.path not in files]
    for source in sources:
        named = {
            target.id: node
            for node in source.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        dicts = {
            name: node for name, node in named.items() if node.value is not None and mapping(node.value) is not None
        }
        for name, sibling in matches(dicts, siblings).items():
            value = dicts[name].value
            assert value is not None
            yield _place("dict", source, dicts[name].lineno, name, "", sibling, value, project)
        for owner, node in dicts.items():
            if not isinstance(node.value, ast.Dict):
                continue
            inner = {
                str(key.value): value
                for key, value in zip(node.value.keys, node.value.values, strict=True)
                if isinstance(key, ast.Constant) and mapping(value)
            }
            for name, sibling in matches(inner, siblings).items():
                made = _place("entry", source, inner[name].lineno, name, owner, sibling, inner[name], project)
                yield Place(**{**made.__dict__, "node": node.value})
        values = {name: literal(node.value) for name, node in named.items() if _is_constant(node.value)}
        if values and not name_is_dunder(values):
            yield from _modules(project, source, values, siblings)


def name_is_dunder(values: dict[str, object]) -> bool:
    """Whether a module defines ``__all__`` or ``__version__`` and nothing else."""
    return all(name.startswith("__") for name in values)


def _modules(
    project: Project, source: Source, values: dict[str, object], siblings: Sequence[Sibling]
) -> Iterator[Place]:
    stem = PurePosixPath(source.path).stem
    here = next((sibling for sibling in siblings if pattern_of(stem, sibling)), None)
    nothing = ast.Constant(None)
    if here is not None and not any(isinstance(node, ast.ClassDef) for node in source.tree.body):
        pattern = pattern_of(stem, here) or stem
        module = project.module_name(source.path, here.module, here.file)
        yield Place(
            "module", source.path, 1, stem, pattern, "", here, values, nothing, used=_mentions(project, here, module)
        )
    elif here is None and siblings:
        yield Place("constants", source.path, 1, "", "", "", siblings[-1], values, nothing, used=True)


def _mentions(project: Project, sibling: Sibling, module: str) -> bool:
    source = project.source(sibling.file)
    if source is None:
        return False
    parent, _, last = module.rpartition(".")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import) and any(alias.name == module for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and any(alias.name == last for alias in node.names):
            return (node.module or "").endswith(parent.rpartition(".")[2])
    return False


def _place(
    kind: Kind, source: Source, line: int, name: str, owner: str, sibling: Sibling, value: ast.expr, project: Project
) -> Place:
    inner = project.source(sibling.file)
    words = {node.id for node in ast.walk(inner.tree) if isinstance(node, ast.Name)} if inner is not None else set()
    return Place(
        kind,
        source.path,
        line,
        name,
        pattern_of(name, sibling) or name,
        owner,
        sibling,
        mapping(value) or {},
        value,
        isinstance(value, ast.Call),
        (owner or name) in words,
    )


def _is_constant(node: ast.expr | None) -> bool:
    return node is not None and (literal(node) is not None or (isinstance(node, ast.Constant) and node.value is None))


def mapping(node: ast.expr) -> dict[str, object] | None:
    """A dict display or a call of `dict` as nested data, values that are no literals as None; None for anything else."""
    if isinstance(node, ast.Dict):
        pairs = [
            (str(key.value), value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        ]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        pairs = [(each.arg, each.value) for each in node.keywords if each.arg]
    else:
        return None
    return {key: inner if (inner := mapping(value)) is not None else literal(value) for key, value in pairs}
