"""Runs the lab's build request in this process, on projects written from dict literals."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.building import write_tree
from trainergen.families.torch.facts import TorchFacts
from trainergen.families.torch.measure import build
from trainergen.inspection.batch_grammar import parse
from trainergen.lab.protocol import Context
from trainergen.plain import from_plain, to_plain

if TYPE_CHECKING:
    from pathlib import Path

Measure = Callable[..., TorchFacts]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    root, scratch = tmp_path / "project", tmp_path / "scratch"
    root.mkdir()
    scratch.mkdir()
    return Context(root=root, original=root, scratch=scratch, device="cpu")


@pytest.fixture
def measure(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Measure]:
    """``measure({"model.py": ...}, "model:Net", batch="float32[8, 3]", ...) -> TorchFacts``."""
    monkeypatch.syspath_prepend(str(context.root))
    monkeypatch.chdir(context.root)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    states = torch.get_rng_state(), random.getstate()

    def run(files: dict[str, str | bytes], model: str, batch: Any = None, **payload: Any) -> TorchFacts:
        write_tree(context.root, files)
        module, _, name = model.partition(":")
        if isinstance(batch, str):
            batch = {"kind": "grammar", "spec": to_plain(parse(batch))}
        request = {"model": {"module": module, "name": name}, "factory": None, "arguments": {}, "forward": []}
        request |= {"batch": batch, "loader": None, "target": None, "auxiliaries": [], "seed": 0, "steps": 2}
        plain = build(request | payload, context)
        return from_plain(TorchFacts, plain)

    yield run
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(context.root)):
            del sys.modules[name]
