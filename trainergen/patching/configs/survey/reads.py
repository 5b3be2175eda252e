"""Which settings a piece of code reads, and from what: ``self.config.optim.lr``, ``cfg["lr"]``, ``args.get("lr", 0.1)``."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ...configuration import KeyPath
from ...joining import Sibling
from .project import Project, trainer_named

CONFIG_NAMES = frozenset(
    [
        "config",
        "cfg",
        "conf",
        "configuration",
        "args",
        "arg",
        "opt",
        "opts",
        "options",
        "hparams",
        "hp",
        "params",
        "settings",
        "flags",
        "training_config",
        "train_config",
        "trainer_config",
        "model_config",
        "train_cfg",
        "model_cfg",
        "training_args",
        "train_args",
        "C",
        "CFG",
    ]
)
"""What a configuration is called where it is handed over."""

NOT_KEYS = frozenset(
    [
        "items",
        "keys",
        "values",
        "copy",
        "update",
        "pop",
        "to_dict",
        "to_container",
        "merge_from_file",
        "freeze",
        "clone",
        "dump",
    ]
)


@dataclass(frozen=True)
class Read:
    """One setting that is read.

    Attributes:
        root: the variable it starts from, ``self.`` taken off.
        keys: from there.
        how: attribute or item (the last step).
        optional: with a default of its own.
    """

    root: str
    keys: KeyPath
    how: Literal["attribute", "item"]
    optional: bool = False


class _Reads(ast.NodeVisitor):
    def __init__(self, roots: Iterable[str]) -> None:
        self.roots = frozenset(roots)
        self.known: dict[str, Read] = {}
        self.found: list[Read] = []

    def resolve(self, node: ast.expr) -> Read | None:
        """What an expression reads, None where that is no setting."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id) or (Read(node.id, (), "attribute") if node.id in self.roots else None)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                name = f"self.{node.attr}"
                return self.known.get(name) or (Read(node.attr, (), "attribute") if node.attr in self.roots else None)
            base = self.resolve(node.value)
            return None if base is None else Read(base.root, (*base.keys, node.attr), "attribute", base.optional)
        if isinstance(node, ast.Subscript):
            base = self.resolve(node.value)
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if base is not None and isinstance(key, str):
                return Read(base.root, (*base.keys, key), "item", base.optional)
            return None
        if isinstance(node, ast.Call):
            return self._call(node)
        return None

    def _call(self, node: ast.Call) -> Read | None:
        constants = [each.value for each in node.args if isinstance(each, ast.Constant)]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "getint", "getfloat", "getboolean"):
            base = self.resolve(node.func.value)
            if base is not None and constants and all(isinstance(each, str) for each in constants[:1]):
                names = constants if node.func.attr != "get" and len(constants) > 1 else constants[:1]
                optional = bool(node.keywords) or len(node.args) > len(names) or node.func.attr == "get"
                return Read(base.root, (*base.keys, *map(str, names)), "item", optional)
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1 and constants:
            base = self.resolve(node.args[0])
            if base is not None and isinstance(constants[0], str):
                return Read(base.root, (*base.keys, constants[0]), "attribute", len(node.args) > 2)
        return None

    def visit_Assign(self, node: ast.Assign) -> None:
        read = self.resolve(node.value)
        for target in node.targets:
            self._learn(target, read)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._learn(node.target, self.resolve(node.value))
        self.generic_visit(node)

    def _learn(self, target: ast.expr, read: Read | None) -> None:
        if isinstance(target, ast.Name):
            name, short = target.id, target.id
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            name, short = f"self.{target.attr}", target.attr
        else:
            return
        if read is not None and (read.keys or short not in self.roots):
            self.known[name] = read

    def visit_Call(self, node: ast.Call) -> None:
        read = self._call(node)
        if read is not None:
            self.found.append(read)
        elif isinstance(node.func, ast.Attribute):
            self.visit(node.func.value)
        else:
            self.visit(node.func)
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(each)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._take(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._take(node)

    def _take(self, node: ast.Attribute | ast.Subscript) -> None:
        read = self.resolve(node) if isinstance(node.ctx, ast.Load) else None
        if read is not None and read.keys and read.keys[-1] not in NOT_KEYS:
            self.found.append(read)
        elif read is None:
            self.generic_visit(node)


def reads_in(node: ast.AST, extra: Iterable[str] = ()) -> list[Read]:
    """Every setting that the code below `node` reads, in order, each once; groups on the way to another are left out."""
    roots = set(CONFIG_NAMES) | set(extra)
    for each in ast.walk(node):
        if isinstance(each, ast.arg) and (
            each.arg.endswith(("_config", "_cfg", "_args", "_params")) or each.arg in roots
        ):
            roots.add(each.arg)
    visitor = _Reads(roots)
    visitor.visit(node)
    once = list(dict.fromkeys(visitor.found))
    return [
        read
        for read in once
        if not any(
            other.root == read.root and len(other.keys) > len(read.keys) and other.keys[: len(read.keys)] == read.keys
            for other in once
        )
    ]


def sibling_reads(project: Project, sibling: Sibling) -> list[Read]:
    """What the class or the function of a sibling reads."""
    source = project.source(sibling.file)
    node = trainer_named(source, sibling.name) if source is not None else None
    return reads_in(node) if node is not None else []


def shared_reads(project: Project, siblings: Sequence[Sibling], base_file: str) -> list[Read]:
    """What the base and the programs around the trainers read: the base's file, and files that bring the trainers in."""
    mine = {sibling.file for sibling in siblings}
    files = [base_file] if base_file and base_file not in mine else []
    files += [
        source.path
        for source in project.python("__main__", "def main")
        if source.path not in mine and source.path != base_file and _is_program(source.tree)
    ]
    return list(
        dict.fromkeys(
            read for path in files if (source := project.source(path)) is not None for read in reads_in(source.tree)
        )
    )


def _is_program(tree: ast.Module) -> bool:
    """Whether a module is started by itself, or reads a configuration for others."""
    for node in tree.body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "main":
            return True
    return False


def manner(reads: Sequence[Read]) -> Literal["attribute", "item"]:
    """How most of the settings are reached."""
    items = sum(read.how == "item" for read in reads)
    return "item" if items * 2 > len(reads) else "attribute"
