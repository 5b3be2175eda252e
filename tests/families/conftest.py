"""Runs the lab's build request in this process, on projects written from dict literals."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.building import write_tree
from trainergen.examining import lab_request, planned
from trainergen.families.torch.examine.run import measure as take
from trainergen.families.torch.facts import TorchFacts
from trainergen.families.torch.measure import build
from trainergen.inspection.batch_grammar import parse
from trainergen.inspection.model import read_model
from trainergen.inspection.project import read_project
from trainergen.lab.protocol import Context
from trainergen.plain import from_plain, to_plain
from trainergen.planning.wishes import Wishes

if TYPE_CHECKING:
    from pathlib import Path

Measure = Callable[..., TorchFacts]


@dataclass(frozen=True)
class Taken:
    """What a test asked of inspect's measurements."""

    measured: tuple[dict[str, Any], ...]

    @property
    def findings(self) -> list[dict[str, Any]]:
        return [finding for each in self.measured for finding in each["examined"]["findings"]]

    @property
    def ids(self) -> list[str]:
        return [finding["id"] for finding in self.findings]

    @property
    def facts(self) -> dict[str, Any]:
        """Figures of the first measurement."""
        facts: dict[str, Any] = self.measured[0]["examined"]["facts"]
        return facts

    @property
    def outcomes(self) -> dict[str, str]:
        return {trial["name"]: trial["outcome"] for each in self.measured for trial in each["examined"]["trials"]}

    @property
    def problems(self) -> dict[str, str]:
        return {each["name"]: each["problem"] for each in self.measured if each["problem"] is not None}

    def finding(self, name: str) -> dict[str, Any]:
        found = [each for each in self.findings if each["id"] == name]
        assert found, (self.findings, self.problems)
        return found[0]

    def severity(self, name: str) -> str:
        return str(self.finding(name)["severity"])


Examine = Callable[..., Taken]


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


@pytest.fixture
def examine(measure: Measure, context: Context) -> Examine:
    """``examine({"model.py": ...}, "model:Net", "model.signals", ..., batch="...") -> Taken``: build, plan, measure."""

    def run(
        files: dict[str, str | bytes],
        model: str,
        *names: str,
        batch: Any = None,
        loader: str | None = None,
        **said: Any,
    ) -> Taken:
        opened = None if loader is None else {"target": loader, "validation": None, "batch_size": 32, "seed": 0}
        facts = measure(files, model, batch=batch, loader=opened)
        wishes = Wishes(model, loader=loader, **said)
        read = read_model(model, context.root, search_path=(), cwd=context.root)
        plan, _ = planned(wishes, read, facts, read_project(None, context.root, None), "torch")
        return Taken(tuple(take({**lab_request(read, wishes, facts, plan), "measurements": names}, context)))

    return run
