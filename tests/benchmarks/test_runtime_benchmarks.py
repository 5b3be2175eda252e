"""The runtime's benchmarks run, small, and say what they mean to say; no figure of a clock is judged here."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def beside_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    torch.set_num_threads(1)


def tiny(**changes: Any) -> argparse.Namespace:
    sizes = {"width": 16, "depth": 2, "heads": 2, "length": 8, "vocabulary": 32, "batch": 2, "steps": 3}
    return argparse.Namespace(device="cpu", **(sizes | changes))


@pytest.mark.parametrize("name", ["raw", "ours", "ours, blocks computed again"])
def test_the_gpus_benchmark_runs_on_the_cpu(name: str) -> None:
    gpu = import_module("gpu")
    found = gpu.one_row(gpu.ROWS[name], tiny())
    # embeddings and head, places, two blocks of 12 w^2 weights, their biases and norms, the last norm
    assert found["parameters"] == 2 * 32 * 16 + 8 * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16
    assert found["tokens a second"] > 0
    assert found["MFU"] is None and found["syncs"] is None and found["peak GiB"] is None


def test_the_benchmarks_model_has_the_hundred_million_parameters_that_it_is_said_to_have() -> None:
    works = import_module("works")
    with torch.device("meta"):
        model = works.Transformer(8192, 768, 12, 12, 1024)
    assert sum(each.numel() for each in model.parameters()) == pytest.approx(100e6, rel=0.02)


def test_a_run_does_not_grow_and_parts_and_recomputing_hold_less(tmp_path: Path) -> None:
    memory = import_module("memory")
    grown = memory.growth(300, tmp_path)
    assert grown["steps"] == 300 and len(grown["resident"]) == 10
    assert grown["grown by"]["tensors"] == 0 and grown["grown by"]["objects"] < 100
    held = memory.peaks(32, tmp_path)
    assert held["4 parts"]["peak"] < 0.5 * held["all at once"]["peak"]
    assert held["blocks computed again"]["activations"] < 0.5 * held["all at once"]["activations"]
    assert held["both"]["peak"] < held["4 parts"]["peak"]
    assert held["blocks computed again"]["loss"] == held["all at once"]["loss"]
    assert held["4 parts"]["loss"] == pytest.approx(held["all at once"]["loss"], rel=1e-6)


def test_growth_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = import_module("memory")
    kept: list[torch.Tensor] = []
    plain = memory.Classifier.compute_loss

    def leaking(self: Any, batch: Any) -> torch.Tensor:
        loss: torch.Tensor = plain(self, batch)
        kept.append(loss.detach())
        return loss

    monkeypatch.setattr(memory.Classifier, "compute_loss", leaking)
    assert memory.growth(100, tmp_path)["grown by"]["tensors"] == 90


def test_what_a_resumed_run_did_otherwise_is_counted() -> None:
    resume = import_module("resume")
    steps = [{"samples": [step], "logits": str(step)} for step in range(30)]
    whole = {"steps": steps, "weights": "w"}
    same = resume.judge(whole, steps[:13], {"steps": steps[12:], "weights": "w"})
    assert same == {
        "equal": True,
        "wrong batches": 0,
        "other losses": 0,
        "again": 1,
        "missing": 0,
        "too many": 0,
        "steps after": 18,
    }
    other = [steps[12], {"samples": [13], "logits": "other"}, {"samples": [99], "logits": "other"}]
    worse = resume.judge(whole, steps[:13], {"steps": other, "weights": "v"})
    assert (worse["equal"], worse["wrong batches"], worse["other losses"], worse["missing"]) == (False, 1, 1, 15)


@pytest.mark.slow
def test_our_own_run_is_resumed_to_the_bit() -> None:
    found = import_module("resume").trial("ours", workers=2)
    assert found["equal"] and found["wrong batches"] == found["missing"] == 0, found


def test_every_contender_is_found_by_name_and_does_the_same_work(tmp_path: Path) -> None:
    contenders, works = import_module("contenders"), import_module("works")
    assert contenders.names()[:2] == ["raw", "ours"]
    ends: dict[str, list[torch.Tensor]] = {}
    for name in filter(contenders.is_installed, contenders.names()):
        torch.manual_seed(0)
        watched = works.Watched(works.mlp(), 5, count_calls=True)
        contenders.load(name).train(contenders.Work(watched, works.vectors(20), works.sgd), tmp_path / name)
        assert watched.figures()["calls"] > 100
        ends[name] = [each.detach() for each in watched.parameters()]
    assert {"raw", "ours"} <= ends.keys()
    for name, end in ends.items():
        assert all(torch.equal(one, other) for one, other in zip(end, ends["raw"], strict=True)), name
