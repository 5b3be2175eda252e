"""What the examples claim before anything is generated: stated baselines, held-out data, the ranking batch."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/expect.json"))


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_there_are_six() -> None:
    assert len(NAMES) == 6


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_baseline_is_what_scikit_learn_gives_and_the_readme_says_the_same(name: str) -> None:
    baselines = load(EXAMPLES / "baselines.py", "examples_baselines")
    expected = json.loads((EXAMPLES / name / "expect.json").read_text())
    # Solvers differ in the last digits between versions; a held-out row weighs at least 0.002.
    assert baselines.BASELINES[name]() == pytest.approx(expected["baseline"], abs=0.002)
    readme = (EXAMPLES / name / "README.md").read_text()
    assert f"{expected['baseline']:.4f}" in readme
    assert " ".join(expected["arguments"]) in readme
    for key, value in expected["settings"].items():
        assert f"{expected['section']}.{key}={value}" in readme


def test_the_ranking_batch_keeps_its_contract_and_no_source_is_in_two_splits() -> None:
    data = load(EXAMPLES / "similarity_ranking" / "data.py", "examples_similarity_data")
    truth = json.loads((EXAMPLES / "similarity_ranking" / "constants" / "dataset_model_performance.json").read_text())
    sources: dict[str, set[str]] = {}
    for split in ("train", "val"):
        seen = []
        for batch in data.build_combined_similarity_loader(splits=(split,), batch_size=7):
            rows, models = batch["true_ranks"].shape
            assert batch["dataset_tokens"].shape[0] == rows and batch["dataset_tokens"].dim() == 3
            assert batch["model_tokens"].shape[:2] == (rows, models)
            assert batch["dataset_tokens"].dtype == batch["model_tokens"].dtype == torch.float32
            assert batch["true_ranks"].dtype == batch["model_indices"].dtype == torch.int64
            assert batch["model_indices"].shape == (rows, models)
            assert batch["dataset_splits"] == [split] * rows
            for dataset, names, ranks in zip(
                batch["dataset_names"], batch["model_names"], batch["true_ranks"].tolist(), strict=True
            ):
                scores = [truth[dataset][name] for name in names]
                assert ranks == [1 + sum(other > score for other in scores) for score in scores]
                seen.append(dataset)
        assert len(seen) == len(set(seen))
        sources[split] = {name.partition("-")[0] for name in seen}
    assert not sources["train"] & sources["val"]
    assert len(sources["train"] | sources["val"]) == 16


def test_an_unknown_split_is_refused_by_name() -> None:
    data = load(EXAMPLES / "similarity_ranking" / "data.py", "examples_similarity_data")
    with pytest.raises(ValueError, match="no split test"):
        data.build_combined_similarity_loader(splits=("test",))
