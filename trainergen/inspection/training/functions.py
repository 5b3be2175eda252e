"""Projects that train with functions in the place of classes: one a model, all in one manner."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ..training_facts import BaseTrainer, ClassFacts, MethodFacts
from .index import ProjectIndex
from .outline import FunctionFacts
from .scan import FUNCTION_NAME
from .walk import is_test

FEWEST = 2
"""One function that trains is a loop that takes any model, not a manner that the next one follows."""


def find_functions(index: ProjectIndex) -> BaseTrainer | None:
    """The functions that train one model each, as siblings of the first of them; None where there are no two alike.

    Alike are those in one folder whose names begin with the same word (``train_wine``, ``train_tides``), and those of
    the same name in several files of it.
    """
    groups: dict[tuple[str, str], list[ClassFacts]] = {}
    for path, each in _candidates(index):
        groups.setdefault((posixpath.dirname(path), _manner(each.name)), []).append(_as_facts(index, path, each))
    alike = [
        each for each in groups.values() if len(each) >= FEWEST and any(b"torch" in index.peek(it.file) for it in each)
    ]
    if not alike:
        return None
    found = max(alike, key=len)  # of equals the first, by path
    shown = ", ".join(f"{each.name} {each.file}:{each.line}" for each in found[:3])
    return BaseTrainer(found[0], (), (f"no class trains here, {len(found)} functions do: {shown}",), tuple(found))


def _candidates(index: ProjectIndex) -> Iterator[tuple[str, FunctionFacts]]:
    for path in index.training_files:
        if not is_test(path):
            for each in index.outline(path).functions:
                if FUNCTION_NAME.search(each.name):
                    yield path, each


def _manner(name: str) -> str:
    """What the names of functions of one manner have in common: ``train_``, or all of it."""
    head, sign, _ = name.partition("_")
    return head + sign


def _as_facts(index: ProjectIndex, path: str, each: FunctionFacts) -> ClassFacts:
    itself = MethodFacts(each.name, each.line, each.parameters, each.returns, "given", each.decorators, each.docstring)
    return ClassFacts(
        each.name,
        index.module_name(path),
        path,
        each.line,
        decorators=each.decorators,
        methods=(itself,),
        docstring=each.docstring,
        is_function=True,
    )
