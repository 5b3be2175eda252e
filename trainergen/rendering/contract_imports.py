"""Imports of a trainer under a project's own contract: the siblings' own lines for what is taken over from them."""

from __future__ import annotations

import ast
import builtins
from pathlib import PurePosixPath

from ..contracts.class_source import ClassSource
from ..contracts.contract_facts import ContractFacts
from ..inspection.training_facts import ClassFacts


def base_import(contract: ContractFacts, sibling: ClassSource | None, file: str, *, relative: bool) -> tuple[str, str]:
    """The line that imports the base trainer, and what it is called: as the sibling does, what it is generic in included."""
    base = contract.base.facts
    if sibling is not None:
        for node in sibling.node.bases:
            named = ast.unparse(node.value if isinstance(node, ast.Subscript) else node)
            head = named.partition(".")[0]
            line = import_of(head, sibling, file)
            if line and named.rpartition(".")[2] in (base.name, head):
                return line, ast.unparse(node)
    return own_import(base, file, relative=relative), base.name


def own_import(facts: ClassFacts, file: str, *, relative: bool) -> str:
    """The line that imports a class of the project into `file`."""
    if relative and PurePosixPath(facts.file).parent == PurePosixPath(file).parent:
        return f"from .{facts.module.rpartition('.')[2]} import {facts.name}"
    return f"from {facts.module} import {facts.name}"


def import_line(module: str, name: str) -> str:
    """The line that binds `name` of `module`; the module itself where `name` is empty."""
    return f"from {module} import {name}" if name else f"import {module}"


def import_of(name: str, sibling: ClassSource, file: str) -> str:
    """The sibling's line that imports `name`, as it reads in `file`; "" where it imports no such thing."""
    for node in ast.walk(sibling.module):
        if isinstance(node, ast.Import):
            for each in node.names:
                if (each.asname or each.name.partition(".")[0]) == name:
                    return f"import {each.name}" + (f" as {each.asname}" if each.asname else "")
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                if (each.asname or each.name) == name:
                    module = _module(node, sibling.facts, file)
                    return f"from {module} import {each.name}" + (f" as {each.asname}" if each.asname else "")
    return ""


def base_package(contract: ContractFacts) -> str:
    """The top-level package of the base trainer; "" where it is a module by itself."""
    head, dot, _ = contract.base.facts.module.partition(".")
    return head if dot else ""


def relative_import(line: str, module: str, package: str) -> str:
    """``from house.models import X`` as a module of the same package writes it relatively; other lines as they are."""
    words = line.split()
    if not package or words[:1] != ["from"] or words[1].partition(".")[0] != package or package == words[1]:
        return line
    here, there = module.split(".")[:-1], words[1].split(".")
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    dots = "." * (len(here) - shared + 1)
    return line.replace(words[1], dots + ".".join(there[shared:]), 1)


def imports_for(source: str, sibling: ClassSource, file: str) -> list[str]:
    """Lines that give the names of `source`, a method taken over from the sibling; of what its file defines, too."""
    defined = {
        each.name for each in sibling.module.body if isinstance(each, (ast.FunctionDef, ast.ClassDef))
    } | {
        target.id
        for each in sibling.module.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }  # fmt: skip
    lines = []
    for name in sorted(_free(source)):
        if line := import_of(name, sibling, file):
            lines.append(line)
        elif name in defined and name not in ("logger", "log") and name != sibling.facts.name:
            lines.append(f"from {sibling.facts.module} import {name}")
    return lines


def _free(source: str) -> set[str]:
    tree = ast.parse(source)
    stored = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    stored |= {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}
    read = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    return {each for each in read - stored if not hasattr(builtins, each)}


def _module(node: ast.ImportFrom, facts: ClassFacts, file: str) -> str:
    """The module as `file` names it: relative where it lies beside the sibling, else absolute."""
    if not node.level:
        return node.module or ""
    if PurePosixPath(facts.file).parent == PurePosixPath(file).parent:
        return "." * node.level + (node.module or "")
    package = facts.module.split(".")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])
