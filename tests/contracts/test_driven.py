"""A trainer is rendered for each kind of contract and driven: two steps through the project's own loop."""

from __future__ import annotations

import importlib
import math
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trainergen.runtime.probes import device, eval_is_pure, gradients, parameters_moved, round_trip, weights
from trainergen.runtime.probes.walk import walk

from ..projects import CONTRACTS
from . import houses
from .staged import Staged


@pytest.fixture(scope="module", autouse=True)
def data_are_imported() -> None:
    """What is forked has it: the projects' data come from there, and it takes 2 s to import."""
    importlib.import_module("sklearn.datasets")
    importlib.import_module("torch._dynamo")  # torch imports it at the first step


def in_a_child(work: Callable[..., None], *given: Any) -> None:
    """Run `work` in a forked process: what it imports is the project's."""
    child = multiprocessing.get_context("fork").Process(target=work, args=given)
    child.start()
    child.join(120)
    assert child.exitcode == 0


def drive(
    root: str, words: dict[str, Any], kind: str, module: str, symbol: str, pairs: bool, out: str, sibling: str
) -> None:
    """Open two sessions on the staged trainer and take the probes of the proof that need no control run."""
    os.chdir(root)
    sys.path.insert(0, root)
    sys.dont_write_bytecode = True
    torch.manual_seed(0)
    features, labels = torch.rand(16, 64), torch.arange(16) % 10
    batch: Any = [features, labels] if pairs else {"features": features, "targets": labels}
    contract = importlib.import_module(f"trainergen.contracts.{kind}.drive")
    staged = getattr(importlib.import_module(module), symbol)
    models = importlib.import_module("models")
    build = {"contract": words, "model": models.DigitsNet, "optimizer": lambda m: torch.optim.Adam(m.parameters())}

    def opened(number: int) -> Any:
        folder = Path(out) / str(number)
        return contract.open(staged, None, {"train": [batch], "validation": [batch]}, 0, run_directory=folder, device="cpu", build=build)  # fmt: skip

    first, second = opened(0), opened(1)
    second.model.load_state_dict(first.model.state_dict())
    attached = first.loss(batch)
    if words["takes_batch"]:
        assert attached.requires_grad
    taken = walk(first, [batch] * 8, seed=0)
    again = walk(second, [batch] * 8, seed=0)
    assert taken.losses == again.losses
    losses = [each for each in taken.losses if each is not None and math.isfinite(each)]
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    assert not gradients.measure(taken).faults
    stepped = parameters_moved.measure(taken)
    assert not stepped.faults, stepped.faults
    if first.optimizer is not None:
        assert taken.optimizer_steps == 8
        # a rate that is swept is the one that is stepped with, also where each call makes an optimizer of its own
        for group in first.optimizer.param_groups:
            group["lr"] = 0.0
        assert not walk(first, [batch], seed=0).moved
    pure = eval_is_pure.measure(first, seed=0)
    assert not pure.faults, pure.faults
    trip = round_trip.measure(first, second, batch, seed=0)
    assert not trip.faults, trip.faults
    end = weights.measure(first)
    assert not end.faults, end.faults
    there = device.measure(first, batch)
    assert not there.faults, there.faults
    if sibling:
        importlib.import_module(sibling)
    Path(out, "seen").write_text(f"{pure.numbers} {end.measured} {there.measured}")


@pytest.mark.parametrize("variant", CONTRACTS)
def test_two_steps_through_the_project_s_own_loop(variant: str, tmp_path: Path) -> None:
    staged = Staged(tmp_path / "project", variant)
    staged.give_settings()
    part = CONTRACTS[variant]()
    member = part.member("digits")
    (tmp_path / "out").mkdir()
    words = staged.words
    in_a_child(
        drive, str(staged.root), words, staged.contract.kind, member.module, member.symbol,
        part.batches == "pairs", str(tmp_path / "out"), part.member("wine").module,
    )  # fmt: skip
    assert (tmp_path / "out" / "seen").read_text()


@pytest.mark.parametrize(
    "base", [houses.EPOCH, houses.LOOP, houses.OUTPUTS, houses.PAIR], ids=["epoch", "loop", "outputs", "pair"]
)
def test_a_base_without_siblings_is_driven_too(base: str, tmp_path: Path) -> None:
    staged = Staged(tmp_path / "project", "first-shape", files=houses.house(base))
    staged.give_settings()
    member = CONTRACTS["first-shape"]().member("digits")
    (tmp_path / "out").mkdir()
    in_a_child(
        drive, str(staged.root), staged.words, staged.contract.kind, member.module, member.symbol,
        True, str(tmp_path / "out"), "",
    )  # fmt: skip
    assert (tmp_path / "out" / "seen").read_text()
