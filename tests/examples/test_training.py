"""Every example is generated, trained and checked as its README says; the ranking one also with the generated loader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from examples import check
from tests.conftest import Answer

RANKING_BATCH = (
    "dataset_tokens: float32[4,6,8]; model_tokens: float32[4,5,11]; true_ranks: int64[4,5] in [0,6); "
    "model_names: [str[5], str[5], str[5], str[5]]; dataset_names: str[4]; model_indices: int64[4,5] < 5; "
    "dataset_splits: str[4]"
)


@pytest.mark.slow
@pytest.mark.parametrize("example", check.examples())
def test_an_example_beats_its_baseline(example: str, tmp_path: Path) -> None:
    value = check.train(example, tmp_path / example)
    assert check.beats(example, value), f"{value} against {check.expectation(example)}"


@pytest.mark.slow
def test_without_a_loader_ranking_gets_the_combined_one_and_trains_on_the_real_truth(
    project: Path, trainergen: Callable[..., Answer]
) -> None:
    source = check.HERE / "similarity_ranking"
    shutil.copy(source / "model.py", project / "model.py")
    shutil.copytree(source / "constants", project / "constants")

    answer = trainergen("new", "--model", "model.py:SimilarityModel", "--batch", RANKING_BATCH)

    assert answer.exit == 0, answer.stdout
    assert "dataloader/similarity.py" in answer.stdout
    command = [sys.executable, "train.py", "SimilarityModel", "train_similarity_model.num_epochs=2"]
    trained = subprocess.run(command, capture_output=True, text=True)
    assert trained.returncode == 0, trained.stderr
    (history,) = project.glob("**/runs/*/history.jsonl")
    records = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 2
    assert records[-1]["validation"]["kendall_tau"] > 0
