"""The search for a constructor call, on classes as research code writes them: what comes out runs forward."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.building import write_tree
from tests.lab.research_code import CASES, HEAD, Case
from trainergen.inspection.model import read_model
from trainergen.inspection.usage import find_usages
from trainergen.lab.construct import Built, Constructor
from trainergen.lab.protocol import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def constructor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Constructor]]:
    """A project from the source of its ``net.py``, imported here, and the constructor for a class of it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["trainergen-lab"])

    def make(source: str, files: dict[str, str] | None = None, name: str = "Net", **given: Any) -> Constructor:
        text = inspect.cleandoc(source)
        future = "from __future__ import annotations\n"
        text = future * (future in text) + HEAD + text.replace(future, "")
        root = write_tree(tmp_path, {"net.py": text, **(files or {})})
        importlib.invalidate_caches()
        found = getattr(importlib.import_module("net"), name)
        usages = find_usages(root, read_model(f"net.py:{name}", root))
        return Constructor(found, given, usages, Context(root, root, root, "cpu"), 0)

    yield make
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def first(constructor: Constructor) -> Built:
    built = next(constructor.candidates(), None)
    assert built is not None, constructor.refusal()
    return built


def values(built: Built) -> dict[str, Any]:
    return {each.name: each.value for each in built.construction.arguments}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_class_of_research_code_is_built_and_runs(constructor: Callable[..., Constructor], case: Case) -> None:
    built = first(constructor(case.source, case.files))
    given = values(built)
    assert {name: given.get(name) for name in case.expected} == case.expected
    defaults = {
        name: each.default
        for name, each in inspect.signature(type(built.model)).parameters.items()
        if each.default is not each.empty
    }
    built.model(*case.feed({**defaults, **given}))
