"""The source of a class, its ancestors' and its siblings' as syntax trees, read and never run."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..inspection.training_facts import ClassFacts

Read = Callable[[str], bytes]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class ClassSource:
    """One class with its file.

    Attributes:
        facts: which.
        module: the tree of its file.
        node: the class in it.
        text: the file.
    """

    facts: ClassFacts
    module: ast.Module
    node: ast.ClassDef
    text: str

    @property
    def methods(self) -> dict[str, Function]:
        """Its own, in order."""
        return {each.name: each for each in self.node.body if isinstance(each, Function)}

    def segment(self, node: Function) -> str:
        """The text of a method with its decorators, dedented."""
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        lines = self.text.splitlines()[first - 1 : node.end_lineno]
        return textwrap.dedent("\n".join(lines))


def class_source(facts: ClassFacts, read: Read) -> ClassSource | None:
    """The class of `facts`; None where the file does not hold it any more."""
    data = read(facts.file)
    text = data.decode("utf-8-sig", errors="replace")
    try:
        module = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and node.name == facts.name:
            return ClassSource(facts, module, node, text)
    return None


def attribute(node: ast.AST | None) -> str:
    """``x`` of ``self.x``; "" for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return ""


def called(node: ast.AST | None) -> str:
    """The last name of what a call calls: ``step`` of ``self.optimizer.step()``; "" where it is no call."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """All calls in `node`, in no promised order."""
    return (each for each in ast.walk(node) if isinstance(each, ast.Call))


def assigned(function: Function) -> Iterator[tuple[str, ast.expr]]:
    """(attribute, value) of every ``self.attribute = value`` in `function`."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                value = node.value
                targets = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
                apart = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                pairs = zip(
                    targets,
                    value.elts if apart and isinstance(value, ast.Tuple) else [value] * len(targets),
                    strict=False,
                )
                yield from ((name, value) for each, value in pairs if (name := attribute(each)))
        elif isinstance(node, ast.AnnAssign) and node.value is not None and (name := attribute(node.target)):
            yield name, node.value


def is_base_init(node: ast.AST) -> bool:
    """``super().__init__(...)`` or ``Base.__init__(self, ...)``."""
    return isinstance(node, ast.Call) and called(node) == "__init__"
