"""Subcommands of argparse that are called after the trainers: which there are, and the lines that one of them takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...configuration import ConfigPlace, Load
from ...joining import Sibling
from ..syntax.python_text import Subcommand, destination, functions, subcommands
from .names import common_pattern, matches, pattern_of
from .project import Project
from .reads import Read
from .words import KNOWN, normal


@dataclass(frozen=True)
class Commands:
    """Where subcommands are made: a function, or the module itself.

    Attributes:
        path: of the file.
        owner: the function's name, the parser's variable where the module makes it.
        node: that function or module.
        known: every subcommand there.
        named: those that are called after a sibling, with it.
    """

    path: str
    owner: str
    node: ast.Module | ast.FunctionDef
    known: tuple[Subcommand, ...]
    named: tuple[tuple[Subcommand, Sibling], ...]


def find(
    project: Project, siblings: Sequence[Sibling], own: Sequence[Read], shared: Sequence[Read]
) -> ConfigPlace | None:
    """The place of the siblings' subcommands; None where they have none, or those are about something else.

    Args:
        project: its files.
        siblings: the trainers that exist.
        own: what they read.
        shared: what their base and the programs around them read.
    """
    found = max(_all(project, siblings), key=lambda each: len(each.named), default=None)
    if found is None:
        return None
    pattern = common_pattern([(each.name, sibling) for each, sibling in found.named])
    fitting = [each for each in found.named if pattern_of(each[0].name, each[1]) == pattern]
    example, sibling = max(fitting, key=lambda each: each[0].statement.lineno)
    inherited = [destination(call) for call in example.inherited]
    keys = tuple(dict.fromkeys((name,) for name in (*map(destination, example.options), *inherited) if name))
    read = {each.keys[-1:] for each in (*own, *shared)}
    if not any(key in read or normal(key[0]) in KNOWN for key in keys):
        return None
    return ConfigPlace(
        style="",
        path=found.path,
        line=example.statement.lineno,
        symbol=pattern or example.name,
        example=example.name,
        keys=keys,
        required=tuple(dict.fromkeys(each.keys for each in shared if not each.optional and each.keys in keys)),
        access="attribute",
        load=_load(project, found, pattern or example.name, sibling),
        detail={
            "kind": "subcommand",
            "owner": found.owner,
            "others": "\n".join(each.name for each, _ in fitting if each is not example),
            "name": sibling.name,
            "module": sibling.module,
            "file": sibling.file,
        },
    )


def _all(project: Project, siblings: Sequence[Sibling]) -> Iterator[Commands]:
    for source in project.python("add_parser"):
        inside: list[ast.stmt] = []
        for owner, node in functions(source.tree.body):
            if known := subcommands(node, source.tree):
                inside += [each.statement for each in known]
                yield from _commands(source.path, owner, node, known, siblings)
        outside = [each for each in subcommands(source.tree, source.tree) if each.statement not in inside]
        variable = next(
            (
                target.id
                for node in source.tree.body
                if isinstance(node, ast.Assign) and _makes_parser(node.value)
                for target in node.targets
                if isinstance(target, ast.Name)
            ),
            "",
        )
        if outside and variable:
            yield from _commands(source.path, variable, source.tree, outside, siblings)


def _commands(
    path: str,
    owner: str,
    node: ast.Module | ast.FunctionDef,
    known: Sequence[Subcommand],
    siblings: Sequence[Sibling],
) -> Iterator[Commands]:
    by_name = {each.name: each for each in known}
    if named := matches(by_name, siblings):
        fitting = tuple((by_name[name], sibling) for name, sibling in named.items() if by_name[name].options)
        if fitting:
            yield Commands(path, owner, node, tuple(known), fitting)


def _makes_parser(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2] == "ArgumentParser"
        for each in ast.walk(node)
    )


def _load(project: Project, found: Commands, pattern: str, sibling: Sibling) -> Load | None:
    """The function that makes the whole parser, given the command; None where none is found."""
    path, owner = found.path, found.owner
    if isinstance(found.node, ast.FunctionDef) and not _makes_parser(found.node):
        called = owner.rpartition(".")[2]
        callers = [
            (source.path, name)
            for source in project.python(called)
            for name, node in functions(source.tree.body)
            if _makes_parser(node)
            and any(isinstance(each, ast.Call) and ast.unparse(each.func).endswith(called) for each in ast.walk(node))
        ]
        if not callers:
            return None
        path, owner = callers[0]
    return Load("parse", project.module_name(path, sibling.module, sibling.file), owner, (repr(pattern),))
